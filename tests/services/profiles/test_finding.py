"""Whom many identifiers stand for."""

from typing import Any

from tests.services.profiles.standing import NOBODY, Standing


async def _find(standing: Standing, *pairs: tuple[str, str]) -> list[Any]:
    body = {"identifiers": [{"namespace": namespace, "value": value} for namespace, value in pairs]}
    answer = await standing.call("POST", "/internal/identifiers", body)
    return list(answer["profile_ids"])


async def test_each_identifier_is_answered_in_its_place(standing: Standing) -> None:
    ann = str(await standing.make("ann", email="Family@example.com", phone="+43 1 234567"))
    ben = str(await standing.make("ben", email="family@example.com"))
    both = sorted([ann, ben])
    asked = [
        ("user_id", "ben"),
        ("user_id", "nobody"),
        ("email", "FAMILY@example.com"),
        ("phone", "+431234567"),
        ("profile_id", ann),
        ("profile_id", NOBODY),
        ("profile_id", "no id"),
        ("user_id", "null"),
        ("user_id", "a\x00b"),
        ("loyalty_card", "ann"),
        ("user_id", "ben"),
    ]
    assert await _find(standing, *asked) == [[ben], [], both, [ann], [ann], [], [], [], [], [], [ben]]
    assert await _find(standing) == []


async def test_those_who_were_merged_are_found_as_the_survivor_and_the_erased_not_at_all(standing: Standing) -> None:
    ann, ben, cleo = [str(await standing.make(name, email=f"{name}@example.com")) for name in ("ann", "ben", "cleo")]
    for other in (ben, cleo):
        await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [ann, other]})
    survivor = (await _find(standing, ("user_id", "ann")))[0]
    names = [("profile_id", each) for each in (ann, ben, cleo)] + [("user_id", "ben"), ("email", "cleo@example.com")]
    assert await _find(standing, *names) == [survivor] * len(names)
    await standing.call("DELETE", f"/v1/profiles/{survivor[0]}", status=202)
    assert await _find(standing, *names) == [[]] * len(names)


async def test_asking_makes_nobody(standing: Standing) -> None:
    await _find(standing, ("user_id", "new"), ("email", "new@example.com"))
    assert (await standing.call("GET", "/v1/profiles"))["items"] == []


async def test_too_many_are_refused(standing: Standing) -> None:
    many = {"identifiers": [{"namespace": "user_id", "value": str(n)} for n in range(5001)]}
    await standing.call("POST", "/internal/identifiers", many, status=400)
