"""Calls to a deployment as its users make them, the same for one in memory and a real one."""

from collections.abc import Mapping
from typing import Any

import httpx

from shared.plumbing import json
from shared.plumbing.ids import new_id
from tests.support.waiting import until


class Calls:
    """`urls`: where each service answers; `http` carries the API key."""

    urls: Mapping[str, str]
    http: httpx.AsyncClient
    write_key: str

    async def call(self, method: str, service: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """One request with the API key. Fails the test on an unexpected status."""
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        answer = await self.http.request(method, self.urls[service] + path, content=content, headers=headers)
        assert (answer.status_code == status) if status else answer.is_success, (answer.status_code, answer.text)
        return json.loads(answer.content) if answer.content else None

    async def send(self, *messages: Mapping[str, Any], path: str = "/v1/batch") -> Any:
        """Messages as an SDK sends them; a `messageId` is made where there is none."""
        batch = [{"messageId": str(new_id()), **message} for message in messages]
        answer = await self.http.post(
            self.urls["events"] + path, content=json.dumps({"batch": batch}), auth=(self.write_key, "")
        )
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content)

    async def settle(self, *, seconds: float = 60) -> None:
        """Until `/v1/lag` says that everything has taken effect."""

        async def nothing_is_pending() -> bool:
            return bool((await self.call("GET", "events", "/v1/lag"))["events"] == 0)

        await until(nothing_is_pending, "nothing is pending", seconds=seconds)

    async def items(self, service: str, path: str) -> list[Any]:
        """All items of a list."""
        items: list[Any] = []
        cursor = None
        while True:
            joint = "&" if "?" in path else "?"
            page = await self.call("GET", service, path + (f"{joint}cursor={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    async def members(self, segment: str) -> set[str]:
        """The user ids of a segment's members."""
        return {item["user_id"] for item in await self.items("segments", f"/v1/segments/{segment}/members")}

    async def profile(self, user_id: str) -> Any:
        """The profile of a user id."""
        return await self.call("GET", "profiles", f"/v1/profiles/lookup?user_id={user_id}")
