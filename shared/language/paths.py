"""Dotted paths into objects, and through lists of them."""

from collections.abc import Iterator, Mapping


def find_all(root: object, path: str) -> list[object]:
    """Every value the path leads to, without nulls: a step that meets a list goes on in each of its objects."""
    if not isinstance(root, Mapping):
        return []
    if path in root:  # a top-level key that is the whole path wins
        return [] if root[path] is None else [root[path]]
    return list(_walk(root, path.split(".")))


def find_one(root: object, path: str) -> object:
    """The value at the path, None where it is missing; a path that leads through a list is missing."""
    if not isinstance(root, Mapping):
        return None
    if path in root:
        return root[path]
    found: object = root
    for step in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(step)
    return found


def _walk(found: object, steps: list[str]) -> Iterator[object]:
    if not steps:
        if found is not None:
            yield found
    elif isinstance(found, Mapping):
        if steps[0] in found:
            yield from _walk(found[steps[0]], steps[1:])
    elif isinstance(found, list):
        for element in found:
            if isinstance(element, Mapping):
                yield from _walk(element, steps)
