"""The progress of a job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from impasto.schema.workers import WorkerCounts

Stage = Literal["planning", "scoring", "assembling", "delivering", "comparing", "measuring"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        stage: what happens now.
        job: the job's id; "" for a comparison.
        done: items scored and written, those of earlier runs included.
        total: items of the job.
        resumed: of ``done``, items that earlier runs had done.
        items: what the items are called, for people.
        warnings: what the user should know about the source and about what happened to the workers.
        shards: how many are done, and how many there are.
        workers: how many workers there are, by what they do.
        kept: of ``done``, items of finished shards, which no end of this run can lose.
        in_work: items that running shards have yet to score.
        rate: items that this run has scored, per second from its start to the last of them.
        output: what is made, such as ``video``; "" while that is not known.
        media_rate: frames per second of the video that is made; 0 if none is.
        seconds_left: how long scoring will take yet; None while that is not known.
        running: shards that are being scored, each with how many of its items are written.
    """

    stage: Stage
    job: str
    done: int = 0
    total: int = 0
    resumed: int = 0
    items: str = "items"
    warnings: tuple[str, ...] = ()
    shards: tuple[int, int] = (0, 0)
    workers: WorkerCounts = field(default_factory=WorkerCounts)
    kept: int = 0
    in_work: int = 0
    rate: float = 0.0
    output: str = ""
    media_rate: float = 0.0
    seconds_left: float | None = None
    running: tuple[tuple[int, int], ...] = ()


OnProgress = Callable[[Progress], None]
