"""What a provider's answer makes of a message."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.messaging.domain.plain import plain
from services.messaging.domain.retry import next_try

STOPPED = "stopped"
"""Why an address is suppressed whose owner has said STOP, to us or to their carrier."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has it."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider will never take it. `bounced`: because there is no such address; `stopped`: whose it is wants nothing more."""

    text: str
    bounced: bool = False
    stopped: bool = False

    @property
    def suppress(self) -> str | None:
        """Why the address must not be written to any more."""
        if self.bounced:
            return "bounced"
        return STOPPED if self.stopped else None


@dataclass(frozen=True, slots=True)
class NotNow:
    """The provider did certainly not take it, and may later; not before `wait` is over."""

    text: str
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unsure:
    """Whether the provider has it is not known: it must not be sent again."""

    text: str


Answer = Accepted | Rejected | NotNow | Unsure


def in_plain_text(answer: Answer) -> Answer:
    """The same in letters that can be kept."""
    return replace(answer, text=plain(answer.text))


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Not final: once more at `at`. Meanwhile `reason` and the delivery's `status` stand: in doubt it may have arrived."""

    at: datetime
    reason: str = "provider_error"
    status: str = "failed"


@dataclass(frozen=True, slots=True)
class NextChannel:
    """This channel will never take it: on to the next in the person's order. `suppress`: as of `Final`."""

    suppress: str | None = None


@dataclass(frozen=True, slots=True)
class Final:
    """`decision` with its reason; `status` of the delivery; `suppress`: why its address must not be written to any more."""

    decision: str
    reason: str
    status: str
    suppress: str | None = None


UNKNOWN = Final("unknown", "no_answer", "unknown")


def after(
    answer: Answer,
    *,
    attempts: int,
    now: datetime,
    give_up_at: datetime,
    chance: float,
    preferred: bool = False,
    in_doubt: bool = False,
) -> Final | TryAgain | NextChannel:
    """What comes of an answer to the try number `attempts`. `chance` in [0, 1) spreads the next tries.

    `preferred`: the person's other channels may be used instead, once it is certain that this one did not take it.
    `in_doubt`: this or an earlier try may have been taken; nothing but a yes ends that.
    """
    match answer:
        case Accepted():
            return Final("sent", "sent", "sent")
        case Rejected() if in_doubt:
            return Final("unknown", "no_answer", "unknown", answer.suppress)
        case Rejected() if preferred:
            return NextChannel(answer.suppress)
        case Rejected():
            return Final("failed", "provider_error", "failed", answer.suppress)
        case Unsure():
            return UNKNOWN
        case NotNow(wait=wait):
            at = next_try(attempts, now=now, give_up_at=give_up_at, chance=chance, wait=wait)
            if in_doubt:
                return UNKNOWN if at is None else TryAgain(at, "no_answer", "unknown")
            return Final("failed", "provider_error", "failed") if at is None else TryAgain(at)


def smtp_answer(code: int, text: str) -> Rejected | NotNow:
    """An SMTP refusal: 5xx is for ever, anything else may pass. 5.1.x and the plain mailbox codes are bounces."""
    said = f"{code} {text}"[:500]
    if not 500 <= code < 600:
        return NotNow(said)
    enhanced = text.strip().split(" ", 1)[0]
    has_enhanced = enhanced.count(".") == 2 and enhanced.replace(".", "").isdigit()
    bounced = enhanced.startswith("5.1.") if has_enhanced else code in (550, 551, 553)
    return Rejected(said, bounced)
