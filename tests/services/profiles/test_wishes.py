"""What people tell of themselves: consents, preferences, devices, dates in their lives."""

from datetime import timedelta
from typing import Any

import pytest

from shared.plumbing.ids import new_id
from shared.schemas.recipients import RecipientsAnswer
from shared.schemas.resolved import ProfileChanged
from tests.services.profiles.standing import NOBODY, NOW, Standing


class TestConsent:
    async def test_the_newest_word_decides_and_a_tie_goes_to_the_refusal(self, standing: Standing) -> None:
        profile_id = await standing.make("u1")
        for status, at in (("granted", NOW), ("denied", NOW), ("granted", NOW - timedelta(days=1))):
            body = {"purpose": "marketing", "channel": "email", "status": status, "source": "form", "at": at}
            await standing.call("POST", f"/v1/profiles/{profile_id}/consents", body, status=201)
        answer = await standing.call("POST", "/internal/recipients", {"profile_ids": [profile_id]})
        [consent] = answer["recipients"][0]["consents"]
        assert consent["status"] == "denied"
        assert len((await standing.call("GET", f"/v1/profiles/{profile_id}/consents"))["items"]) == 3
        body = {"profile_ids": [profile_id], "history": True}
        answer = RecipientsAnswer.of(await standing.call("POST", "/internal/recipients", body))
        consents = answer.recipients[0].consents
        assert [consent.status for consent in consents] == ["granted", "granted", "denied"]
        assert all(consent.recorded_at and not consent.lifted_at for consent in consents)

    async def test_one_dated_ahead_counts_as_given_now(self, standing: Standing) -> None:
        profile_id = await standing.make("u1")
        body = {"purpose": "p", "channel": "any", "status": "granted", "at": NOW + timedelta(days=9)}
        made = await standing.call("POST", f"/v1/profiles/{profile_id}/consents", body)
        assert made["at"] == "2026-05-01T12:00:00Z"

    async def test_it_says_to_which_policy_and_until_when_also_after_a_merge(self, standing: Standing) -> None:
        until = (NOW + timedelta(days=30)).isoformat().replace("+00:00", "Z")
        body = {"purpose": "news", "channel": "email", "status": "granted", "source": "form"}
        terms = {"policy_version": "2026-05", "expires_at": until}
        path = f"/v1/profiles/{await standing.make('u1')}/consents"
        kept = await standing.call("POST", path, body | terms, status=201)
        assert (await standing.call("GET", path))["items"] == [kept]
        other = await standing.make("u2")
        await standing.call("POST", f"/v1/profiles/{other}/consents", body | {"purpose": "surveys"}, status=201)
        await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [other, path.split("/")[3]]})
        items = (await standing.call("GET", path))["items"]
        assert [(c["policy_version"], c["expires_at"]) for c in items] == [("2026-05", until), (None, None)]
        for history in (False, True):
            asked = {"profile_ids": [other], "history": history}
            answer = await standing.call("POST", "/internal/recipients", asked)
            found = {c["purpose"]: c["expires_at"] for c in answer["recipients"][0]["consents"]}
            assert found == {"news": until, "surveys": None}

    async def test_a_confirmation_holds_no_longer_than_what_it_confirms(self, standing: Standing) -> None:
        profile_id = await standing.make("u1")
        until = (NOW + timedelta(days=30)).isoformat().replace("+00:00", "Z")
        body: dict[str, Any] = {"purpose": "news", "channel": "any", "status": "granted"}
        terms = {"policy_version": "2026-05", "expires_at": until}
        await standing.call("POST", f"/v1/profiles/{profile_id}/consents", body | terms, status=201)
        at = standing.clock.step(seconds=1)
        told = body | {
            "id": new_id(),
            "profile_id": profile_id,
            "channel": "email",
            "source": "double_opt_in",
            "at": at,
        }
        await standing.call("POST", "/internal/consents", told)
        at = standing.clock.step(seconds=1)
        anew = told | {"id": new_id(), "source": "preference_page", "at": at}
        await standing.call("POST", "/internal/consents", anew)
        items = (await standing.call("GET", f"/v1/profiles/{profile_id}/consents"))["items"]
        assert [one["expires_at"] for one in items] == [until, until, None]

    async def test_a_recipients_own_word_counts_once_however_often_it_is_told(self, standing: Standing) -> None:
        profile_id = await standing.make("u1")
        word: dict[str, Any] = {
            "id": new_id(),
            "profile_id": profile_id,
            "purpose": "marketing",
            "channel": "email",
            "status": "withdrawn",
            "source": "unsubscribe",
            "at": NOW,
        }
        for _ in range(3):
            assert await standing.call("POST", "/internal/consents", word) == {"status": "kept"}
        assert len(await standing.rows("consents")) == 1
        gone = await standing.call("POST", "/internal/consents", word | {"id": new_id(), "profile_id": NOBODY})
        assert gone == {"status": "gone"}

    async def test_suppression_refuses_everything_until_it_is_lifted(self, standing: Standing) -> None:
        profile_id = await standing.make("u1")
        body = {"purpose": "news", "channel": "email", "status": "granted"}
        await standing.call("POST", f"/v1/profiles/{profile_id}/consents", body)
        standing.clock.step(seconds=1)
        await standing.take("suppress", user_id="u1")

        async def standing_words() -> set[tuple[str, str, str]]:
            answer = await standing.call("POST", "/internal/recipients", {"profile_ids": [profile_id]})
            return {(c["purpose"], c["channel"], c["status"]) for c in answer["recipients"][0]["consents"]}

        refused = {("marketing", "any", "denied"), ("news", "any", "denied"), ("news", "email", "granted")}
        assert await standing_words() == refused
        standing.clock.step(seconds=1)
        await standing.take("unsuppress", user_id="u1")
        assert await standing_words() == {("news", "email", "granted")}
        assert len(await standing.rows("consents")) == 3

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "maybe"},
            {"purpose": ""},
            {"at": "2026-05-01T12:00:00"},
            {"at": "yesterday"},
            {"x": 1},
            {"policy_version": ""},
            {"expires_at": "tomorrow"},
            {"status": "denied", "expires_at": "2027-05-01T12:00:00Z"},
            {"at": "2025-05-01T12:00:00Z", "expires_at": "2025-05-01T12:00:00Z"},
            {"expires_at": "2026-05-01T12:00:00Z"},
        ],
    )
    async def test_refuses_what_says_nothing(self, standing: Standing, change: dict[str, Any]) -> None:
        profile_id = await standing.make("u1")
        body = {"purpose": "p", "channel": "email", "status": "granted"} | change
        await standing.call("POST", f"/v1/profiles/{profile_id}/consents", body, status=422)


class TestPreferences:
    async def test_are_kept_as_they_were_put(self, standing: Standing) -> None:
        profile_id = await standing.make("u1")
        empty: dict[str, Any] = {"channels": [], "contact_windows": [], "topics": {}}
        assert await standing.call("GET", f"/v1/profiles/{profile_id}/preferences") == empty
        put = {
            "channels": ["sms", "email"],
            "contact_windows": [{"days": ["mon", "sat"], "from": "22:00", "until": "02:00"}],
            "topics": {"news": False},
        }
        assert await standing.call("PUT", f"/v1/profiles/{profile_id}/preferences", put) == put
        assert await standing.call("GET", f"/v1/profiles/{profile_id}/preferences") == put
        await standing.call("PUT", f"/v1/profiles/{profile_id}/preferences", {})
        assert await standing.call("GET", f"/v1/profiles/{profile_id}/preferences") == empty

    @pytest.mark.parametrize(
        "body",
        [
            {"channels": ["fax"]},
            {"channels": ["sms", "sms"]},
            {"contact_windows": [{"days": [], "from": "10:00", "until": "11:00"}]},
            {"contact_windows": [{"days": ["monday"], "from": "10:00", "until": "11:00"}]},
            {"contact_windows": [{"days": ["mon"], "from": "10:00", "until": "10:00"}]},
            {"contact_windows": [{"days": ["mon"], "from": "25:00", "until": "10:00"}]},
            {"contact_windows": [{"days": ["mon"], "from": "9", "until": "10:00"}]},
            {"contact_windows": [{"days": ["mon"], "until": "10:00"}]},
            {"topics": {"news": "no"}},
            {"colour": "red"},
        ],
    )
    async def test_refuses_what_means_nothing(self, standing: Standing, body: Any) -> None:
        profile_id = await standing.make("u1")
        await standing.call("PUT", f"/v1/profiles/{profile_id}/preferences", body, status=422)


class TestDevices:
    async def test_come_from_calls_and_messages(self, standing: Standing) -> None:
        profile_id = await standing.make("u1")
        await standing.call("PUT", f"/v1/profiles/{profile_id}/devices/t%2F1", {"platform": "iOS", "app_version": "1"})
        standing.clock.step(seconds=1)
        await standing.take("device", user_id="u1", properties={"token": "t2", "platform": "android"})
        standing.clock.step(seconds=1)
        context = {"device": {"token": "t3", "type": "ios"}, "app": {"version": "2.0"}}
        await standing.take(user_id="u1", context=context)
        assert (await standing.call("GET", f"/v1/profiles/{profile_id}/devices"))["items"] == [
            {"token": "t3", "platform": "ios", "app_version": "2.0"},
            {"token": "t2", "platform": "android", "app_version": None},
            {"token": "t/1", "platform": "ios", "app_version": "1"},
        ]
        await standing.take("device_removed", user_id="u1", properties={"token": "t2"})
        await standing.call("DELETE", f"/v1/profiles/{profile_id}/devices/t3", status=204)
        await standing.call("DELETE", f"/v1/profiles/{profile_id}/devices/t3", status=404)
        assert [row["token"] for row in await standing.rows("devices")] == ["t/1"]

    async def test_belong_to_one_person_at_a_time(self, standing: Standing) -> None:
        one, other = await standing.make("u1"), await standing.make("u2")
        await standing.call("PUT", f"/v1/profiles/{one}/devices/t1", {"platform": "ios"})
        standing.clock.step(seconds=1)
        await standing.call("PUT", f"/v1/profiles/{other}/devices/t1", {"platform": "ios"})
        assert (await standing.call("GET", f"/v1/profiles/{one}/devices"))["items"] == []
        [row] = await standing.rows("devices")
        assert str(row["profile_id"]) == other


async def test_life_events_are_kept_told_and_forgotten(standing: Standing) -> None:
    profile_id = await standing.make("u1")
    body = {"kind": "birthday", "date": "2020-02-29", "recurs": "yearly", "subject": "child", "note": "Tim"}
    made = await standing.call("POST", f"/v1/profiles/{profile_id}/life-events", body, status=201)
    assert {key: made[key] for key in body} == body
    assert (await standing.look_up(user_id="u1"))["life_events"] == [made]
    await standing.call("DELETE", f"/v1/profiles/{profile_id}/life-events/{made['id']}", status=204)
    await standing.call("DELETE", f"/v1/profiles/{profile_id}/life-events/{made['id']}", status=404)
    told = [each for each in await standing.feed() if isinstance(each, ProfileChanged)]
    assert [len(each.profile.life_events) for each in told] == [0, 1, 0]
    for date in ("2021-02-29", "20200101", 5, None):
        bad = body | {"date": date}
        await standing.call("POST", f"/v1/profiles/{profile_id}/life-events", bad, status=422)
