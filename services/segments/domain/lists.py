"""Static lists: which of them a profile is on is a fact of it, kept among its traits under a name that callers cannot use.

`{"$lists": {segment id: since when}}`. So a list is a segment whose condition is that the profile has this fact.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from shared.language.reading import Loc, Object

LISTS = "$lists"
NAMESPACES = ("user_id", "anonymous_id", "email", "phone", "profile_id")
Lists = Mapping[str, str]


def understood() -> str:
    """In what people can be named, in words."""
    return f"{', '.join(NAMESPACES)}, or a namespace of yours in which somebody is known"


def unheard_of(named: Iterable[tuple[str, bool]]) -> list[str]:
    """Of the namespaces of those named, and whether each is known, those that may well be mistyped."""
    named = set(named)
    return sorted({name for name, _ in named} - {name for name, is_known in named if is_known} - {*NAMESPACES})


def list_condition(segment_id: UUID) -> dict[str, Any]:
    return {"trait": f"{LISTS}.{segment_id}", "op": "exists"}


def is_list(condition: Mapping[str, Any]) -> bool:
    """Whether this is a list's own condition, which no caller can write."""
    return _is_reserved(condition.get("trait"))


def shown_condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    """As callers see it: `kind`, and the condition of what is no list."""
    return {"kind": "list", "condition": None} if is_list(condition) else {"kind": "condition", "condition": condition}


def reserved_places(condition: object) -> list[Loc]:
    """Where a caller's condition names the fact."""
    found: list[Loc] = []
    pending: list[tuple[Loc, object]] = [((), condition)]
    while pending:  # not recursive: nothing limits how deep a value is nested
        loc, value = pending.pop()
        if isinstance(value, Mapping):
            found += [(*loc, key) for key, inner in value.items() if key.startswith("trait") and _is_reserved(inner)]
            pending += [((*loc, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            pending += [((*loc, position), inner) for position, inner in enumerate(value)]
    return found


def _is_reserved(path: object) -> bool:
    return isinstance(path, str) and path.split(".")[0] == LISTS


def lists_of(traits: Mapping[str, Any]) -> Lists:
    found = traits.get(LISTS)
    return found if isinstance(found, dict) else {}


def with_lists(traits: Mapping[str, Any], lists: Lists) -> dict[str, Any]:
    """These traits, whatever they say of lists themselves, of a profile that is on these."""
    if not lists and LISTS not in traits:
        return dict(traits)
    own = {key: value for key, value in traits.items() if key != LISTS}
    return {**own, LISTS: dict(lists)} if lists else own


def unite(one: Lists, other: Lists) -> dict[str, str]:
    """The lists of two that are one person, each since it was first on it."""
    return {key: min(lists[key] for lists in (one, other) if key in lists) for key in one.keys() | other.keys()}


def show_lists(node: Object) -> Object:
    """An explained tree with lists called so."""
    shown = dict(node)
    condition = shown.get("condition")
    if isinstance(condition, Mapping) and is_list(condition):
        found = shown["facts"]["found"]  # type: ignore[index]
        return {**shown, "kind": "list", "condition": {"list": True}, "facts": {"since": next(iter(found), None)}}
    if isinstance(shown.get("children"), list):
        shown["children"] = [show_lists(child) for child in shown["children"]]  # type: ignore[attr-defined]
    if isinstance(shown.get("segments"), Mapping):
        shown["segments"] = {key: show_lists(tree) for key, tree in shown["segments"].items()}  # type: ignore[attr-defined]
    return shown
