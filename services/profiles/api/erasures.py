"""Forgetting people, with a receipt."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.profiles.api.desk import LimitedRoute, desk_of
from services.profiles.api.documents import ReceiptPage, ReceiptShown, refusals
from services.profiles.api.shown import shown_receipt
from services.profiles.service import erasing
from shared.plumbing.auth import Admin, Reader
from shared.plumbing.http import JsonResponse
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=LimitedRoute, tags=["erasure"])


@router.delete(
    "/v1/profiles/{profile_id}",
    summary="Erase a person in all services",
    description="Here at once, elsewhere as the others get to it; what was accepted before and is still on its way is dropped. "
    "Asked again, the answer is the same receipt.",
    status_code=202,
    response_model=ReceiptShown,
    responses=refusals(403, 404, 422),
    dependencies=[Admin],
)
async def erase_profile(request: Request, profile_id: UUID) -> Response:
    receipt = await erasing.request_erasure(desk_of(request).book, profile_id)
    location = {"Location": f"/v1/erasures/{receipt.id}"}
    return JsonResponse(shown_receipt(receipt), 202, headers=location)


@router.get(
    "/v1/erasures",
    summary="Receipts of erasures, the newest first",
    response_model=ReceiptPage,
    responses=refusals(422),
    dependencies=[Reader],
)
async def list_receipts(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = read_cursor(cursor, UUID)
    receipts = await erasing.list_receipts(desk_of(request).book, before=before, limit=limit + 1)
    return JsonResponse(page(receipts, limit=limit, item=shown_receipt, cursor=lambda receipt: receipt.id))


@router.get(
    "/v1/erasures/{receipt_id}",
    summary="How far an erasure is",
    response_model=ReceiptShown,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def get_receipt(request: Request, receipt_id: UUID) -> Response:
    return JsonResponse(shown_receipt(await erasing.get_receipt(desk_of(request).book, receipt_id)))
