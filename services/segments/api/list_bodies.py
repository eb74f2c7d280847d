"""Who is meant by an upload: JSON, or CSV whose first line names the namespace."""

import asyncio
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.segments.domain.lists import understood
from shared.plumbing import json
from shared.plumbing.errors import Invalid, Malformed, TooLarge
from shared.plumbing.http import read_bytes
from shared.schemas.resolved import Identifier

MOST = 100_000
MOST_BYTES = 32 * 1024 * 1024
MOST_FAULTS = 20  # shown
_NAMESPACE = re.compile(r"[A-Za-z][\w.-]{0,63}")
_DELIMITERS = (",", ";", "\t")
Value = Annotated[str, Field(min_length=1, max_length=512)]


class IdentifierGiven(BaseModel):
    model_config = ConfigDict(extra="forbid")

    namespace: Annotated[str, Field(min_length=1, max_length=64)]
    value: Value


class PeopleGiven(BaseModel):
    """At least one of the three; all who are named in any are meant. An empty list is nobody."""

    model_config = ConfigDict(extra="forbid")

    identifiers: list[IdentifierGiven] | None = None
    user_ids: list[Value] | None = None
    profile_ids: list[UUID] | None = None

    @model_validator(mode="after")
    def some(self) -> Self:
        """Refuse what names nobody in any way."""
        if self.identifiers is None and self.user_ids is None and self.profile_ids is None:
            raise ValueError("give identifiers, user_ids or profile_ids")
        return self

    def all(self) -> list[Identifier]:
        """Of all three."""
        return [
            *(Identifier(namespace=each.namespace, value=each.value) for each in self.identifiers or ()),
            *(Identifier(namespace="user_id", value=value) for value in self.user_ids or ()),
            *(Identifier(namespace="profile_id", value=str(value)) for value in self.profile_ids or ()),
        ]


def _schema() -> dict[str, Any]:
    """In one piece: a body that the framework does not read has no place for parts."""
    schema = PeopleGiven.model_json_schema()
    schema["properties"]["identifiers"]["anyOf"][0]["items"] = schema.pop("$defs")["IdentifierGiven"]
    return schema


BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"Up to {MOST:,} people. CSV: the first line names the namespace (`user_id`, `anonymous_id`, `email`, `phone`, `profile_id` or one of "
        "yours), each other line one value. Anything but `text/csv` is read as JSON.",
        "content": {
            "application/json": {
                "schema": _schema(),
                "example": {
                    "identifiers": [{"namespace": "email", "value": "ann@example.com"}],
                    "user_ids": ["ben", "cleo"],
                },
            },
            "text/csv": {"schema": {"type": "string"}, "example": "user_id\nann\nben\n"},
        },
    }
}


async def read_people(request: Request, column: str | None, *, replace: bool) -> list[Identifier]:
    """Everybody named, in order; to `replace` whoever is on a list, a CSV names somebody. Raises TooLarge, Malformed or Invalid."""
    body, kind = await read_bytes(request, limit=MOST_BYTES), request.headers.get("content-type", "")
    # in a thread: 100,000 of them take a while, and requests are answered by this loop, too
    return await asyncio.to_thread(people_in, body, kind=kind, column=column, replace=replace)


def people_in(body: bytes, *, kind: str, column: str | None = None, replace: bool = False) -> list[Identifier]:
    """The same, of a body of this content type."""
    is_csv = kind.split(";", maxsplit=1)[0].strip().lower() == "text/csv"
    people = _of_csv(body, column) if is_csv else _of_json(body)
    if is_csv and replace and not people:
        raise _refused("1", 'names nobody; who is to take everybody off sends the JSON {"user_ids": []}')
    if len(people) > MOST:
        raise TooLarge(f"One upload names up to {MOST:,} people; send the others with POST, which adds them.")
    return people


def _of_json(body: bytes) -> list[Identifier]:
    try:
        return PeopleGiven.model_validate(json.loads(body)).all()
    except json.JsonError as error:
        raise Malformed("The body is not JSON. A CSV file goes with `Content-Type: text/csv`.") from error
    except ValidationError as error:
        faults = [{"loc": ["body", *fault["loc"]], "msg": fault["msg"]} for fault in error.errors()[:MOST_FAULTS]]
        raise Invalid.of(faults) from error


def _of_csv(body: bytes, column: str | None) -> list[Identifier]:
    try:
        text = body.decode("utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = max(_DELIMITERS, key=first.count)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        names = [cell.strip() for cell in next(rows, [])]
        place = _place(names, column)
        values = _column(rows, place, len(names))
        return [Identifier(namespace=names[place], value=value) for value in values if value]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Malformed(f"The body is not CSV in UTF-8: {error}") from error


def _column(rows: Iterable[Sequence[str]], place: int, width: int) -> Iterator[str]:
    """The values in this place; what follows a value with a bare comma in it stands in a wrong one."""
    for number, row in enumerate(rows, start=1):
        if any(cell.strip() for cell in row[width:]):
            raise _refused(str(number), f"has {len(row)} values, and the first line {width}")
        if place < len(row):
            yield row[place].strip()


def _place(names: Sequence[str], column: str | None) -> int:
    found = f"found: {', '.join(names)}; understood: {understood()}"[:500]
    if column is not None:
        if names.count(column) != 1:
            raise _refused("column", f"is not in the first line, once; {found}", place="query")
        return names.index(column)
    if len(names) > 1:
        raise _refused("column", f"says which of several columns names the people; {found}", place="query")
    if not names or not _NAMESPACE.fullmatch(names[0]):
        raise _refused("0", f"the first line names the namespace; {found}")
    return 0


def _refused(field: str, msg: str, *, place: str = "body") -> Invalid:
    return Invalid.of([{"loc": [place, field], "msg": msg}])
