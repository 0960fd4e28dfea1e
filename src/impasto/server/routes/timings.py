"""How long a job, its shards and its items took, as a file that is written while it is read."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from impasto.jobs.timings import Of, fields, timings
from impasto.server.access.guard import Viewer
from impasto.server.context import Here
from impasto.tables.formats import require
from impasto.tables.write.rows import written

router = APIRouter(tags=["jobs"])
_TYPES = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}


@router.get("/jobs/{job}/timings", response_class=StreamingResponse)
def job_timings(
    job: str,
    caller: Viewer,
    context: Here,
    of: Of = "shards",
    format: Literal["json", "jsonl", "csv", "parquet"] = "json",  # noqa: A002 (the API's word)
) -> StreamingResponse:
    """Return how long each pass over a job, each shard or each item took."""
    found, _ = context.job(caller, job)
    name = f"{found.id}-{of}.{format}"
    require(name)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
    pieces = written(timings(found, of), fields(of), f".{format}")
    return StreamingResponse(pieces, media_type=_TYPES[format], headers=headers)
