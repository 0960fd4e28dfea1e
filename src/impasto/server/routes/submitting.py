"""Submitting jobs, and looking before: what they would take, and what they would make."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from impasto.errors import ImpastoError
from impasto.jobs.job import Job
from impasto.scorers import registry
from impasto.server import submission
from impasto.server.access.guard import Submitter, Viewer
from impasto.server.context import Here
from impasto.server.models.submitting import (
    Estimate,
    MomentList,
    Preview,
    PreviewRequest,
    ScorerList,
    ScorerRow,
    Submission,
    Submitted,
)

if TYPE_CHECKING:
    from impasto.server.access.caller import Caller
    from impasto.server.context import Context

router = APIRouter(tags=["submitting"])


@router.post("/jobs", status_code=201)
async def submit(
    given: Submission, request: Request, caller: Submitter, context: Here
) -> Submitted:
    """Submit a job for a watcher; the same submission again answers the same job."""
    children, places = context.children, _places(caller)
    left = request.is_disconnected
    if given.rule:
        await run_in_threadpool(submission.check_rule, context, caller, given)
        data = await children.ask(
            children.planning,
            "impasto.server.work.submitting:submit_by_rule",
            left,
            caller.party,
            config=context.config,
            rule=given.rule,
            style=_style(given),
            source=given.source,
            places=places,
            own={"tenant": caller.tenant, "labels": given.labels},
        )
        await run_in_threadpool(context.looks.standings.forget)
    else:
        spec = await run_in_threadpool(submission.checked_spec, context, caller, given)
        data = await children.ask(
            children.planning,
            "impasto.server.work.submitting:submit",
            left,
            caller.party,
            spec=spec.model_dump(mode="json"),
            places=places,
        )
    context.call()
    submitted, trace = Submitted.model_validate_json(data), request.headers.get("traceparent")
    if trace and submitted.job and submitted.state == "submitted":
        await run_in_threadpool(_note_trace, Job(context.home, submitted.job), trace)
    return submitted


@router.post("/plan")
async def plan(given: Submission, request: Request, caller: Submitter, context: Here) -> Estimate:
    """Estimate a job; nothing is written."""
    data = await context.children.ask(
        context.children.planning,
        "impasto.server.work.submitting:plan",
        request.is_disconnected,
        caller.party,
        **await _wanted(context, caller, given),
    )
    return Estimate.model_validate_json(data)


@router.post("/moments")
async def moments(
    given: Submission, request: Request, caller: Submitter, context: Here
) -> MomentList:
    """Choose frames of a video that may be previewed; nothing is scored or written."""
    data = await context.children.ask(
        context.children.decoding,
        "impasto.server.work.moments:moments",
        request.is_disconnected,
        caller.party,
        **await _wanted(context, caller, given),
    )
    return MomentList.model_validate_json(data)


@router.post("/preview")
async def preview(
    given: PreviewRequest, request: Request, caller: Submitter, context: Here
) -> Preview:
    """Score one item of a job, and estimate the whole of it; nothing is written."""
    data = await context.children.ask(
        context.children.scoring,
        "impasto.server.work.preview:preview",
        request.is_disconnected,
        caller.party,
        **await _wanted(context, caller, given),
        at=given.at,
    )
    return Preview.model_validate_json(data)


@router.get("/scorers")
def scorers(_: Viewer) -> ScorerList:
    """List the scorers that jobs may name, with the schema of their parameters."""
    names, _problems = registry.find_all()
    return ScorerList(scorers=[_row(name) for name in names])


def _row(name: str) -> ScorerRow:
    entry = registry.find(name)
    return ScorerRow(
        name=name,
        summary=entry.about,
        takes=[*entry.takes],
        gives=[*entry.gives],
        params=entry.params.model_json_schema(),
        files={param: role.name.lower() for param, role in entry.roles.files.items()},
        code=submission.runs_code(entry),
    )


def _note_trace(job: Job, trace: str) -> None:
    """Have the job's first trace linked to that of who submits it."""
    # The job is submitted already, with or without it.
    with suppress(ImpastoError):
        job.notes.note_trace(trace)


async def _wanted(context: Context, caller: Caller, given: Submission) -> dict[str, Any]:
    """Return what a plan and a preview are made of."""
    around = {"config": context.config, "places": _places(caller)}
    if given.rule:
        await run_in_threadpool(submission.check_rule, context, caller, given)
        chosen = {"name": given.rule, "style": _style(given)}
        return {**around, "spec": {"source": given.source}, "rule": chosen}
    wanted = await run_in_threadpool(submission.checked_spec, context, caller, given)
    return {**around, "spec": wanted.model_dump(mode="json")}


def _style(given: Submission) -> str | None:
    style = given.params.get("style")
    return str(style) if style is not None else None


def _places(caller: Caller) -> list[str]:
    return [*caller.read, *caller.write]
