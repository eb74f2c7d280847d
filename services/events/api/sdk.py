"""What SDKs in browsers and apps ask before they send, and what they send that nobody needs."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse

from services.events.api.examples import answers, takes
from services.events.api.intake import intake_of
from services.events.domain.keys import find_write_key
from shared.plumbing.errors import NotFound, Unauthorized
from shared.plumbing.http import JsonResponse

ADVICE = (
    "This deployment has no copy of analytics.js. Set REGULARS_ANALYTICS_JS to the file dist/umd/standalone.js of the npm package "
    "@segment/analytics-next, or bundle that package with your site."
)


def sdk_routes(*, public_url: str | None, analytics_js: Path | None) -> APIRouter:
    """None of them needs more than a write key in its address."""
    router = APIRouter(tags=["SDK settings"])

    @router.get(
        "/v1/projects/{write_key}/settings",
        summary="Settings of Segment's browser and mobile SDKs",
        responses=answers({"integrations": {"Segment.io": {"apiKey": "c…", "apiHost": "shop.example/v1"}}}),
    )
    async def settings(request: Request, write_key: str) -> Response:
        try:
            await intake_of(request).keys.source_of(write_key)
        except Unauthorized as error:
            raise NotFound("This write key is unknown or revoked.") from error
        return JsonResponse(_segment_settings(write_key, public_url or str(request.base_url)))

    @router.get(
        "/analytics.js/v1/{write_key}/analytics.min.js",
        summary="analytics.js for Segment's script snippet, the operator's copy",
        response_class=FileResponse,
    )
    def script(write_key: str) -> Response:  # noqa: ARG001 (the snippet puts it there; the file is the same)
        if analytics_js is None or not analytics_js.is_file():
            raise NotFound(ADVICE)
        return FileResponse(analytics_js, media_type="text/javascript", headers={"Cache-Control": "max-age=300"})

    for path in ("/sourceConfig", "/sourceConfig/"):
        router.add_api_route(
            path,
            _source_config,
            methods=["GET"],
            summary="Settings of RudderStack's browser SDK",
            responses=answers(_source("c…", "web")),
        )
    for path in ("/v1/m", "/rsaMetrics"):
        router.add_api_route(
            path,
            _drop,
            methods=["POST"],
            summary="The SDKs' metrics about themselves: dropped",
            openapi_extra=takes({"series": []}, required=False),
            responses=answers({"success": True}),
        )
    return router


def _segment_settings(write_key: str, base_url: str) -> dict[str, Any]:
    protocol, _, host = base_url.rstrip("/").partition("://")
    api = {"apiKey": write_key, "apiHost": f"{host}/v1", "protocol": protocol}
    return {
        "integrations": {"Segment.io": api},
        "plan": {"track": {"__default": {"enabled": True}}},
        "metrics": {"sampleRate": 0},
    }


async def _source_config(request: Request) -> Response:
    write_key = find_write_key(
        authorization=request.headers.get("authorization"),
        x_write_key=request.headers.get("x-write-key"),
        in_query=request.query_params.get("writeKey"),
        in_body=None,
    )
    source = await intake_of(request).keys.source_of(write_key)
    return JsonResponse(_source(write_key or "", source))


def _source(write_key: str, name: str) -> dict[str, Any]:
    source = {"id": name, "name": name, "writeKey": write_key, "workspaceId": "regulars", "enabled": True}
    return {"source": source | {"destinations": [], "config": {}}}


async def _drop() -> Response:
    return JsonResponse({"success": True})
