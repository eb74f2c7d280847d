"""The parameters of one query, and names within it."""


class Parameters:
    """Numbered from $2: $1 are the lanes, which the caller gives. The same value twice is one parameter."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._aliases = 0

    def add(self, value: object, kind: str) -> str:
        """The expression that stands for the value, of the SQL type `kind`."""
        number = self._numbers.setdefault((kind, repr(value)), len(self.values) + 2)
        if number == len(self.values) + 2:
            self.values.append(value)
        return f"${number}::{kind}"

    def alias(self, what: str) -> str:
        """A name that nothing else in the query has."""
        self._aliases += 1
        return f"{what}_{self._aliases}"
