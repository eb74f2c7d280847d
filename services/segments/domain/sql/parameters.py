"""The parameters of one query."""


class Parameters:
    """Numbered from $2: $1 are the lanes, which the caller gives."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def add(self, value: object, kind: str) -> str:
        """The expression that stands for the value, of the SQL type `kind`."""
        self.values.append(value)
        return f"${len(self.values) + 1}::{kind}"
