"""Who is meant by an upload."""

import pytest

from services.segments.api.list_bodies import MOST, people_in
from shared.plumbing.errors import Invalid, Malformed, TooLarge
from shared.schemas.resolved import Identifier

CSV, JSON = "text/csv; charset=utf-8", "application/json"
PROFILE = "01981c6e-7a4b-7c3e-9d2f-0a1b2c3d4e5f"


def named(*pairs: tuple[str, str]) -> list[Identifier]:
    return [Identifier(namespace=namespace, value=value) for namespace, value in pairs]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("user_id\nann\nben\n", None),
        ("\ufeffuser_id\r\n ann \r\n\r\nben", None),
        (' user_id \n"ann"\nben\n', None),
        ("first_name,user_id\nAnn,ann\nBen,ben\nNobody\nNobody,\n", "user_id"),
        ('first_name;user_id\n"Ann; the first, of all";ann\nBen;ben\n', "user_id"),
        ("user_id\tcity\nann\tGraz\nben\t\n", "user_id"),
        ("user_id\nann,,\nben, \n", None),
    ],
)
def test_a_csv_names_people_by_the_namespace_in_its_first_line(text: str, column: str | None) -> None:
    assert people_in(text.encode(), kind=CSV, column=column) == named(("user_id", "ann"), ("user_id", "ben"))


def test_json_names_people_in_three_ways() -> None:
    body = b'{"identifiers": [{"namespace": "email", "value": "a@b"}], "user_ids": ["ann"], "profile_ids": ["%s"]}'
    found = people_in(body % PROFILE.encode(), kind="application/x-www-form-urlencoded")
    assert found == named(("email", "a@b"), ("user_id", "ann"), ("profile_id", PROFILE))
    assert people_in(b'{"user_ids": []}', kind=JSON) == []
    assert people_in(b"email\n", kind=CSV) == []


@pytest.mark.parametrize(
    ("kind", "content", "column", "loc"),
    [
        (CSV, b"ann@example.com\nben@example.com\n", None, ["body", "0"]),
        (CSV, b"", None, ["body", "0"]),
        (CSV, b"user_id,email\nann,a\n", None, ["query", "column"]),
        (CSV, b"user_id\nann\n", "email", ["query", "column"]),
        (CSV, b"user_id,user_id\nann,ben\n", "user_id", ["query", "column"]),
        (CSV, b"name,user_id\nAnn,ann\nBen, the second,ben\n", "user_id", ["body", "2"]),
        (CSV, b"user_id;name\nann;Ann\n", None, ["query", "column"]),
        (CSV, b'{"user_ids": ["ann"]}', None, ["body", "0"]),
        (JSON, b"{}", None, ["body"]),
        (JSON, b'["ann"]', None, ["body"]),
        (JSON, b'{"user_ids": [1]}', None, ["body", "user_ids", 0]),
        (JSON, b'{"user_ids": [""]}', None, ["body", "user_ids", 0]),
        (JSON, b'{"profile_ids": ["ann"]}', None, ["body", "profile_ids", 0]),
        (JSON, b'{"emails": []}', None, ["body", "emails"]),
        (JSON, b'{"identifiers": [{"value": "a"}]}', None, ["body", "identifiers", 0, "namespace"]),
    ],
)
def test_what_does_not_name_people_is_refused_with_the_place(
    kind: str, content: bytes, column: str | None, loc: list[str | int]
) -> None:
    with pytest.raises(Invalid) as refused:
        people_in(content, kind=kind, column=column)
    assert loc in [error["loc"] for error in refused.value.errors]


@pytest.mark.parametrize("content", ["", "user_id", "\ufeffuser_id\r\n", "user_id\n\n \n"])
def test_a_file_that_names_nobody_replaces_nobody(content: str) -> None:
    with pytest.raises(Invalid):
        people_in(content.encode(), kind=CSV, replace=True)
    assert people_in(b'{"user_ids": []}', kind=JSON, replace=True) == []


def test_columns_that_are_not_understood_are_named_with_those_that_are() -> None:
    for content, column in ((b"user_idd,city\nann,Graz\n", None), (b"user_idd,city\nann,Graz\n", "user_id")):
        with pytest.raises(Invalid) as refused:
            people_in(content, kind=CSV, column=column)
        assert all(
            name in refused.value.errors[0]["msg"] for name in ("user_idd, city", "user_id, anonymous_id, email")
        )


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (CSV, b"user_id\n\xff\n"),
        (CSV, "user_id\nann\n".encode("utf-16")),
        (CSV, b'user_id\n"ann\n'),
        (JSON, b"user_id\nann\n"),
        (JSON, b""),
        (JSON, b"[" * 9999),
    ],
)
def test_what_cannot_be_read_is_refused(kind: str, content: bytes) -> None:
    with pytest.raises(Malformed):
        people_in(content, kind=kind)


def test_one_upload_names_so_many_people_and_no_more() -> None:
    assert len(people_in(b"user_id\n" + b"x\n" * MOST, kind=CSV)) == MOST
    with pytest.raises(TooLarge):
        people_in(b"user_id\n" + b"x\n" * (MOST + 1), kind=CSV)
