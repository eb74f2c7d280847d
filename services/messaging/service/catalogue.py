"""Use cases of the catalogue: campaigns, templates, settings, as people edit them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from services.messaging.clients.neighbours import Segments
from services.messaging.domain.campaign import CANCELLED, Broadcast, Definition, JourneyTrigger, SegmentTrigger
from services.messaging.domain.campaign_reading import parse_definition
from services.messaging.domain.confirming import CHANNEL, Confirming, asking_id
from services.messaging.domain.rules import parse_rules
from services.messaging.domain.template import Template, parse_template
from services.messaging.store import catalogue as store
from services.messaging.store.broadcasts import cancel_sends, drop_broadcast, plan_broadcast
from services.messaging.store.catalogue import Fetcher
from services.messaging.store.journeys import find_journey
from shared.language.errors import ConditionError
from shared.language.reading import Loc
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Conflict, Invalid, NotFound
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES

T = TypeVar("T")
BODY: Loc = ("body",)


def read_body(parse: Callable[[object, Loc], T], body: object, loc: Loc = BODY) -> T:
    """What the body says. Raises Invalid with the path of every fault."""
    try:
        return parse(body, loc)
    except ConditionError as error:
        raise Invalid.of(error.errors) from error


def fault(loc: Sequence[str | int], msg: str) -> Invalid:
    """The refusal of one field."""
    return Invalid.of([{"loc": [*BODY, *loc], "msg": msg}])


def read_at(parse: Callable[[object, Loc], T], key: str, body: Any) -> tuple[Any, T]:
    """A body that is put where there is one of this key, with the key if it leaves it out, and what it says. Raises Invalid."""
    body = {"key": key, **body} if isinstance(body, dict) else body
    found = read_body(parse, body)
    if body["key"] != key:
        raise fault(["key"], "must be the key in the path")
    return body, found


def closed(runs: Sequence[Any], at: datetime) -> list[Any]:
    """From when to when something was running, which it is no longer."""
    return [[start, end or at] for start, end in runs]


# --- campaigns


async def create_campaign(db: Database, segments: Segments, body: Any, *, at: datetime) -> asyncpg.Record:
    """A draft. Raises Invalid, Conflict if the key is taken, or Unavailable while segments can't say whether there is such a
    segment."""
    definition = read_body(parse_definition, body)
    key = key_of(body)
    await _check_segment(segments, definition)

    async def work(tx: Connection) -> asyncpg.Record:
        await _check_templates(tx, body, definition)
        await _check_journey(tx, definition)
        if not await store.insert_campaign(tx, campaign_id=new_id(), key=key, definition=body, at=at):
            raise Conflict(f"There is a campaign with the key {key!r} already.", code="key_taken")
        return await get_campaign(tx, key)

    return await db.run(work)


def key_of(body: Any) -> str:
    """The key that something is to have. Raises Invalid."""
    key = body.get("key")
    if not isinstance(key, str) or not key.strip() or len(key) > 200 or "/" in key:
        raise fault(["key"], "must be a text of 1 to 200 characters without a slash")
    return key


async def read_draft(db: Database, segments: Segments, body: Any, *, within: Sequence[str]) -> Definition:
    """What `create_campaign` would take, without making it; `within` is where in the body it stands. Raises likewise."""
    definition = read_body(parse_definition, body, (*BODY, *within))
    await _check_segment(segments, definition, within)
    async with db.snapshot() as tx:
        await _check_templates(tx, body, definition, within)
    return definition


async def _check_segment(segments: Segments, definition: Definition, within: Sequence[str] = ()) -> None:
    """The segment must exist; it then stays, for segments deletes none that a campaign names."""
    trigger = definition.trigger
    if isinstance(trigger, SegmentTrigger | Broadcast) and not await segments.knows(trigger.segment):
        raise fault([*within, "trigger", "segment"], "there is no segment with this key")


async def _check_templates(tx: Connection, body: Any, definition: Definition, within: Sequence[str] = ()) -> None:
    """Every template must exist, in the channel that is asked for."""
    found = await store.load_templates(tx, definition.templates)
    for position, variant in enumerate(definition.variants):
        loc: list[str | int] = ["template"] if "template" in body else ["variants", position, "template"]
        asked = "recipient" if definition.recipient else "channel"
        _check_template(found, variant.template, definition.channel, [*within, *loc], [*within, asked])
    for position, step in enumerate(definition.task.escalate if definition.task else ()):
        loc = [*within, "task", "escalate", position]
        _check_template(found, step.template, step.to.channel, [*loc, "template"], [*loc, "recipient"])


def _check_template(
    found: Sequence[Template], key: str, channel: str | None, loc: Sequence[str | int], asked: Sequence[str | int]
) -> None:
    """`asked`: where the channel is asked for."""
    channels = [one.channel for one in found if one.key == key]
    if not channels:
        raise fault(loc, "there is no template with this key")
    if channel not in (None, "preferred", *channels):
        raise fault(asked, f"the template {key!r} has no content for {channel if 'channel' not in asked else 'it'}")


async def _check_journey(tx: Connection, definition: Definition) -> None:
    """The journey must exist; it then stays while the campaign does."""
    trigger = definition.trigger
    if isinstance(trigger, JourneyTrigger) and await find_journey(tx, trigger.journey, share=True) is None:
        raise fault(["trigger", "journey"], "there is no journey with this key")


async def get_campaign(tx: Fetcher, key: str, *, lock: bool = False) -> asyncpg.Record:
    """Raises NotFound."""
    row = await store.find_campaign(tx, key, lock=lock)
    if row is None:
        raise NotFound(f"There is no campaign with the key {key!r}.")
    return row


async def replace_campaign(db: Database, segments: Segments, key: str, body: Any, *, at: datetime) -> asyncpg.Record:
    """Another definition from now on; what is due already is decided by it too. Raises as `create_campaign`, or NotFound."""
    body, definition = read_at(parse_definition, key, body)
    await _check_segment(segments, definition)

    async def work(tx: Connection) -> asyncpg.Record:
        row = await _get_changeable(tx, key)
        if "task" in row["definition"] and definition.task is None:
            raise fault(["task"], "must stay, for its tasks may have to be escalated: make another campaign")
        await _check_templates(tx, body, definition)
        await _check_journey(tx, definition)
        await _write(tx, row, definition=body, at=at)
        if row["status"] == "running":
            await _plan(tx, key)
        return await get_campaign(tx, key)

    return await db.run(work)


async def start_campaign(db: Database, key: str, *, at: datetime) -> asyncpg.Record:
    """Act on what happens from now on. One that runs goes on."""
    begin = store.whole_milliseconds(at)

    async def work(tx: Connection) -> asyncpg.Record:
        row = await _get_changeable(tx, key)
        if row["status"] != "running":
            await _write(tx, row, status="running", runs=[*row["runs"], [begin, None]], at=at)
            await _plan(tx, key)
        return await get_campaign(tx, key)

    return await db.run(work)


async def _plan(tx: Connection, key: str) -> None:
    campaign = store.to_campaign(await get_campaign(tx, key))
    await plan_broadcast(tx, campaign.id, campaign.taken_at)


async def stop_campaign(db: Database, key: str, *, at: datetime, status: str = "paused") -> asyncpg.Record:
    """Say nothing more until it is started again; what is due meanwhile is skipped, or waits if it is a broadcast's."""

    async def work(tx: Connection) -> asyncpg.Record:
        row = await (get_campaign(tx, key, lock=True) if status == "deleted" else _get_changeable(tx, key))
        runs = closed(row["runs"], at)
        await _write(tx, row, status=status if runs or status == "deleted" else "draft", runs=runs, at=at)
        return row if status == "deleted" else await get_campaign(tx, key)

    return await db.run(work)


async def cancel_campaign(db: Database, key: str, *, at: datetime) -> asyncpg.Record:
    """Say nothing more, for good: what is not sent is skipped. Idempotent. Raises NotFound, or Conflict for a draft."""

    async def work(tx: Connection) -> asyncpg.Record:
        row = await get_campaign(tx, key, lock=True)
        if row["status"] == "draft":
            raise Conflict("It was never started: delete it.", code="not_started")
        if row["status"] != CANCELLED:
            await _write(tx, row, status=CANCELLED, runs=closed(row["runs"], at), at=at)
            await drop_broadcast(tx, row["id"])
        return await get_campaign(tx, key)

    row = await db.run(work)
    await _cancel_sends(db, row["id"], at)
    return row


async def _cancel_sends(db: Database, campaign_id: UUID, at: datetime) -> None:
    for lane in range(LANES):
        await db.run(partial(cancel_sends, lane=lane, campaign_id=campaign_id, at=at))


async def _get_changeable(tx: Connection, key: str) -> asyncpg.Record:
    row = await get_campaign(tx, key, lock=True)
    if row["status"] == CANCELLED:
        raise Conflict("It was cancelled, for good.", code="cancelled")
    return row


async def _write(tx: Connection, row: asyncpg.Record, *, at: datetime, **changed: Any) -> None:
    values = {"definition": row["definition"], "status": row["status"], "runs": row["runs"]} | changed
    campaign_id: UUID = row["id"]
    await store.update_campaign(tx, campaign_id=campaign_id, at=at, **values)


# --- templates


async def create_template(db: Database, body: Any, *, at: datetime) -> list[asyncpg.Record]:
    """A template, or the content of one for another channel. Raises Invalid, or Conflict if it exists."""
    template = read_body(parse_template, body)
    key = key_of(body)

    async def work(tx: Connection) -> list[asyncpg.Record]:
        if not await store.insert_template(tx, key=key, channel=template.channel, definition=body, at=at):
            raise Conflict(
                f"There is a template {key!r} for {template.channel} already; PUT makes a new version.",
                code="key_taken",
            )
        return await store.find_templates(tx, key)

    return await db.run(work)


async def replace_template(db: Database, key: str, body: Any, *, at: datetime) -> list[asyncpg.Record]:
    """A new version, used from now on."""
    body, template = read_at(parse_template, key, body)

    async def work(tx: Connection) -> list[asyncpg.Record]:
        done = await store.add_template_version(tx, key=key, channel=template.channel, definition=body, at=at)
        if done is None:
            raise NotFound(f"There is no template {key!r} for {template.channel}.")
        return await store.find_templates(tx, key)

    return await db.run(work)


async def get_templates(db: Fetcher, key: str) -> list[asyncpg.Record]:
    """Its contents by channel, the first made first. Raises NotFound."""
    rows = await store.find_templates(db, key)
    if not rows:
        raise NotFound(f"There is no template with the key {key!r}.")
    return rows


async def delete_template(db: Database, key: str) -> None:
    """Raises NotFound, or Conflict while a campaign uses it."""

    async def work(tx: Connection) -> None:
        await get_templates(tx, key)
        users = await store.campaigns_using(tx, key)
        if users:
            raise Conflict(f"It is used by the campaign {users[0]!r}.", code="in_use")
        confirming = (await store.load_rules(tx)).confirming
        if confirming and confirming.template == key:
            raise Conflict("It is used by the double opt-in of the settings.", code="in_use")
        await store.delete_template(tx, key)

    await db.run(work)


# --- settings


async def put_settings(db: Database, body: Any, *, at: datetime) -> Any:
    """Replace the settings. Raises Invalid."""
    rules = read_body(parse_rules, body)

    async def work(tx: Connection) -> set[str]:
        content, before = body, (await store.load_rules(tx)).confirming
        if rules.confirming is not None:
            await _check_asking(tx, rules.confirming)
            content = body | {"double_opt_in": body["double_opt_in"] | {"since": _since(rules.confirming, before, at)}}
        await store.put_settings(tx, content, at=at)
        return set(before.since if before else ()) - set(rules.confirming.purposes if rules.confirming else ())

    for purpose in sorted(await db.run(work)):  # whoever was to be asked is not any more
        await _cancel_sends(db, asking_id(purpose), at)
    return await get_settings(db)


async def _check_asking(tx: Connection, confirming: Confirming) -> None:
    found = await store.load_templates(tx, [confirming.template])
    if not any(one.channel == CHANNEL for one in found):
        raise fault(["double_opt_in", "template"], "there is no template with this key for e-mail")


def _since(confirming: Confirming, before: Confirming | None, at: datetime) -> dict[str, datetime]:
    """From when on confirmations are asked for: as it is said, else as before, else from now on."""
    earlier = before.since if before else {}
    return {one: confirming.since.get(one) or earlier.get(one) or at for one in confirming.purposes}


async def get_settings(db: Database) -> Any:
    """The settings, with defaults where nothing was put."""
    return {"frequency_caps": [], "quiet_hours": None} | (await store.find_settings(db) or {})
