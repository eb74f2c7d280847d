"""What recipients change on the preference page reaches their preferences, and takes back nothing that came later."""

from typing import Any

from shared.plumbing.ids import new_id
from shared.schemas.resolved import ConsentRecorded, ProfileChanged
from tests.services.profiles.standing import NOW, Standing

MORNING = {"days": ["mon"], "from": "09:00", "until": "12:00"}


def word(profile_id: Any, **said: Any) -> dict[str, Any]:
    return {"id": new_id(), "profile_id": profile_id, "at": NOW} | said


async def test_only_what_was_changed_is_changed(standing: Standing) -> None:
    profile_id = await standing.make("u1")
    path = f"/v1/profiles/{profile_id}/preferences"
    given = {"channels": ["sms"], "contact_windows": [MORNING], "topics": {"news": True, "wine": True}}
    await standing.call("PUT", path, given)
    at = standing.clock.step(seconds=1)
    changed = await standing.call("POST", "/internal/preferences", word(profile_id, topics={"wine": False}, at=at))
    assert changed == {"status": "kept"}
    assert await standing.call("GET", path) == given | {"topics": {"news": True, "wine": False}}
    at = standing.clock.step(seconds=1)
    await standing.call("POST", "/internal/preferences", word(profile_id, contact_windows=[], at=at))
    assert (await standing.call("GET", path))["contact_windows"] == []
    [recipient] = (await standing.call("POST", "/internal/recipients", {"profile_ids": [profile_id]}))["recipients"]
    assert recipient["preferences"]["topics"] == {"news": True, "wine": False}


async def test_a_word_told_again_takes_nothing_back(standing: Standing) -> None:
    profile_id = await standing.make("u1")
    path = f"/v1/profiles/{profile_id}/preferences"
    first = word(profile_id, topics={"news": False})
    await standing.call("POST", "/internal/preferences", first)
    at = standing.clock.step(seconds=5)
    await standing.call("POST", "/internal/preferences", word(profile_id, topics={"news": True}, at=at))
    assert await standing.call("POST", "/internal/preferences", first) == {"status": "gone"}
    assert (await standing.call("GET", path))["topics"] == {"news": True}


async def test_words_that_come_late_keep_their_order(standing: Standing) -> None:
    profile_id = await standing.make("u1")
    first, second = NOW, standing.clock.step(seconds=1)
    standing.clock.step(seconds=60)
    for at, topic in ((first, "news"), (second, "wine")):
        told = await standing.call("POST", "/internal/preferences", word(profile_id, topics={topic: False}, at=at))
        assert told == {"status": "kept"}
    found = await standing.call("GET", f"/v1/profiles/{profile_id}/preferences")
    assert found["topics"] == {"news": False, "wine": False}


async def test_a_language_is_a_trait_of_its_time_whatever_became_of_the_preferences(standing: Standing) -> None:
    profile_id = await standing.make("u1", locale="pl")
    path = f"/v1/profiles/{profile_id}"
    said_at = standing.clock.step(seconds=1)
    standing.clock.step(seconds=60)
    await standing.call("PUT", f"{path}/preferences", {"channels": ["email", "push"]})
    told = word(profile_id, locale="fr", first_channel="sms", at=said_at)
    assert await standing.call("POST", "/internal/preferences", told) == {"status": "kept"}
    assert (await standing.call("GET", path))["traits"]["locale"] == "fr"
    assert (await standing.call("GET", f"{path}/preferences"))["channels"] == ["email", "push"]
    changed = [one for one in await standing.feed() if isinstance(one, ProfileChanged)][-1]
    assert changed.traits_changed is not None
    assert (changed.traits_changed.before, changed.traits_changed.after) == ({"locale": "pl"}, {"locale": "fr"})
    assert await standing.call("POST", "/internal/preferences", told) == {"status": "gone"}


async def test_a_language_told_late_takes_nothing_back(standing: Standing) -> None:
    profile_id = await standing.make("u1")
    said_at = standing.clock.now()
    standing.clock.step(seconds=60)
    await standing.call("PATCH", f"/v1/profiles/{profile_id}", {"traits": {"locale": "de"}})
    told = word(profile_id, locale="fr", at=said_at)
    assert await standing.call("POST", "/internal/preferences", told) == {"status": "gone"}
    assert (await standing.call("GET", f"/v1/profiles/{profile_id}"))["traits"]["locale"] == "de"


async def test_a_first_channel_goes_before_the_others(standing: Standing) -> None:
    profile_id = await standing.make("u1")
    path = f"/v1/profiles/{profile_id}/preferences"
    await standing.call("PUT", path, {"channels": ["email", "push", "sms"]})
    at = standing.clock.step(seconds=1)
    await standing.call("POST", "/internal/preferences", word(profile_id, first_channel="sms", at=at))
    assert (await standing.call("GET", path))["channels"] == ["sms", "email", "push"]


async def test_one_about_nobody_is_let_go(standing: Standing) -> None:
    assert await standing.call("POST", "/internal/preferences", word(new_id(), topics={})) == {"status": "gone"}


async def test_consents_are_told_once_and_without_an_address(standing: Standing) -> None:
    profile_id = await standing.make("u1", email="ada@example.com")
    path = f"/v1/profiles/{profile_id}/consents"
    given = {"purpose": "news", "channel": "email", "status": "granted", "source": "form", "at": NOW}
    kept = await standing.call("POST", path, given)
    by_link = given | {"id": new_id(), "profile_id": profile_id, "status": "withdrawn", "source": "preference_page"}
    for _ in range(2):
        await standing.call("POST", "/internal/consents", by_link)
    first, second = (one for one in await standing.feed() if isinstance(one, ConsentRecorded))
    assert (f"{first.profile_id}", f"{first.id}", first.at) == (profile_id, kept["id"], NOW)
    assert (first.purpose, first.channel, first.status, first.source) == ("news", "email", "granted", "form")
    assert (second.id, second.status, second.by_link, first.by_link) == (by_link["id"], "withdrawn", True, False)
    rows = [row["message"] for row in await standing.rows("feed") if '"kind":"consent"' in row["message"]]
    assert len(rows) == 2
    assert not any("example.com" in row for row in rows)
    await standing.call("DELETE", f"/v1/profiles/{profile_id}")
    assert not [one for one in await standing.feed() if isinstance(one, ConsentRecorded)]
