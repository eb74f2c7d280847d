"""The claim: in one transaction, what is still so decides, and is written down with what is sent."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import structs

from services.messaging.domain.addresses import address_hash, addresses_for
from services.messaging.domain.confirming import CHANNEL
from services.messaging.domain.decision import doubted
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.reach import Suppression
from services.messaging.domain.rules import Rules
from services.messaging.domain.tasks import OnTask
from services.messaging.domain.timing import HABITS
from services.messaging.domain.verdict import Assign, Defer, Earlier, History, Message, OnJourney, Refuse, Send
from services.messaging.service.journeying import read_journeys
from services.messaging.service.judging import Catalogue, Draft, TaskDraft, judge, request_for
from services.messaging.service.outcomes import outcome
from services.messaging.service.providers import MAILBOX, Providers
from services.messaging.service.tasking import Tasking, read_tasks
from services.messaging.store import confirmations
from services.messaging.store import sends as store
from services.messaging.store.catalogue import Fetcher
from services.messaging.store.delivery_events import read_acts
from services.messaging.store.households import read_household_messages
from services.messaging.store.sends import Due, Judged
from shared.plumbing.db import Connection
from shared.plumbing.feed import Entry
from shared.schemas.recipients import Recipient

GRACE = timedelta(seconds=15)
"""How long after a provider's own time limit its answer may take to be recorded."""

SuppressionsByAddress = Mapping[tuple[str, str], Sequence[Suppression]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A due message with what is known and rendered before its transaction. `draft`: None if it would not be sent.
    `unreadable`: what profiles says of the person can't be read. `household`: what it is `counted_with`."""

    due: Due
    recipient: Recipient | None
    draft: Draft | TaskDraft | Refuse | None
    unreadable: bool = False
    household: str | None = None

    @property
    def user_id(self) -> str | None:
        """By which the person is known now; None where that is not known."""
        return self.recipient.user_id if self.recipient else None


@dataclass(slots=True)
class Claimed:
    """What was decided. What must be looked at anew, for something changed meanwhile, is not in it."""

    judged: list[Judged] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    tasking: Tasking = field(default_factory=Tasking)


def asked_addresses(
    recipients: Sequence[Recipient], channels: Iterable[str], secret: str
) -> dict[tuple[str, str], tuple[str, str]]:
    """Every (channel, address) of these people, with its (channel, hash)."""
    found = ((c, address) for c in channels for one in recipients for address in addresses_for(one, c))
    return {(channel, address): (channel, address_hash(secret, channel, address)) for channel, address in found}


async def read_suppressions(
    tx: Connection,
    recipients: Sequence[Recipient],
    channels: Iterable[str],
    secret: str,
    *,
    staff: Iterable[tuple[str, str]] = (),
) -> Callable[[str, str], Sequence[Suppression]]:
    """The suppressions of these people's addresses, and of those of staff, as `decide` asks for them."""
    hashes = asked_addresses(recipients, channels, secret)
    hashes |= {(channel, address): (channel, address_hash(secret, channel, address)) for channel, address in staff}
    found = await store.read_suppressions(tx, list(hashes.values()))
    return lambda channel, address: found.get(hashes.get((channel, address), ("", "")), ())


async def read_confirmed(
    tx: Fetcher, recipients: Sequence[Recipient], rules: Rules, secret: str
) -> Callable[[str, str], Collection[str]]:
    """The purposes for which these people's addresses are confirmed, as `decide` asks for them; nothing where no rule does."""
    hashes = asked_addresses(recipients, [CHANNEL], secret) if rules.confirming else {}
    found = await confirmations.read_confirmed(tx, list(hashes.values())) if hashes else {}
    return lambda channel, address: found.get(hashes.get((channel, address), ("", "")), ())


@dataclass(frozen=True, slots=True)
class Histories:
    """What the database knows of the people of a batch, under their locks."""

    earlier: Mapping[UUID, Earlier]
    changes: Mapping[UUID, tuple[str, datetime]]
    messages: Mapping[UUID, Sequence[Message]]
    suppressions: Callable[[str, str], Sequence[Suppression]]
    confirmed: Callable[[str, str], Collection[str]]
    journeys: Mapping[UUID, OnJourney]
    households: dict[str, list[Message]] = field(default_factory=dict)
    tasks: Mapping[UUID, OnTask] = field(default_factory=dict)
    acts: Mapping[UUID, Sequence[datetime]] = field(default_factory=dict)

    def of(self, one: Prepared) -> History:
        due, home = one.due, one.household
        return History(
            earlier=self.earlier.get(due.id),
            last_change=self.changes.get(due.id),
            messages=_but(due.delivery_id, self.messages.get(due.profile_id, ())),
            household=None if home is None else _but(due.delivery_id, self.households.get(home, ())),
            suppressions=self.suppressions,
            confirmed=self.confirmed,
            journey=self.journeys.get(due.id),
            task=self.tasks.get(due.id),
            acts=self.acts.get(due.profile_id, ()),
        )

    def note(self, household: str | None, message: Message) -> None:
        """It is sent to a member of a household: whoever else of it is decided in the same transaction comes after."""
        if household is not None:
            self.households.setdefault(household, []).append(message)


def _but(delivery_id: UUID | None, messages: Sequence[Message]) -> list[Message]:
    """Those that are not the message itself, which may be on its way for the second time."""
    return [one for one in messages if delivery_id is None or one.delivery_id != delivery_id]


async def read_histories(
    tx: Connection, prepared: Sequence[Prepared], catalogue: Catalogue, *, secret: str, now: datetime
) -> Histories:
    """Everything that `decide` must know and others may have changed."""
    due = [one.due for one in prepared]
    window = catalogue.longest_cap()
    homes = capped_households(prepared, catalogue)
    recipients = [one.recipient for one in prepared if one.recipient]
    return Histories(
        earlier=await store.read_earlier(tx, due),
        changes=await store.read_last_changes(tx, due, catalogue.segments()),
        messages={} if window is None else await store.read_messages(tx, due, since=now - window),
        suppressions=await read_suppressions(tx, recipients, catalogue.channels(), secret, staff=catalogue.staff()),
        confirmed=await read_confirmed(tx, recipients, catalogue.rules, secret),
        journeys=await read_journeys(tx, due, catalogue.on_journeys()),
        households=await read_household_messages(tx, homes, since=now - catalogue.longest_at_home()) if homes else {},
        tasks=await read_tasks(tx, due, catalogue.on_tasks(), now=now),
        acts=await read_acts(tx, _of(due, catalogue.by_habit()), since=now - HABITS),
    )


def _of(due: Iterable[Due], campaigns: Collection[UUID]) -> set[UUID]:
    """The profiles of those that belong to these campaigns."""
    return {one.profile_id for one in due if one.campaign_id in campaigns}


def capped_households(prepared: Iterable[Prepared], catalogue: Catalogue) -> set[str]:
    """The keys of those for whom what was sent before may hold a message back: by a cap, or since their address was asked."""
    capped = catalogue.capped_by_household()
    found = ((one.household, catalogue.campaigns.get(one.due.campaign_id)) for one in prepared)
    return {home for home, campaign in found if home and campaign and campaign.definition.purpose in capped}


@dataclass(frozen=True, slots=True)
class Claims:
    """Turns verdicts into what is written. `owner`: the name of this worker."""

    providers: Providers
    owner: str
    default_zone: str

    def judge_all(
        self, prepared: Sequence[Prepared], catalogue: Catalogue, histories: Histories, *, now: datetime
    ) -> Claimed:
        """Decide all of them anew, with what the database knows."""
        claimed = Claimed()
        for one in prepared:
            request = request_for(one.due, catalogue, one.recipient, self.default_zone, unreadable=one.unreadable)
            verdict = judge(request, histories.of(one), now=now)
            match verdict:
                case Refuse():
                    claimed.judged.append(_refused(one, verdict, now))
                    claimed.entries += _unconfirmed(one, catalogue, now)
                case Defer():
                    claimed.judged.append(_deferred(one, verdict, now))
                case Send():
                    self._send(claimed, one, verdict, catalogue, histories, now)
                case Assign():
                    self._assign(claimed, one, verdict, catalogue, now)
        claimed.entries += claimed.tasking.entries
        return claimed

    def _assign(self, claimed: Claimed, one: Prepared, verdict: Assign, catalogue: Catalogue, now: datetime) -> None:
        if isinstance(one.draft, Refuse):
            claimed.judged.append(_refused(one, one.draft, now))
        elif isinstance(one.draft, TaskDraft):
            due = structs.replace(one.due, user_id=one.user_id)
            claimed.judged.append(claimed.tasking.assign(due, one.draft, verdict, catalogue.campaigns, now))

    def _send(
        self,
        claimed: Claimed,
        one: Prepared,
        verdict: Send,
        catalogue: Catalogue,
        histories: Histories,
        now: datetime,
    ) -> None:
        draft, doubt = one.draft, one.due.in_doubt
        # A campaign may have been given another channel since. What an operator sends once more begins with no attempts.
        if doubt not in (None, verdict.channel) and one.due.attempts:
            draft = Refuse("skipped", "other_channel", {"channel": verdict.channel})
        if isinstance(draft, Refuse):
            claimed.judged.append(_refused(one, doubted(draft) if doubt else draft, now))
            claimed.entries += _unconfirmed(one, catalogue, now)
        elif isinstance(draft, Draft) and _is_of(draft, verdict):
            purpose = catalogue.campaigns[one.due.campaign_id].definition.purpose
            facts = verdict.facts | {"purpose": purpose} | ({"in_doubt": True} if doubt else {})
            self._claim(claimed, one, draft, facts, now)
            histories.note(one.household, Message(purpose, draft.channel, now, draft.delivery_id))

    def _claim(self, claimed: Claimed, one: Prepared, draft: Draft, facts: dict[str, Any], now: datetime) -> None:
        provider = self.providers.of(one.due, draft.channel)
        sent = provider is None
        judged = Judged(
            lane=one.due.lane,
            id=one.due.id,
            state="done" if sent else "claimed",
            decision="sent" if sent else None,
            reason="sent" if sent else None,
            facts=facts,
            due_at=one.due.due_at,
            user_id=one.user_id,
            attempts=one.due.attempts + 1,
            claimed_until=now + timedelta(seconds=provider.timeout) + GRACE if provider else None,
            claimed_by=self.owner if provider else None,
            variant=draft.template.key,
            delivery_id=draft.delivery_id,
            decided_at=now,
        )
        delivery = _delivery(one, draft, facts["purpose"], provider.name if provider else MAILBOX, now)
        claimed.judged.append(judged)
        claimed.deliveries.append(delivery)
        claimed.tasking.escalate(one.due, channel=draft.channel, address=draft.address, at=now)
        if sent:
            claimed.entries.append(sent_entry(delivery, now))


def _is_of(draft: Draft, verdict: Send) -> bool:
    return (draft.channel, draft.address, draft.template.key) == (verdict.channel, verdict.address, verdict.template)


def _refused(one: Prepared, refusal: Refuse, now: datetime) -> Judged:
    return Judged(
        lane=one.due.lane,
        id=one.due.id,
        state="done",
        decision=refusal.decision,
        reason=refusal.reason,
        facts=refusal.facts,
        due_at=one.due.due_at,
        user_id=one.user_id,
        attempts=one.due.attempts,
        delivery_id=one.due.delivery_id,
        decided_at=now,
    )


def _deferred(one: Prepared, verdict: Defer, now: datetime) -> Judged:
    return Judged(
        lane=one.due.lane,
        id=one.due.id,
        state="deferred",
        decision="deferred",
        reason=verdict.reason,
        facts=verdict.facts,
        due_at=verdict.until + max(timedelta(), one.due.due_at - now),  # a turn by the rate is waited for from then on
        user_id=one.user_id,
        next_at=verdict.until,
        attempts=one.due.attempts,
        delivery_id=one.due.delivery_id,
        decided_at=now,
        first_due_at=verdict.until if verdict.first_due else None,
    )


def _delivery(one: Prepared, draft: Draft, purpose: str, provider: str, now: datetime) -> Delivery:
    due = one.due
    content = {
        "subject": draft.content.subject,
        "text": draft.content.text,
        "html": draft.content.html,
        "headers": draft.headers,
        "locale": draft.template.locale,
    }
    return Delivery(
        lane=due.lane,
        id=draft.delivery_id,
        send_id=due.id,
        campaign_id=due.campaign_id,
        campaign=due.campaign,
        profile_id=due.profile_id,
        channel=draft.channel,
        purpose=purpose,
        template=draft.template.key,
        template_version=draft.template.version,
        address=draft.address,
        content=content,
        provider=provider,
        status="sent" if provider == MAILBOX else "sending",
        at=now,
        household=one.household,
    )


def _unconfirmed(one: Prepared, catalogue: Catalogue, at: datetime) -> list[Entry]:
    """That nobody will know whether it arrived, for the feed, where that is so."""
    due, campaign = one.due, catalogue.campaigns.get(one.due.campaign_id)
    if due.in_doubt is None or due.delivery_id is None:
        return []
    purpose = {"purpose": campaign.definition.purpose} if campaign else {}
    return [
        outcome(
            "Unconfirmed",
            delivery_id=due.delivery_id,
            profile_id=due.profile_id,
            channel=due.in_doubt,
            at=at,
            properties={"campaign": due.campaign} | purpose,
        )
    ]


def sent_entry(delivery: Delivery, at: datetime) -> Entry:
    """That it was sent, for the feed."""
    return outcome(
        "Sent",
        delivery_id=delivery.id,
        profile_id=delivery.profile_id,
        channel=delivery.channel,
        at=at,
        properties={"campaign": delivery.campaign, "template": delivery.template, "purpose": delivery.purpose},
    )
