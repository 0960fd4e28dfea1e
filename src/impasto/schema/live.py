"""How far a job is, as its driver tells everyone who looks into the job's folder."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.schema.bounds import LARGEST, Count, Seconds, Word

SHOWN = 1000
"""Running shards that are told at most."""
Running: TypeAlias = Annotated[tuple[tuple[Count, Count], ...], Field(max_length=SHOWN)]


class Workers(Frozen):
    """How many workers a driver has, by what they do; see `impasto.schema.workers.WorkerCounts`."""

    asked: Count = 0
    starting: Count = 0
    running: Count = 0
    idle: Count = 0


class Live(Frozen):
    """How far a job is.

    Attributes:
        stage: what its driver does: planning, scoring, assembling or delivering.
        items: items that are scored and written, those of running shards and of earlier runs
            included.
        total: items of the job; 0 while it is not planned.
        noun: what its items are called.
        rate: items that this driver has scored, per second from its start to the last of them.
        seconds_left: how long scoring will take yet; None while that is not known.
        shards_done: shards that are done.
        shards: how many there are; 0 while it is not planned.
        running: shards that are being scored, each with how many of its items are written; of very
            many, some.
        workers: how many workers there are.
        requests: requests that this driver's process, without its workers, has sent to object
            stores; the client's own retries do not count.
        errors: how many of them failed: no answer, or access refused.
        at: when all of that was so, seconds since 1970 by the driver's clock.
    """

    stage: Word
    items: Count = 0
    total: Count = 0
    noun: Word = "items"
    rate: Annotated[float, Field(ge=0, le=LARGEST)] = 0.0
    seconds_left: Seconds | None = None
    shards_done: Count = 0
    shards: Count = 0
    running: Running = ()
    workers: Workers = Workers()
    requests: Count = 0
    errors: Count = 0
    at: Seconds = 0.0
