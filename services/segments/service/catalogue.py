"""Segments as callers define them: created, edited with all that refer to them, renamed, deleted, shown."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.segments.domain.condition import Condition
from services.segments.domain.definition import Definition, define
from services.segments.domain.lists import is_list, list_condition, reserved_places
from services.segments.domain.parse import parse
from services.segments.store import builds, catalogue
from services.segments.store import profiles as stored_profiles
from services.segments.store.builds import Build, BuildProgress
from services.segments.store.catalogue import Segment, Status, Version
from shared.language.errors import ConditionError
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Conflict, Invalid, NotFound
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES

CURRENT: tuple[Status, ...] = ("building", "live", "failing")
LOOKED_AT = BuildProgress(LANES)
Made = tuple[Segment, dict[str, Any], Definition]
"""A segment, its condition as it was given, and what that means."""


@dataclass(frozen=True, slots=True)
class SegmentState:
    """A segment with the versions that are not replaced, oldest first, and how far its newest build is."""

    segment: Segment
    versions: Sequence[Version]
    progress: BuildProgress

    @property
    def newest(self) -> Version:
        return self.versions[-1]

    @property
    def serving(self) -> Version:
        """The one whose truths are the memberships; of those who have not gone over to the settling one, if there is one."""
        whole = (version for version in reversed(self.versions) if version.serves and not version.is_settling)
        return next(whole, self.versions[0])

    @property
    def settling(self) -> Version | None:
        return next((version for version in self.versions if version.is_settling), None)

    @property
    def failing(self) -> Version | None:
        """The one that cannot be computed, if it is the newest or the one that serves."""
        return next((version for version in (self.newest, self.serving) if version.status == "failing"), None)


def read_condition(condition: Mapping[str, Any], known: Mapping[str, Condition], *, key: str | None) -> Definition:
    """The condition, closed over the segments it refers to. Raises Invalid with the path of every fault."""
    try:
        if reserved := reserved_places(condition):
            raise ConditionError(
                [{"loc": list(loc), "msg": "is a name that is not for conditions"} for loc in reserved]
            )
        return define(parse(condition), known, key=key)
    except ConditionError as error:
        faults = [{"loc": ["body", "condition", *fault["loc"]], "msg": fault["msg"]} for fault in error.errors]
        raise Invalid.of(faults) from error


async def create_segment(
    tx: Connection, *, key: str, name: str, condition: dict[str, Any] | None, now: datetime
) -> Segment:
    """A first version begins to be built over all profiles. Without a condition it is a static list, with nobody on it.

    Raises Conflict if the key is taken, Invalid for a bad condition.
    """
    total = await stored_profiles.count_profiles(tx)  # before others wait for the catalogue
    revision = await catalogue.change_catalogue(tx)
    segment = Segment(new_id(), key, name, now, now)
    if not await catalogue.insert_segment(tx, segment):
        raise Conflict(f"There is a segment with the key {key!r}.", code="key_taken")
    newest = await newest_versions(tx)
    if condition is None:
        condition = list_condition(segment.id)
        definition = Definition(parse(condition))
    else:
        definition = read_condition(condition, _readable(newest), key=key)
    await _begin_build(
        tx, "create", [(segment, condition, definition)], newest, revision=revision, total=total, now=now
    )
    return segment


async def edit_segment(
    tx: Connection, *, key: str, name: str | None, condition: dict[str, Any] | None, now: datetime
) -> bool:
    """Rename it, and build a new version of it and of all that refer to it; they take over together.

    True if a build began: a condition that is what the newest version says changes nothing. A failing one is built anew, also
    where neither is given: a list has no condition that could be given again.
    """
    total = await stored_profiles.count_profiles(tx)  # before others wait for the catalogue
    revision = await catalogue.change_catalogue(tx)
    segment = await get_segment(tx, key)
    newest = await newest_versions(tx)
    known = newest[key]
    builds = condition is not None and not _same(condition, known.condition)
    if known.status == "failing":
        builds = condition is not None or name is None
    if builds or name is not None:
        await catalogue.update_segment(tx, segment.id, name=segment.name if name is None else name, at=now)
    if not builds:
        return False
    made = rebuilt(segment, condition, newest)
    await _begin_build(tx, "edit", made, newest, revision=revision, total=total, now=now)
    return True


def rebuilt(segment: Segment, condition: dict[str, Any] | None, newest: Mapping[str, Version]) -> list[Made]:
    """The segment with another condition, or as it is, and all that refer to it, closed over that. Raises Invalid for a bad
    one, and for a list, which has none; Conflict for one that this release cannot read."""
    known = _readable(newest)
    if condition is None:
        condition, definition = newest[segment.key].condition, _as_it_is(segment.key, known)
    else:
        definition = _redefined(segment.key, condition, known, newest)
    known[segment.key] = definition.condition
    made = [(segment, condition, definition)]
    for version in newest.values():
        if segment.key in dict(version.segments) and version.key in known:
            other = Segment(version.segment_id, version.key, "", version.created_at, version.created_at)
            made.append((other, version.condition, _closed_again(version.key, known)))
    return made


def _redefined(
    key: str, condition: dict[str, Any], known: Mapping[str, Condition], newest: Mapping[str, Version]
) -> Definition:
    if is_list(newest[key].condition):
        raise Invalid(
            "A list has no condition.", errors=[{"loc": ["body", "condition"], "msg": "does not go with a list"}]
        )
    return read_condition(condition, known, key=key)


def _as_it_is(key: str, known: Mapping[str, Condition]) -> Definition:
    if key not in known:
        raise Conflict("This release cannot read the segment's condition.", code="unreadable")
    return _closed_again(key, known)


def _closed_again(key: str, known: Mapping[str, Condition]) -> Definition:
    """A segment that refers to the edited one. Raises Invalid if it no longer could."""
    try:
        return define(known[key], known, key=key)
    except ConditionError as error:
        faults = [
            {"loc": ["body", "condition"], "msg": f"{fault['msg']} in the segment {key!r}"} for fault in error.errors
        ]
        raise Invalid.of(faults) from error


def _newest(versions: Sequence[Version]) -> dict[str, Version]:
    """What each segment is going to be, by key."""
    return {version.key: version for version in versions}


def _readable(newest: Mapping[str, Version]) -> dict[str, Condition]:
    """Without those that this release cannot read: nothing new may refer to them."""
    known: dict[str, Condition] = {}
    for key, version in newest.items():
        with suppress(ConditionError):
            known[key] = parse(version.condition)
    return known


def _same(one: object, other: object) -> bool:
    """Whether two JSON values are the same; true and 1 are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


async def _begin_build(
    tx: Connection,
    kind: str,
    made: Sequence[Made],
    newest: Mapping[str, Version],
    *,
    revision: int,
    total: int,
    now: datetime,
) -> None:
    build = Build(new_id(), revision, kind, total)
    await builds.insert_build(tx, build, at=now)
    ids = await catalogue.take_version_ids(tx, len(made))
    for version_id, (segment, condition, definition) in zip(ids, made, strict=True):
        version = Version(
            id=version_id,
            segment_id=segment.id,
            key=segment.key,
            number=newest[segment.key].number + 1 if segment.key in newest else 1,
            condition=condition,
            segments=[(key, newest_condition(key, made, newest)) for key in definition.segments],
            build_id=build.id,
            build_kind=kind,
            revision=revision,
            status="building",
            created_at=now,
            live_at=None,
            stale_since=None,
            error=None,
        )
        await catalogue.insert_version(tx, version)


def newest_condition(key: str, made: Sequence[Made], newest: Mapping[str, Version]) -> dict[str, Any]:
    """As it was given: in this build, or before."""
    for segment, condition, _ in made:
        if segment.key == key:
            return condition
    return newest[key].condition


async def get_segment(tx: "Connection | Database", key: str) -> Segment:
    """Raises NotFound."""
    segment = await catalogue.find_segment(tx, key)
    if segment is None:
        raise NotFound(f"There is no segment with the key {key!r}.")
    return segment


async def delete_segment(tx: Connection, *, key: str, now: datetime) -> UUID:
    """Its memberships and changes are removed after. Raises Conflict if another segment refers to it."""
    await catalogue.change_catalogue(tx)
    segment = await get_segment(tx, key)
    for version in await catalogue.versions(tx, CURRENT):
        if key in dict(version.segments):
            raise Conflict(f"The segment {version.key!r} refers to it.", code="in_use")
    await catalogue.delete_segment(tx, segment.id)
    await builds.request_removal(tx, segment.id, at=now)
    return segment.id


async def newest_versions(tx: Connection) -> dict[str, Version]:
    """What each segment is going to be, by key."""
    return _newest(await catalogue.versions(tx, CURRENT))


async def known_conditions(tx: Connection) -> dict[str, Condition]:
    """The conditions that a new one may refer to, by key."""
    return _readable(await newest_versions(tx))


async def states_of(tx: Connection, segments: Sequence[Segment]) -> list[SegmentState]:
    """Each with its versions and the progress of its newest."""
    by_segment: dict[UUID, list[Version]] = {}
    for version in await catalogue.versions(tx, CURRENT):
        by_segment.setdefault(version.segment_id, []).append(version)
    progress = await builds.progress_of(
        tx, [v.build_id for versions in by_segment.values() for v in versions if v.status == "building"]
    )
    return [
        SegmentState(segment, by_segment[segment.id], progress.get(by_segment[segment.id][-1].build_id, LOOKED_AT))
        for segment in segments
        if segment.id in by_segment
    ]


async def failing_since(tx: Connection) -> dict[str, datetime | None]:
    """Every segment by key, and since when it is failing; None for those that are well."""
    segments = await catalogue.all_segments(tx)
    failing = {version.segment_id for version in await catalogue.versions(tx, ("failing",))}
    states = await states_of(tx, [segment for segment in segments if segment.id in failing]) if failing else []
    since = {state.segment.key: state.failing.stale_since for state in states if state.failing}
    return {segment.key: since.get(segment.key) for segment in segments}
