"""Streams of what happens: server-sent events that resume where they were cut."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from impasto.jobs.log_words import Level
from impasto.server.access.guard import Viewer, again
from impasto.server.context import Here
from impasto.server.streaming.stream import Stream, Wanted

router = APIRouter(tags=["events"])

Last = Annotated[str, Header(alias="Last-Event-ID")]
Resumed = Annotated[
    str,
    Query(alias="last", max_length=1 << 16, description="As Last-Event-ID, for a first request."),
]


@router.get("/events", response_class=Stream, status_code=200)
def events(
    request: Request,
    caller: Viewer,
    context: Here,
    job: Annotated[str, Query(max_length=40, description="The job to follow.")] = "",
    level: Annotated[Level, Query(description="The least that its log's lines matter.")] = "debug",
    last_event_id: Last = "",
    last: Resumed = "",
) -> Stream:
    """Stream jobs as they change, and all about one of them, as server-sent events."""
    request.app.state.hub.check_room(caller.id)
    if job:
        context.job(caller, job)
    context.board.now()
    wanted = Wanted(
        caller, partial(again, request, context), job, level, last=last_event_id or last
    )
    return Stream(request.app.state.hub, wanted)


@router.get("/jobs/{job_id}/logs/stream", response_class=Stream, status_code=200)
def follow_log(
    request: Request,
    caller: Viewer,
    context: Here,
    job_id: str,
    level: Level = "debug",
    last_event_id: Last = "",
    last: Resumed = "",
) -> Stream:
    """Stream a job's log from its beginning until the job ends."""
    request.app.state.hub.check_room(caller.id)
    context.job(caller, job_id)
    wanted = Wanted(
        caller,
        partial(again, request, context),
        job_id,
        level,
        log_only=True,
        last=last_event_id or last,
    )
    return Stream(request.app.state.hub, wanted)
