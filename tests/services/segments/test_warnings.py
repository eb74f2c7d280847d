"""What a segment is warned of, by what has been seen of all events so far."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import services.segments
from services.segments.service.met import Met
from services.segments.store import met
from shared.plumbing.db import Connection
from shared.plumbing.migrate import upgrade
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import did, known, person

SPENT = {"all": [{"not": {"spend": "total", "op": ">=", "value": 100}}]}
IN_EUROS = {"spend": "total", "currency": "EUR", "op": ">=", "value": 100}


async def _warnings(segments: Standing, key: str) -> list[Any]:
    shown = await segments.call("GET", f"/v1/segments/{key}")
    listed = {item["key"]: item for item in await segments.items("/v1/segments")}
    assert listed[key]["warnings"] == shown["warnings"]
    return list(shown["warnings"])


async def test_amounts_in_several_currencies_are_warned_of_where_they_are_added(segments: Standing) -> None:
    await segments.define("spent", SPENT)
    await segments.define("in-euros", IN_EUROS)
    paid = [did(f"p{n}", "Order Completed", currency="EUR", total=1, profile=known(f"p{n}")) for n in range(30)]
    await segments.take(*paid)
    assert await _warnings(segments, "spent") == []
    dollars = [did(f"p{n}", "Completed Order", currency="USD", total=1) for n in range(4)]
    none = did("p9", "Order Completed", total=1), did("p9", "Order Refunded", currency="GBP", total=1)
    await segments.take(*dollars, *dollars, *none, did("p9", "Order Completed", currency=978, total=1))
    [warning] = await _warnings(segments, "spent")
    assert warning["code"] == "mixed_currencies"
    assert [shown["currency"] for shown in warning["currencies"]] == ["EUR", "USD"]
    euros, usd = (shown["profiles"] for shown in warning["currencies"])
    assert abs(euros - 30) <= 3
    assert abs(usd - 4) <= 1
    assert await _warnings(segments, "in-euros") == []


async def test_an_event_that_nobody_ever_did_is_warned_of_until_somebody_does(segments: Standing) -> None:
    steps = [{"event": "Product Added"}, {"event": "Order Completed", "absent": True}]
    points = {"event": "Points Earned", "aggregate": "sum", "property": "n", "op": ">=", "value": 1}
    condition = {"any": [
        {"sequence": steps, "gap": "PT1H"},
        {**points, "minus": {"event": "Points Spent", "property": "n"}},
        {"trait": "plan", "op": "=", "value": "pro"},
    ]}  # fmt: skip
    await segments.define("s", condition)
    names = ["Order Completed", "Points Earned", "Points Spent", "Product Added"]
    for name in [None, *names]:
        await segments.take(did("ann", name, NOW + timedelta(days=1), profile=known("ann")))
        names = [each for each in names if each != name]
        assert [(w["code"], w["event"]) for w in await _warnings(segments, "s")] == [
            ("unknown_event", n) for n in names
        ]


async def test_what_a_transaction_did_not_keep_is_noted_by_the_next(segments: Standing) -> None:
    remembering, event = Met(), (person("ann"), "Order Completed", {"currency": "EUR"})

    async def fail(tx: Connection) -> None:
        await remembering.note(tx, [event])
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await segments.db.run(fail)
    async with segments.db.snapshot() as tx:
        assert (await met.marks(tx), await met.met_names(tx, ["Order Completed"])) == ({}, set())
    for _ in range(2):
        await segments.db.run(lambda tx: remembering.note(tx, [event]))
    async with segments.db.snapshot() as tx:
        assert len(await met.marks(tx)) == 1
        assert await met.met_names(tx, ["Order Completed", "A"]) == {"Order Completed"}
    async with segments.db.transaction() as tx:
        await tx.execute("DELETE FROM event_names")
        await tx.execute("DELETE FROM currency_marks")
        await remembering.note(tx, [event])
        assert await met.marks(tx) == {}, "what is known to be there is not written again"


async def test_a_migration_notes_what_was_met_before_as_a_worker_does(segments: Standing) -> None:
    people = [f"p{n}" for n in range(200)]
    await segments.take(*(did(name, "Order Completed", currency="EUR", profile=known(name)) for name in people))
    await segments.take(*(did(name, "Completed Order", currency="Taler") for name in people[:50]))
    others = [[None, "EUR"], "", "more than eight", 978, None]
    await segments.take(*(did("p1", "Order Completed", currency=currency) for currency in others))
    await segments.take(did("p2", "Order Updated", currency="XYZ"), did("p2", "Zwölf Bücher"))
    before = await _met(segments)
    assert len(before[0]) > 200
    assert len(before[1]) == 4
    await segments.db.execute("DROP TABLE event_names, currency_marks")
    await segments.db.execute("UPDATE alembic_version SET version_num = '0004'")
    directory = Path(services.segments.__file__).parent / "migrations"
    await asyncio.to_thread(upgrade, service="segments", url=segments.url, directory=directory, revision="0005")
    assert await _met(segments) == before


async def _met(segments: Standing) -> tuple[list[Any], list[Any]]:
    marks = await segments.db.fetch("SELECT * FROM currency_marks ORDER BY lane, currency, slot")
    names = await segments.db.fetch("SELECT * FROM event_names ORDER BY lane, hash")
    return [tuple(row) for row in marks], [tuple(row) for row in names]
