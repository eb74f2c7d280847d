"""Every rule of the condition language, of the reference and of the leaf engine alike."""

import pytest

from services.segments.domain.definition import define
from services.segments.domain.evaluate import is_true
from services.segments.domain.parse import parse
from services.segments.domain.ruleset import Ruleset
from tests.unit.segments.case import Case
from tests.unit.segments.cases import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_holds_of_the_reference(case: Case) -> None:
    assert is_true(define(parse(case.condition), {}), case.events, case.facts, case.t) is case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_holds_of_the_states(case: Case) -> None:
    ruleset = Ruleset.build({1: define(parse(case.condition), {})})
    for states in (
        ruleset.fold({}, reversed(case.events), case.facts),
        ruleset.refold(case.events, case.t, case.facts),
    ):
        assert ruleset.evaluate(states, case.facts, case.t, case.events).truths == {1: case.expected}
