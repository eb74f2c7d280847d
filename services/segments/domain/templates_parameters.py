"""What a ready-made definition asks for: each parameter with its default, its unit and the values it may take."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from shared.language.durations import format_day_offset, format_duration, parse_day_offset, parse_duration
from shared.language.exact import Number, is_number, normal, within_limits

MOST_DAYS = 366
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum of money, in whatever the orders say."""

    name: str
    description: str
    default: Number | None
    nullable: bool = False
    least: Number = Decimal("0.01")
    most: Number = 10**12

    def read(self, value: object) -> Number:
        if not is_number(value) or not within_limits(value) or not self.least <= value <= self.most:
            raise ValueError(f"must be a number from {self.least} to {self.most}")
        return value

    def shown(self) -> dict[str, object]:
        return {"type": "number", "unit": "amount of money", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Count:
    """So many of something."""

    name: str
    description: str
    default: int
    unit: str
    least: int = 1
    most: int = 1000
    nullable: Literal[False] = False

    def read(self, value: object) -> int:
        whole = normal(value) if is_number(value) and within_limits(value) else None
        if not isinstance(whole, int) or not self.least <= whole <= self.most:
            raise ValueError(f"must be a whole number from {self.least} to {self.most}")
        return whole

    def shown(self) -> dict[str, object]:
        return {"type": "integer", "unit": self.unit, "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time."""

    name: str
    description: str
    default: str
    least: str = "PT1M"
    most: str = "P3650D"
    nullable: Literal[False] = False

    def read(self, value: object) -> str:
        length = parse_duration(value)
        if not parse_duration(self.least) <= length <= parse_duration(self.most):
            raise ValueError(f"must be from {self.least} to {self.most}")
        return format_duration(length)

    def shown(self) -> dict[str, object]:
        return {"type": "duration", "unit": "ISO 8601 duration", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days before or after a date."""

    name: str
    description: str
    default: str
    nullable: Literal[False] = False

    def read(self, value: object) -> int:
        days = parse_day_offset(value)
        if not 0 <= days <= MOST_DAYS:
            raise ValueError(f"must be from P0D to {format_day_offset(MOST_DAYS)}")
        return days

    def shown(self) -> dict[str, object]:
        unit = "ISO 8601 duration in whole days or weeks"
        return {"type": "duration", "unit": unit, "minimum": "P0D", "maximum": format_day_offset(MOST_DAYS)}


@dataclass(frozen=True, slots=True)
class Word:
    """A name of the caller's own, or one of `options`."""

    name: str
    description: str
    default: str | None
    nullable: bool = False
    options: tuple[str, ...] | None = None

    def read(self, value: object) -> str:
        if self.options is not None and value not in self.options:
            raise ValueError(f"must be one of {', '.join(self.options)}")
        if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT or not value.isprintable():
            raise ValueError(f"must be a text of 1 to {LONGEST_TEXT} characters that can be printed")
        return value

    def shown(self) -> dict[str, object]:
        shown: dict[str, object] = {"type": "string", "unit": None}
        return shown | ({"options": list(self.options)} if self.options else {"maximum_length": LONGEST_TEXT})


Parameter = Amount | Count | Span | Days | Word


def read_parameter(parameter: Parameter, given: Mapping[str, object]) -> object:
    """What is given, else the default. Raises ValueError with a message for the caller."""
    value = given.get(parameter.name, parameter.default)
    return None if value is None and parameter.nullable else parameter.read(value)


def show_parameter(parameter: Parameter) -> dict[str, object]:
    named = {"name": parameter.name, "description": parameter.description, "default": parameter.default}
    return {**named, "nullable": parameter.nullable, **parameter.shown()}
