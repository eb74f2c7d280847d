"""Lists that cannot be computed: refused uploads say what to do, and it does."""

from typing import Any

from services.segments.store import catalogue
from tests.services.segments.listing import PATH, know, make_list
from tests.services.segments.standing import Standing
from tests.services.segments.told import merged, person

ANN, BEN, CLEO = person("ann"), person("ben"), person("cleo")


async def fail(segments: Standing, key: str) -> None:
    """Its newest version is set aside."""
    async with segments.db.transaction() as tx:
        await catalogue.change_catalogue(tx)
        [failing] = [version for version in await catalogue.versions(tx, ("live",)) if version.key == key]
        await catalogue.mark_failing(tx, failing.id, at=segments.clock.now(), error="ZeroDivisionError")


async def upload(segments: Standing, *names: str, status: int = 200) -> Any:
    return await segments.call("PUT", PATH, {"user_ids": names}, status=status)


async def test_a_failing_list_says_how_it_is_mended_and_takes_uploads_again(segments: Standing) -> None:
    await make_list(segments)
    await know(segments, "ann", "ben", "cleo")
    await segments.define("others", {"not": {"segment": "guests"}})
    await upload(segments, "ann", "ben")
    await fail(segments, "guests")
    refused = await upload(segments, "cleo", status=409)
    assert (refused["code"], "PUT {} to /v1/segments/guests" in refused["detail"]) == ("list_fails", True)
    await segments.take(merged("ben", "cleo"))
    assert await segments.members("guests") == {ANN}

    await segments.call("PUT", "/v1/segments/guests", {"name": "Guests"})
    assert (await segments.call("GET", "/v1/segments/guests"))["status"] == "failing"
    assert (await segments.call("PUT", "/v1/segments/guests", {}))["status"] == "building"
    refused = await upload(segments, "cleo", status=409)
    assert (refused["code"], "built anew" in refused["detail"]) == ("list_fails", True)
    await segments.worker.work()
    shown = await segments.call("GET", "/v1/segments/guests")
    assert (shown["kind"], shown["condition"], shown["status"], shown["version"]) == ("list", None, "live", 2)
    assert await segments.members("guests") == await segments.replayed("guests") == {ANN, CLEO}
    assert await segments.members("others") == set()
    assert (await upload(segments, "cleo"))["removed"] == 1
    assert await segments.members("others") == {ANN}


async def test_what_does_not_fail_is_not_built_anew(segments: Standing) -> None:
    await segments.define("all", {"all": []})
    assert (await segments.call("PUT", "/v1/segments/all", {}))["newest_version"] == 1


async def test_what_cannot_be_read_is_not_built_anew(segments: Standing) -> None:
    await segments.define("newer", {"all": []})
    await fail(segments, "newer")
    await segments.db.execute("""UPDATE segment_versions SET condition = '{"moon": "full"}'""")
    refused = await segments.call("PUT", "/v1/segments/newer", {}, status=409)
    assert refused["code"] == "unreadable"
