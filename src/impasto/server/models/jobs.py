"""Jobs, as the API shows them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from impasto.jobs.state import State
from impasto.schema.base import Frozen
from impasto.schema.driver import Driver
from impasto.schema.job import Labels
from impasto.schema.outcome import Result

ShardState = Literal["waiting", "running", "done", "failed"]
Stages = dict[str, float]
"""Busy seconds of ``read``, ``score`` and ``write``."""


class RunningShard(Frozen):
    """A shard that is being scored now.

    Attributes:
        shard: its index.
        items: how many of its items are written.
    """

    shard: int
    items: int


class JobRow(Frozen):
    """One job in a list of jobs.

    Attributes:
        job: its id.
        state: its state.
        stage: what its driver does now: planning, scoring, assembling or delivering; "" if nobody
            drives it.
        percent: how much of it is done; 100 only once it is finished.
        items_done: items that are scored and written, those of running shards included.
        items: its items; 0 while it is not planned.
        items_failed: how many were set aside, once it is done or incomplete.
        noun: what its items are called: frames, images, rows, files.
        shards_done: shards that are done.
        shards: how many it has; 0 while it is not planned.
        rate: items per second of its driver; 0 if nobody drives it.
        seconds_left: how long it will take yet; None if that is not known.
        workers: how many workers score it now.
        started: when it was submitted.
        changed: when anything of it last changed.
        scorer: what scores its items.
        style: name of its painting; "" if it has none.
        source: what it reads.
        output: what it makes.
        error: why its last driver ended, or why it cannot be read; "" if there is nothing to say.
        tenant: whose it is; "" for nobody's.
        rule: the rule that made it, or "".
        labels: what its submitter called it.
        readable: whether its spec can be read; without it, only ``job`` and ``error`` count.
        preview: item of its newest preview picture, to be shown beside its name; None if there is
            none.
    """

    job: str
    state: State
    stage: str = ""
    percent: int = 0
    items_done: int = 0
    items: int = 0
    items_failed: int = 0
    noun: str = "items"
    shards_done: int = 0
    shards: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    workers: int = 0
    started: float = 0.0
    changed: float = 0.0
    scorer: str = ""
    style: str = ""
    source: str = ""
    output: str = ""
    error: str = ""
    tenant: str = ""
    rule: str = ""
    labels: Labels = Field(default_factory=dict)
    readable: bool = True
    preview: int | None = None


class JobList(Frozen):
    """A page of a list of jobs, newest first.

    Attributes:
        jobs: the jobs.
        next: give it as ``cursor`` for the next page; "" on the last one.
        total: how many jobs match, on all pages.
        counts: how many of the jobs that match all but the state are in each state.
    """

    jobs: list[JobRow]
    next: str = ""
    total: int
    counts: dict[State, int]


class JobDetail(Frozen):
    """Everything that is known about one job.

    Attributes:
        row: what the list shows of it.
        drivers: who runs it now.
        output_kind: video, image, folder, arrays, records or files; "" while it is not planned.
        width: of its pictures, in pixels; 0 if there are none of one size.
        height: of its pictures, in pixels.
        fps: frames per second of the video that is made; 0 if none is.
        params: the scorer's parameters.
        spec: all else that it was asked for.
        warnings: what its submitter should know about the source.
        reasons: why the plan is as it is.
        failed_attempts: attempts at shards that failed.
        last_failure: why the last of these at a shard that is not done did, or "".
        items_failed: how many items were set aside.
        concealed: frames that could not be decoded, and show the one before.
        repeated: frames that equal the one before, and were not scored.
        stages: busy seconds by stage, of all workers together.
        seconds: wall seconds of the run that finished it; 0 if it is not finished.
        result: its result; None until it is finished.
        has_pictures: whether single items of its source can be shown as pictures.
        has_scored: whether its results are pictures that can be shown.
        plays: whether its source and its output are videos, which the page shows side by side.
        changes: files that were replaced by other versions, one line each.
    """

    row: JobRow
    drivers: list[Driver]
    output_kind: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    params: dict[str, Any]
    spec: dict[str, Any]
    warnings: list[str]
    reasons: list[str]
    failed_attempts: int = 0
    last_failure: str = ""
    items_failed: int = 0
    concealed: int = 0
    repeated: int = 0
    stages: Stages
    seconds: float = 0.0
    result: Result | None = None
    has_pictures: bool = False
    has_scored: bool = False
    plays: bool = False
    changes: list[str] = Field(default_factory=list)


class ShardRow(Frozen):
    """One shard of a job.

    Attributes:
        shard: its index.
        start: first item.
        stop: one past the last item.
        state: ``failed`` if its last attempt failed and it is neither done nor running.
        items: how many of its items are written.
        failed: how many of them were set aside.
        attempts: how many attempts at it failed.
        error: why the last one failed, or "".
        worker: who ran it; "" if it is not done.
        device: what scored it, ``cpu`` or ``cuda``.
        ended: when it was done; 0 if it is not.
        seconds: wall seconds that it took; 0 if it is not done.
        stages: busy seconds by stage.
    """

    shard: int
    start: int
    stop: int
    state: ShardState
    items: int = 0
    failed: int = 0
    attempts: int = 0
    error: str = ""
    worker: str = ""
    device: str = ""
    ended: float = 0.0
    seconds: float = 0.0
    stages: Stages = Field(default_factory=dict)


class ShardList(Frozen):
    """The shards of a job, in order; none while it is not planned."""

    shards: list[ShardRow]


class LogLine(Frozen):
    """One event of a job's log.

    Attributes:
        time: when it happened.
        event: its kind: started, done, failed, workers, item, printed, finished, stopped, ...
        level: debug, info, warning or error.
        text: it in words, one line.
        below: a traceback, or what the scorer printed; it may have many lines.
        shard: which shard it concerns; None for none.
        item: the name of the item it concerns, or "".
        worker: the worker that it concerns, or "".
        fields: all that the log has.
    """

    time: float
    event: str
    level: Literal["debug", "info", "warning", "error"]
    text: str
    below: str = ""
    shard: int | None = None
    item: str = ""
    worker: str = ""
    fields: dict[str, Any] = Field(default_factory=dict)


class LogPage(Frozen):
    """A part of a job's log, oldest event first.

    Attributes:
        lines: the events.
        next: give it as ``cursor`` for what came after; never "".
        more: whether there is more already; a page may be short, or empty, if few events match.
    """

    lines: list[LogLine]
    next: str
    more: bool = False
