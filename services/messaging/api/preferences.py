"""The preference page: for people, without a key, a login or a script."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from services.messaging.api.campaigns import frame_of
from services.messaging.api.visits import (
    LIMITED,
    answer,
    broken,
    desk_of,
    read_form,
    read_link,
    too_often,
    words_of,
)
from services.messaging.domain import pages
from services.messaging.domain.addresses import masked
from services.messaging.domain.choices import MOST_WINDOWS, FaultyTimes, Form, asked_windows, changes_of
from services.messaging.domain.links import LinkContent, Linker
from services.messaging.domain.preference_page import preference_page
from services.messaging.domain.words import Words
from services.messaging.service.own_words import purpose_of
from services.messaging.service.preferring import Desk, Holder
from services.messaging.service.unsubscribing import allow_again, stop_everything

router = APIRouter(tags=["links"])
SHOWN, UNDO = "shown", "undo"
NOTHING: dict[str, Any] = {"topics": {}, "channels": {}, "windows": None}


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody behind a link, at an instant."""

    request: Request
    token: str
    link: LinkContent
    desk: Desk
    now: datetime

    @property
    def action(self) -> str:
        return f"/preferences/{self.token}"

    @property
    def linker(self) -> Linker:
        return self.desk.speech.linker

    async def find_holder(self) -> tuple[Holder, Words]:
        holder = await self.desk.find_holder(self.link, now=self.now)
        return holder, words_of(self.request, holder)


async def _enter(request: Request, token: str) -> Visit | Response:
    link = read_link(request, token)
    if link is None:
        return broken(request)
    refusal = too_often(request, link)
    return refusal or Visit(request, token, link, desk_of(request), frame_of(request).clock.now())


@router.get("/preferences/{token}", summary="A person's preferences; changes nothing", responses=LIMITED)
async def show(request: Request, token: str) -> Response:
    """Topics, channels and times, in the person's language; whoever is erased, or has another address by now, can only
    unsubscribe."""
    visit = await _enter(request, token)
    return visit if isinstance(visit, Response) else await _page(visit)


@router.post(
    "/preferences/{token}", summary="Saves what was chosen, or unsubscribes from everything", responses=LIMITED
)
async def choose(request: Request, token: str) -> Response:
    """The form of the page. It counts from the answer on, also for messages that wait. Only what differs from what the page
    showed is changed. `choice=all`: nothing more but what is transactional; `choice=undo` takes that back."""
    visit = await _enter(request, token)
    if isinstance(visit, Response):
        return visit
    form = await read_form(request)
    choice = next(iter(form.get("choice", ())), "save")
    act = {"all": _stop, "undo": _undo}.get(choice, _save)
    answered = await act(visit, form)
    frame_of(request).wake.hint()
    return answered


def _brought_back(visit: Visit, form: Form, what: str) -> Any:
    given = next(iter(form.get(what, ())), "")
    return visit.linker.recall(what, given, visit.link, visit.now)


async def _page(visit: Visit, said: str | None = None, *, typed: Form | None = None) -> Response:
    """`said`: what became of the form, by its name among the words. `typed`: a faulty form, to be put right."""
    holder, words = await visit.find_holder()
    choices = await visit.desk.choices(visit.link, holder, now=visit.now)
    if holder.away:
        said = {"saved": "saved_away", None: "away"}.get(said, said)
    shown = choices.to_json() if choices else NOTHING
    address = holder.delivery["address"] if holder.delivery and holder.is_theirs else None
    return answer(
        preference_page(
            words,
            choices.as_typed(typed) if choices and typed else choices,
            purpose=purpose_of(visit.link),
            action=visit.action,
            remembered=visit.linker.remember(SHOWN, shown, visit.link, visit.now),
            notice=words(said) if said else None,
            address=masked(visit.link.channel, address) if address else None,
            typed=None if typed is None else asked_windows(typed, MOST_WINDOWS),
        )
    )


async def _save(visit: Visit, form: Form) -> Response:
    shown = _brought_back(visit, form, SHOWN)
    if shown is None:
        return await _page(visit, "outdated")
    try:
        changes = changes_of(form, shown)
    except FaultyTimes:
        return await _page(visit, "wrong_time", typed=form)
    await visit.desk.save(visit.link, changes, at=visit.now)
    return await _page(visit, "saved" if changes else "unchanged")


async def _stop(visit: Visit, form: Form) -> Response:
    shown = _brought_back(visit, form, SHOWN) or NOTHING
    holder, words = await visit.find_holder()
    granted = await visit.desk.granted(holder, now=visit.now)
    addresses = {channel: hashed for channel, (_, hashed) in shown["channels"].items()}
    await stop_everything(visit.desk.db, visit.link, addresses, granted, at=visit.now)
    parts = [pages.notice(words("unsubscribed_all"))]
    if granted:
        undo = visit.linker.remember(UNDO, granted, visit.link, visit.now)
        button = pages.button(words("undo"), "undo", quiet=True)
        parts.append(pages.form(visit.action, pages.hidden(UNDO, undo), button))
    parts.append(pages.link(words("back"), visit.action))
    return answer(pages.document(words, words("unsubscribed_title"), *parts))


async def _undo(visit: Visit, form: Form) -> Response:
    granted = _brought_back(visit, form, UNDO)
    if granted is None:
        return await _page(visit, "outdated")
    await allow_again(visit.desk.db, visit.link, granted, at=visit.now)
    return await _page(visit, "undone")
