"""Selections as Python: one function for each event name, which gives an event to the leaves that select it.

A path that several leaves look at is looked up once. Leaves that ask the same property to equal one of some texts or numbers
stand in a table by that value, so that those of other values cost nothing. Whatever comes from a condition reaches the
function as a constant under a name that is counted here; none of it is ever written into the source.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never, cast

from services.segments.domain.condition import Trait
from services.segments.domain.engine import values
from services.segments.domain.engine.keeper import Keeper, Leaves, Use
from services.segments.domain.facts import Event, ProfileFacts
from shared.language.predicates import Changed, ContextTest, Each, Predicate, PropertyTest, by_themselves, referring

# `touched` collects the keepers that may have taken something in, some of them twice.
Give = Callable[[Leaves, Event, int, list[Keeper], ProfileFacts], None]
Test = Callable[[Mapping[str, object], Mapping[str, object]], bool]

FEWEST = 3  # leaves that a table is worth
MOST = 20  # values of one leaf in a table, each of which has its own lines


@dataclass(frozen=True, slots=True)
class Selecting:
    """One use of one leaf, and what is still to be asked of an event of that name."""

    keeper: Keeper
    use: Use
    where: tuple[Predicate, ...]


def compiled_for(name: str, keepers: Iterable[Keeper]) -> Give:
    """The function for events of that name."""
    uses = [(keeper, use) for keeper in keepers for use in keeper.uses() if name in use.selection.names]
    module = _Module()
    entry = module.give([Selecting(keeper, use, by_themselves(use.selection.where)) for keeper, use in uses])
    return cast(Give, module.run()[entry])


def compiled_traits(traits: Mapping[str, Trait]) -> dict[str, Test]:
    """For each a function of the traits."""
    module = _Module()
    names = {key: module.test((PropertyTest(leaf.path, leaf.op, leaf.value),)) for key, leaf in traits.items()}
    made = module.run()
    return {key: made[name] for key, name in names.items()}


class _Module:
    """Functions that are being written, and the constants that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {name: getattr(values, name) for name in values.__all__}
        self.tables: dict[str, dict[object, str]] = {}
        self._paths: dict[str, str] = {}
        self._count = 0

    def run(self) -> dict[str, Any]:
        exec("\n".join(self.lines), self.names)  # noqa: S102 (written here, of names that are counted here)
        for table, functions in self.tables.items():
            self.names[table] = {value: self.names[function] for value, function in functions.items()}
        return self.names

    def name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def constant(self, value: object) -> str:
        name = self.name("c")
        self.names[name] = value
        return name

    def path(self, path: str) -> str:
        """One name for each path, so that the same is looked up once."""
        if path not in self._paths:
            self._paths[path] = self.constant(path)
        return self._paths[path]

    def give(self, selecting: Sequence[Selecting]) -> str:
        body = _Body(self)
        body.setup += ["properties = event.properties", "context = event.context"]
        tables, others = _switched(selecting)
        for path, cases in tables.items():
            body.switch(path, cases)
        for one in others:
            body.give(one)
        return self._function("give", "leaves, event, at, touched, facts", body)

    def test(self, predicates: Iterable[Predicate]) -> str:
        body = _Body(self)
        body.lines.append(f"return {body.all_hold(predicates)}")
        return self._function("test", "properties, context, facts=None", body)

    def parts(self, predicates: Iterable[Predicate]) -> str:
        body = _Body(self)
        body.lines.append(f"return {body.parts(predicates)}")
        return self._function("parts", "properties, context, facts", body)

    def _function(self, prefix: str, parameters: str, body: "_Body") -> str:
        name = self.name(prefix)
        self.lines.append(f"def {name}({parameters}):")
        self.lines += [f"    {line}" for line in (*body.setup, *body.lines, "return None")]
        return name


class _Body:
    """One function. `setup` finds the values that `lines` look at."""

    def __init__(self, module: _Module) -> None:
        self.module = module
        self.setup: list[str] = []
        self.lines: list[str] = []
        self._found: dict[str, str] = {}
        self._ordered: list[Any] = []

    def give(self, one: Selecting) -> None:
        indent = ""
        if one.where:
            self.lines.append(f"if {self.all_hold(one.where)}:")
            indent = "    "
        condition, arguments = self._given(one.use)
        if condition:
            self.lines.append(f"{indent}if {condition}:")
            indent += "    "
        if one.use.give != "order" or one.use.take not in self._ordered:  # orders are shared: one takes it in for all
            if one.use.this is not None:
                arguments += f", end=end_of(at, {self.module.constant(one.use.this)}, facts)"
            self.lines.append(f"{indent}{self.module.constant(one.use.take)}({arguments})")
            self._ordered.append(one.use.take)
        self.lines.append(f"{indent}touched.append({self.module.constant(one.keeper)})")

    def _given(self, use: Use) -> tuple[str, str]:
        """What must be so of the event beyond its selection, and with what the leaf takes it in."""
        match use.give:
            case "time":
                return "", "leaves, at"
            case "number":
                value = self._one("properties", use.path)
                return f"{value}.__class__ in NUMBERS", f"leaves, at, normal({value})"
            case "value":
                text = self._once(f"text_of({self._one('properties', use.path)})")
                return f"{text} is not None", f"leaves, at, {text}"
            case "order":
                return "", f"leaves, at, event, {self._once('order_id_of(event)')}"
            case "values":
                found = ", ".join(f"scalar({self._one('properties', path)})" for path in use.paths)
                return "", f"leaves, at, [{found}]"
            case "parts":
                return "", f"leaves, at, {self.parts(use.selection.where)}"
            case _:
                assert_never(use.give)

    def switch(self, path: str, cases: Mapping[object, Sequence[Selecting]]) -> None:
        table, value = self.module.name("table"), self._one("properties", path)
        self.module.tables[table] = {case: self.module.give(asked) for case, asked in cases.items()}
        self.lines.append(f"if {value}.__class__ in SWITCHED and (case := {table}.get({value})) is not None:")
        self.lines.append("    case(leaves, event, at, touched, facts)")

    def all_hold(self, predicates: Iterable[Predicate]) -> str:
        return " and ".join(self._holds(predicate) for predicate in predicates) or "True"

    def _holds(self, predicate: Predicate) -> str:
        match predicate:
            case PropertyTest():
                return self._compared("properties", predicate)
            case ContextTest():
                return self._compared("context", predicate)
            case Each(path, where):
                return f"some({self._one('properties', path)}, {self.module.test(where)}, context, facts)"
            case Changed():
                return f"is_changed({self.module.constant(predicate)}, properties)"
            case _:
                assert_never(predicate)

    def parts(self, predicates: Iterable[Predicate]) -> str:
        """What an event has to compare with a first step."""
        return f"[{', '.join(self._part(predicate) for predicate in referring(predicates))}]"

    def _part(self, predicate: Predicate) -> str:
        match predicate:
            case PropertyTest(path):
                return f"scalars({self._once(f'find_all(properties, {self.module.path(path)})')})"
            case Each(path, where):
                test, parts = self.module.test(by_themselves(where)), self.module.parts(where)
                return f"of_each({self._one('properties', path)}, {test}, {parts}, context, facts)"
            case ContextTest() | Changed():
                raise AssertionError("does not refer to the first step")
            case _:
                assert_never(predicate)

    def _compared(self, root: str, test: PropertyTest | ContextTest) -> str:
        if isinstance(test, PropertyTest) and test.of is not None:
            found = self._once(f"find_all({root}, {self.module.path(test.path)})")
            of = self._once("facts.traits") if test.of.root == "trait" else root
            other = self._once(f"find_one({of}, {self.module.path(test.of.path)})")
            return f"holds({self.module.constant(test.op)}, {found}, {other})"
        if "." in test.path:
            found = self._once(f"find_all({root}, {self.module.path(test.path)})")
            return f"holds({self.module.constant(test.op)}, {found}, {self.module.constant(test.value)})"
        return values.compared(test.op, self._one(root, test.path), test.value, self.module.constant)

    def _one(self, root: str, path: str) -> str:
        """The variable with the one value at the path."""
        if "." in path:
            return self._once(f"find_one({root}, {self.module.path(path)})")
        return self._once(f"{root}.get({self.module.path(path)})")

    def _once(self, expression: str) -> str:
        if expression not in self._found:
            self._found[expression] = name = self.module.name("v")
            self.setup.append(f"{name} = {expression}")
        return self._found[expression]


def _switched(asked: Sequence[Selecting]) -> tuple[dict[str, dict[object, list[Selecting]]], list[Selecting]]:
    """By path and value those that ask a property to equal it, and the others."""
    popular = Counter(path for one in asked for path in {p.path for p in one.where if _choices(p) is not None})
    tables: dict[str, dict[object, list[Selecting]]] = {}
    others: list[Selecting] = []
    for one in asked:
        choices = [p for p in one.where if _choices(p) is not None and popular[p.path] >= FEWEST]
        if not choices:
            others.append(one)
            continue
        asks = max(choices, key=lambda p: popular[p.path])
        rest = replace(one, where=tuple(p for p in one.where if p is not asks))
        for value in _choices(asks) or ():
            tables.setdefault(asks.path, {}).setdefault(value, []).append(rest)
    return tables, others


def _choices(predicate: Predicate) -> frozenset[object] | None:
    """The texts and numbers of which the property must be one; None if it is asked something else."""
    if not isinstance(predicate, PropertyTest) or "." in predicate.path or predicate.of is not None:
        return None
    if predicate.op == "in" and isinstance(predicate.value, list) and len(predicate.value) <= MOST:
        listed = predicate.value
    elif predicate.op == "=":
        listed = [predicate.value]
    else:
        return None
    return frozenset(listed) if all(value.__class__ in values.SWITCHED for value in listed) else None
