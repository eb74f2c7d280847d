"""Ready-made definitions: read with every value they allow, and meaning what they say."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import pytest

from services.segments.domain.definition import define
from services.segments.domain.evaluate import is_true
from services.segments.domain.facts import ProfileFacts
from services.segments.domain.parse import parse
from services.segments.domain.render import to_json
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.templates import TEMPLATES
from services.segments.domain.templates_parameters import Amount, Count, Days, Parameter, Span, Word
from services.segments.domain.templates_shape import Template
from shared.language.errors import ConditionError
from tests.unit.segments.case import PROFILE_ID
from tests.unit.segments.template_cases import TOLD, Told


def _extremes(parameter: Parameter) -> tuple[object, ...]:
    match parameter:
        case Days():
            return "P0D", "P366D"
        case Word(options=None, nullable=nullable):
            return ("x", "x" * 200, None) if nullable else ("x", "x" * 200)
        case Word(options=options):
            return options or ()
        case Amount(nullable=True):
            return parameter.least, parameter.most, None
        case Amount() | Count() | Span():
            return parameter.least, parameter.most


def _beyond(parameter: Parameter) -> tuple[object, ...]:
    match parameter:
        case Days():
            return "-P1D", "P367D", "PT24H", 3, None
        case Word(options=None):
            return "", "x" * 201, "a\x00b", 1
        case Word():
            return "x", "", None
        case Amount() | Count():
            return parameter.least - 1, parameter.most + 1, str(parameter.least), True
        case Span():
            return "PT1S", "P3651D", "P1Y", 30, None


def _room_for(template: Template, name: str) -> Mapping[str, object]:
    """So that the durations rise, however short or long the one of that name is."""
    if name not in template.rising:
        return {}
    place = template.rising.index(name)
    return {
        other: "PT1M" if position < place else "P3650D"
        for position, other in enumerate(template.rising)
        if position != place
    }


def _fillings() -> Iterator[tuple[str, Mapping[str, object]]]:
    for template in TEMPLATES.values():
        yield template.key, {}
        for parameter in template.parameters:
            for value in _extremes(parameter):
                given = {**_room_for(template, parameter.name), parameter.name: value}
                if not _collapses(template, given):
                    yield template.key, given


def _collapses(template: Template, given: Mapping[str, object]) -> bool:
    """The shortest has nothing shorter before it, the longest nothing longer after it."""
    lengths = [given.get(name) for name in template.rising]
    return any(one == other and one is not None for one, other in pairwise(lengths))


@pytest.mark.parametrize(("key", "given"), list(_fillings()))
def test_a_template_makes_a_condition_of_whatever_it_allows(key: str, given: Mapping[str, object]) -> None:
    condition = parse(TEMPLATES[key].fill(given))
    assert parse(to_json(condition)) == condition


@pytest.mark.parametrize("template", list(TEMPLATES.values()), ids=lambda template: template.key)
def test_what_a_template_does_not_allow_is_refused_by_name(template: Template) -> None:
    for parameter in template.parameters:
        for value in _beyond(parameter):
            with pytest.raises(ConditionError) as refused:
                template.fill({**_room_for(template, parameter.name), parameter.name: value})
            assert [fault["loc"] for fault in refused.value.errors] == [[parameter.name]], value
    with pytest.raises(ConditionError) as unknown:
        template.fill({"colour": "red"})
    assert [fault["loc"] for fault in unknown.value.errors] == [["colour"]]


@pytest.mark.parametrize("template", [t for t in TEMPLATES.values() if t.rising], ids=lambda template: template.key)
def test_durations_that_must_rise_do(template: Template) -> None:
    shorter, longer = template.rising
    with pytest.raises(ConditionError) as refused:
        template.fill({shorter: "P7D", longer: "P1W"})
    assert [fault["loc"] for fault in refused.value.errors] == [[longer]]


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told.sentence)
def test_a_template_means_what_it_says(told: Told) -> None:
    definition = define(parse(TEMPLATES[told.template].fill(told.parameters)), {})
    facts = ProfileFacts(PROFILE_ID, told.traits, told.life_events)
    assert is_true(definition, told.events, facts, told.t) is told.expected
    ruleset = Ruleset.build({1: definition})
    assert ruleset.evaluate(ruleset.refold(told.events, told.t), facts, told.t).truths == {1: told.expected}


@pytest.mark.parametrize("key", list(TEMPLATES))
def test_every_template_is_shown_to_be_true_and_to_be_false(key: str) -> None:
    assert {told.expected for told in TOLD if told.template == key} == {True, False}


@pytest.mark.parametrize("template", list(TEMPLATES.values()), ids=lambda template: template.key)
def test_what_is_shown_of_a_template_is_what_it_takes(template: Template) -> None:
    shown = template.shown()
    defaults = {parameter.name: parameter.default for parameter in template.parameters}
    assert shown["condition"] == template.fill(defaults)
    assert shown["description"]
    assert set(shown) == {"key", "name", "description", "parameters", "condition"}
