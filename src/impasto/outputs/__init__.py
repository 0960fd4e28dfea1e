"""Outputs: where a worker writes a shard, and how finished shards become one file.

The kinds are one video, one image, a folder of images, one file of records, and a folder of the
files that a script writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from impasto.outputs.files import FilesShard
from impasto.outputs.images import ImagesShard, write_image
from impasto.outputs.records import RecordsShard, write_records
from impasto.outputs.video import VideoShard, video_target, write_video

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from impasto.jobs.job import Job
    from impasto.schema import Attempt, Done, JobSpec, PictureSize, Plan
    from impasto.storage.stores import Stores
    from impasto.worker.scored import Scored

__all__ = ["ShardOutput", "open_shard", "sized", "video_target", "write"]


class ShardOutput(Protocol):
    """Where one attempt at a shard is written; a context that leaves nothing behind on errors.

    Attributes:
        segment: key of what is written, within the job.
    """

    segment: str

    def __enter__(self) -> Self:
        """Start writing."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Drop what was not finished."""
        ...

    def write(self, scored: Scored) -> None:
        """Write the next picture; raises Unavailable when the disk is full."""
        ...

    def finish(self) -> tuple[int, tuple[str, ...]]:
        """Store what was written; returns its bytes, and the names when it is images."""
        ...


def open_shard(job: Job, spec: JobSpec, plan: Plan, attempt: Attempt, files: Path) -> ShardOutput:
    """Open a new attempt at a shard for writing.

    Args:
        job: the job.
        spec: its spec.
        plan: its plan, with the size that pictures have after scoring.
        attempt: the attempt; what its base holds is kept.
        files: the folder that a script writes into.
    """
    match plan.output:
        case "video":
            return VideoShard(job, spec, plan, attempt.shard)
        case "records":
            return RecordsShard(job, plan, attempt)
        case "files":
            return FilesShard(job, attempt.shard, files)
        case _:
            return ImagesShard(job, plan, attempt)


def write(
    path: Path, stores: Stores, job: Job, spec: JobSpec, plan: Plan, done: Sequence[Done]
) -> tuple[str, ...]:
    """Make the one file of a job of its finished shards.

    Args:
        path: where to; nothing is there.
        stores: what may be opened.
        job: the job.
        spec: its spec.
        plan: its plan.
        done: the records of its shards, in order.

    Returns:
        What the file could not carry, one line each.

    Raises:
        BadInput: a container cannot carry one of the source's streams.
        Unavailable: the disk is full.
    """
    match plan.output:
        case "video":
            return write_video(path, stores, job, spec, sized(plan, job.picture_size()), done)
        case "records":
            write_records(path, job, done)
        case _:
            write_image(path, job, done)
    return ()


def sized(plan: Plan, size: PictureSize | None) -> Plan:
    """Return a plan with the size that a video's pictures have after scoring."""
    return plan if size is None else plan.model_copy(update=size.model_dump())
