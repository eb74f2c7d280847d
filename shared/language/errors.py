"""The one refusal of this package: a definition that does not say what it must."""

from collections.abc import Iterable
from typing import TypedDict


class Fault(TypedDict):
    loc: list[str | int]
    msg: str


class ConditionError(ValueError):
    """Refused; `errors` lists every fault with the path to it, never empty."""

    def __init__(self, errors: Iterable[Fault]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(f"{'.'.join(map(str, e['loc'])) or '(root)'}: {e['msg']}" for e in self.errors))
