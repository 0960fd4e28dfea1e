"""The choice of an output; a codec is imported only for the outputs that need one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.outputs.arrays import ArraysShard
from impasto.outputs.files import FilesShard
from impasto.outputs.records import RecordsShard, write_records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from impasto.jobs.job import Job
    from impasto.media.frame import Layout
    from impasto.outputs.base import ShardOutput
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Attempt, Done
    from impasto.schema.plan import PictureSize, Plan
    from impasto.schema.url import Url
    from impasto.storage.stores import Stores


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
            from impasto.outputs.video import VideoShard

            return VideoShard(job, spec, plan, attempt.shard)
        case "records":
            return RecordsShard(job, spec, plan, attempt)
        case "arrays":
            return ArraysShard(job, attempt)
        case "files":
            return FilesShard(job, attempt.shard, files)
        case _:
            from impasto.outputs.images import ImagesShard

            return ImagesShard(job, plan, attempt)


def write(
    path: Path,
    stores: Stores,
    source: Url,
    job: Job,
    spec: JobSpec,
    plan: Plan,
    done: Sequence[Done],
) -> tuple[str, ...]:
    """Make a job's one file from its finished shards.

    Args:
        path: where to; it does not exist yet.
        stores: what may be opened.
        source: the job's source, whose other streams are carried over.
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
            from impasto.outputs.video import write_video

            return write_video(
                path, stores, source, job, spec, sized(plan, job.notes.picture_size()), done
            )
        case "records":
            return write_records(path, job, spec, plan, done)
        case _:
            from impasto.outputs.images import write_image

            write_image(path, job, done)
    return ()


def layout_of(spec: JobSpec, plan: Plan) -> Layout | None:
    """Return how a video's pictures are stored; None where each picture decides."""
    if plan.output != "video":
        return None
    from impasto.outputs.video import video_target

    return video_target(spec, plan).layout


def sized(plan: Plan, size: PictureSize | None) -> Plan:
    """Return a plan with the size that a video's pictures have after scoring."""
    return plan if size is None else plan.model_copy(update=size.model_dump())
