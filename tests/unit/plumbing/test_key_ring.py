"""Keys that are new."""

import asyncio

import uvloop

from shared.plumbing.auth import KeyRing, hash_key


def test_a_key_that_was_just_made_is_good_whenever_it_comes() -> None:
    """Also where the time between two instants comes out a little less than it is, or a timer wakes a little early."""
    keys: dict[str, str] = {}

    async def load() -> dict[str, str]:
        return dict(keys)

    async def comes(new: str, after: float) -> str | None:
        ring = KeyRing(load)
        await asyncio.sleep(after)
        assert await ring.role_of(new) is None
        keys[hash_key(new)] = "admin"
        return await ring.role_of(new)

    async def all_come() -> list[str | None]:
        return await asyncio.gather(*(comes(f"key {n}", n / 1000) for n in range(40)))

    assert uvloop.run(all_come()) == ["admin"] * 40
