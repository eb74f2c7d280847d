"""The versions to evaluate, as one ruleset, built once for each revision of the catalogue."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from services.segments.domain.condition import Condition
from services.segments.domain.definition import Definition
from services.segments.domain.parse import parse
from services.segments.domain.ruleset import Ruleset
from services.segments.store import catalogue
from services.segments.store.catalogue import RevisionChanged, Version
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.log import get_logger

log = get_logger()

T = TypeVar("T")
Build = Callable[[Mapping[int, Definition]], Ruleset[int]]


class VersionFails(Exception):
    """These versions cannot be evaluated; the others can."""

    def __init__(self, errors: Mapping[int, str]) -> None:
        super().__init__(str(dict(errors)))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds at one revision. `versions` also has the failing ones, which `ruleset` lacks. To those that are `settling` some
    profiles have not gone over yet.

    `newest`: the revision at which the last version was made; a profile that is behind it must be refolded.
    """

    revision: int
    ruleset: Ruleset[int]
    versions: Mapping[int, Version]
    default_zone: str
    newest: int = 0
    event_names: Collection[str] = field(default_factory=frozenset)
    definitions: Mapping[int, Definition] = field(default_factory=dict)
    build: Build = Ruleset.build
    partial: dict[int, Ruleset[int]] = field(default_factory=dict)
    settling: Sequence[Version] = ()

    def has(self, version: Version) -> bool:
        """Whether it stands here, with the same condition."""
        known = self.versions.get(version.id)
        return (
            version.id in self.definitions
            and known is not None
            and (known.condition, known.segments) == (version.condition, version.segments)
        )

    def made_since(self, revision: int) -> Ruleset[int]:
        """The versions that a profile which was brought to `revision` lacks, by themselves."""
        if revision not in self.partial:
            made = {v: definition for v, definition in self.definitions.items() if self.versions[v].revision > revision}
            self.partial[revision] = self.build(made)
        return self.partial[revision]

    def attempt(self, work: Callable[[Ruleset[int]], T], *, on: Ruleset[int] | None = None) -> T:
        """`work(ruleset)`, on all versions or some. Raises VersionFails for those that cannot even do it alone."""
        try:
            return work(on or self.ruleset)
        except Exception as error:
            errors = {version: self._error_alone(version, work) for version in self.definitions}
            culprits = {version: fault for version, fault in errors.items() if fault is not None}
            if not culprits:
                raise
            raise VersionFails(culprits) from error

    def _error_alone(self, version: int, work: Callable[[Ruleset[int]], T]) -> str | None:
        try:
            work(self.build({version: self.definitions[version]}))
        except Exception as error:  # noqa: BLE001 (whatever it is, the other versions must go on)
            return f"{type(error).__name__}: {error}"
        return None


def in_force(versions: Sequence[Version]) -> list[Version]:
    """Without those of which a later one of the same segment has taken over."""
    serving = {version.segment_id: version.number for version in versions if version.live_at is not None}
    return [version for version in versions if version.number >= serving.get(version.segment_id, 0)]


def definition_of(condition: Mapping[str, Any], segments: Collection[tuple[str, Mapping[str, Any]]]) -> Definition:
    """A stored condition with all it leads to. Raises ConditionError where this release cannot read it."""
    closed: dict[str, Condition] = {key: parse(inner) for key, inner in segments}
    return Definition(parse(condition), closed)


def build_rules(
    revision: int,
    versions: Collection[Version],
    *,
    default_zone: str,
    build: Build = Ruleset.build,
    before: Rules | None = None,
) -> Rules:
    """Raises VersionFails for those that cannot be read. Those that stand in the rules `before` are not read again."""
    errors: dict[int, str] = {}
    definitions: dict[int, Definition] = {}
    for version in versions:
        if version.status == "failing":
            continue
        if before is not None and before.has(version):
            definitions[version.id] = before.definitions[version.id]
            continue
        try:
            definitions[version.id] = definition_of(version.condition, version.segments)
            build({version.id: definitions[version.id]})
        except Exception as error:  # noqa: BLE001 (whatever it is, the other versions must go on)
            errors[version.id] = f"{type(error).__name__}: {error}"
    if errors:
        raise VersionFails(errors)
    ruleset = build(definitions)
    return Rules(
        revision,
        ruleset,
        {version.id: version for version in versions},
        default_zone,
        max((version.revision for version in versions), default=0),
        ruleset.event_names,
        definitions,
        build,
        settling=[version for version in versions if version.is_settling],
    )


class RuleBook:
    """The rules of the catalogue's present revision. A version that cannot be had is marked as failing, at once and for all."""

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock,
        default_zone: str,
        build: Build = Ruleset.build,
    ) -> None:
        self._db = db
        self._clock = clock
        self.default_zone = default_zone
        self._build = build
        self._rules: Rules | None = None

    async def current(self, tx: Connection, *, hold: bool = False) -> Rules:
        """By the catalogue as this transaction sees it. Confirm before writing that it is still so. With `hold` it stays so."""
        revision = await (catalogue.hold_revision(tx) if hold else catalogue.read_revision(tx))
        if self._rules is None or self._rules.revision != revision:
            versions = in_force(await catalogue.versions(tx, ("building", "live", "failing")))
            try:
                self._rules = build_rules(
                    revision,
                    versions,
                    default_zone=self.default_zone,
                    build=self._build,
                    before=self._rules,
                )
            except VersionFails as failure:
                if hold:
                    raise RevisionChanged from failure  # setting it aside would wait for this transaction
                await self.set_aside(failure)
        assert self._rules is not None
        return self._rules

    async def set_aside(self, failure: VersionFails) -> NoReturn:
        """Stop evaluating these versions. Always raises RevisionChanged, so that what was begun is done again without them."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            await catalogue.change_catalogue(tx)
            for version_id, error in failure.errors.items():
                log.error("segment_version_fails", version_id=version_id)
                await catalogue.mark_failing(tx, version_id, at=now, error=error[:500])
        raise RevisionChanged
