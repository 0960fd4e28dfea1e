"""Items of a job: those that failed, and the records that were made."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from impasto.errors import BadInput
from impasto.server import records as pages
from impasto.server.access.guard import Viewer
from impasto.server.context import Here
from impasto.server.models.items import FailedItem, FailedItems, Records
from impasto.server.routes.pictures import shows_source

router = APIRouter(tags=["items"])

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str, Query(max_length=100)]


@router.get("/jobs/{job}/failed")
def failed(
    job: str, caller: Viewer, context: Here, limit: Limit = 100, cursor: Cursor = ""
) -> FailedItems:
    """List the items that were set aside, and why."""
    if cursor and not cursor.isdecimal():
        raise BadInput("cursor: is wrong", "leave it out, or give the last page's `next`")
    planned = context.planned(caller, job)
    after = int(cursor or 0)
    found = [
        (error, planned.plan.shards[record.shard])
        for record in context.plans.done(planned)
        for error in record.failed
        if error.item >= after
    ]
    shown = [
        FailedItem(error=error, picture=shows_source(planned, shard, error.item))
        for error, shard in found[:limit]
    ]
    return FailedItems(items=shown, next=str(found[limit][0].item) if len(found) > limit else "")


@router.get("/jobs/{job}/records")
def records(
    job: str, caller: Viewer, context: Here, limit: Limit = 100, cursor: Cursor = ""
) -> Records:
    """Return a page of the records that the job has made so far, in the order of its items."""
    planned = context.planned(caller, job)
    return pages.page(planned, context.plans.done(planned), limit, cursor)
