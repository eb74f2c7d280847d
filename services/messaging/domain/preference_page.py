"""The preference page: everything off, or topic by topic, channel by channel, and the times at which to write."""

from collections.abc import Iterator, Sequence

from services.messaging.domain import pages
from services.messaging.domain.campaign import MARKETING
from services.messaging.domain.choices import ChannelChoice, Choices, Window
from services.messaging.domain.local_time import DAYS
from services.messaging.domain.words import Words, languages


def what(words: Words, purpose: str) -> str:
    """A purpose in words; those that a deployment names itself are shown as it names them."""
    return words(MARKETING) if purpose == MARKETING else purpose


def preference_page(
    words: Words,
    choices: Choices | None,
    *,
    purpose: str,
    action: str,
    remembered: str,
    notice: str | None = None,
    address: str | None = None,
    typed: Sequence[Window] | None = None,
) -> str:
    """`choices`: None where nothing of the person may or can be shown; everything can be unsubscribed from all the same.

    `remembered`: what the form has to bring back. `address`: masked. `typed`: windows as they were typed, faulty ones too.
    """
    parts = [pages.notice(notice)] if notice else []
    if address:
        parts.append(pages.paragraph(words("for_address", address=address)))
    parts.append(_everything(words, action, remembered))
    if choices is not None:
        parts.append(pages.form(action, pages.hidden("shown", remembered), *_fields(words, choices, purpose, typed)))
    return pages.document(words, words("title"), *parts)


def _everything(words: Words, action: str, remembered: str) -> str:
    button = pages.button(words("all_button"), "all", quiet=True)
    form = pages.form(action, pages.hidden("shown", remembered), button)
    return f'<section class="all"><h2>{words("all_heading")}</h2>{pages.paragraph(words("all_text"))}{form}</section>'


def _fields(words: Words, choices: Choices, purpose: str, typed: Sequence[Window] | None) -> Iterator[str]:
    if choices.topics:
        rows = (
            pages.checkbox("topic", topic.key, topic.name(words.locale), checked=wanted)
            for topic, wanted in choices.topics
        )
        yield pages.fieldset(words("topics_heading"), rows)
    if choices.channels:
        about = pages.hint(words("channels_text", what=what(words, purpose)))
        rows = (_channel(words, one) for one in choices.channels)
        yield pages.fieldset(words("channels_heading"), [about, *rows, *_order(words, choices)])
    if choices.windows is not None:
        windows = (*choices.windows, Window())
        written = windows if typed is None else typed[: len(windows)]
        yield pages.fieldset(words("times_heading"), _times(words, choices, written))
    yield pages.fieldset(words("language_heading"), [_language(words, choices.language)])
    yield pages.button(words("save"), "save")


def _order(words: Words, choices: Choices) -> Iterator[str]:
    if choices.first is not None:
        options = ((one, words(one) if one else words("first_none")) for one in choices.firsts)
        yield pages.select("first", words("first_label"), options, chosen=choices.first)


def _language(words: Words, language: str) -> str:
    """Each in its own words, for whoever does not read this one."""
    none = [] if language else [("", words("language_none"))]
    spoken = sorted((tag, texts["language"]) for tag, texts in languages().items())
    return pages.select("language", words("language_label"), [*none, *spoken], chosen=language, languages=languages())


def _channel(words: Words, one: ChannelChoice) -> str:
    text = f"{words(one.channel)} ({one.address})" if one.address else words(one.channel)
    why = "blocked" if one.blocked else "unconfirmed" if one.unconfirmed else None
    return pages.checkbox(
        "channel",
        one.channel,
        text,
        checked=one.allowed,
        disabled=one.blocked,
        why=words(why) if why else "",
    )


def _times(words: Words, choices: Choices, windows: Sequence[Window]) -> Iterator[str]:
    yield pages.hint(words("times_text", zone=choices.zone))
    if len(windows) > 1:
        yield pages.hint(words("times_remove"))
    for row, window in enumerate(windows):
        yield f"<fieldset><legend>{words('time_legend', number=str(row + 1))}</legend>{_time(words, row, window)}</fieldset>"


def _time(words: Words, row: int, window: Window) -> str:
    days = (pages.checkbox(f"days-{row}", day, words(day), checked=day in window.days) for day in DAYS)
    begin = pages.time_field(f"from-{row}", words("from"), window.start)
    end = pages.time_field(f"until-{row}", words("until"), window.until)
    return (
        f'<div class="row" role="group" aria-label="{words("days")}">{"".join(days)}</div>'
        f'<div class="row">{begin}{end}</div>'
    )
