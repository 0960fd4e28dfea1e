"""Items of a job: those that failed, and the records that were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from impasto.errors import BadInput
from impasto.server import records as pages
from impasto.server.access.guard import Viewer
from impasto.server.context import Here
from impasto.server.models.items import FailedItem, FailedItems, Records
from impasto.server.routes.pictures import shows_source

if TYPE_CHECKING:
    from impasto.schema.outcome import Done
    from impasto.schema.plan import Plan, Shard

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
        (error, record, planned.plan.shards[record.shard])
        for record in context.plans.done(planned)
        for error in record.failed
        if error.item >= after
    ]
    shown = [
        FailedItem(
            error=error,
            picture=shows_source(planned, shard, error.item),
            kept=_kept(planned.plan, shard, record, error.item),
        )
        for error, record, shard in found[:limit]
    ]
    return FailedItems(items=shown, next=str(found[limit][0].item) if len(found) > limit else "")


def _kept(plan: Plan, shard: Shard, record: Done, item: int) -> bool:
    """Return whether the output has an item's own picture; a file that is no picture has none."""
    if plan.output in {"folder", "arrays"}:
        return shard.outputs[item - shard.start] in record.names
    return plan.output in {"video", "image"}


@router.get("/jobs/{job}/records")
def records(
    job: str, caller: Viewer, context: Here, limit: Limit = 100, cursor: Cursor = ""
) -> Records:
    """Return a page of the records that the job has made so far, in the order of its items."""
    planned = context.planned(caller, job)
    return pages.page(planned, context.plans.done(planned), limit, cursor)
