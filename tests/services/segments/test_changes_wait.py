"""`GET /v1/segments/{key}/changes?wait=`: answered as soon as there is a change."""

import asyncio

from tests.services.segments.standing import Standing
from tests.services.segments.told import did, known

PATH = "/v1/segments/once/changes"


async def test_a_change_answers_who_waits_for_it(segments: Standing) -> None:
    await segments.define("once", {"event": "A", "op": "=", "value": 1})
    waiting = asyncio.create_task(segments.call("GET", f"{PATH}?wait=30"))
    await segments.take(did("ann", "A", profile=known("ann")))
    [change] = (await waiting)["items"]
    assert change["change"] == "entered"


async def test_what_is_there_is_not_waited_for_and_waiting_ends(segments: Standing) -> None:
    await segments.define("once", {"event": "A", "op": "=", "value": 1})
    assert (await segments.call("GET", f"{PATH}?wait=0.01"))["items"] == []
    await segments.take(did("ann", "A", profile=known("ann")))
    [change] = (await segments.call("GET", f"{PATH}?wait=30"))["items"]
    after = f"{PATH}?cursor={change['cursor']}"
    assert (await segments.call("GET", f"{after}&wait=0.01"))["items"] == []
    await segments.call("GET", f"{after}&wait=31", status=422)


async def test_who_waits_for_a_segment_that_is_deleted_learns_of_it(segments: Standing) -> None:
    await segments.define("once", {"event": "A", "op": "=", "value": 1})
    waiting = [asyncio.create_task(segments.call("GET", f"{PATH}?wait=30", status=404)) for _ in range(20)]
    await segments.call("GET", f"{PATH}?wait=0.01")
    await segments.call("DELETE", "/v1/segments/once", status=204)
    await asyncio.gather(*waiting)
