"""A shard of a video as one encoded segment, and the segments as one file."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np

from impasto.media.join import assemble
from impasto.media.write.segment import SegmentWriter
from impasto.media.write.target import Target, target
from impasto.outputs.local_segment import LocalSegment
from impasto.storage.named_file import File

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from impasto.jobs.job import Job
    from impasto.media.frame import Layout, Plane
    from impasto.outputs.base import Scored
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Done
    from impasto.schema.plan import Plan, Shard
    from impasto.schema.url import Url
    from impasto.storage.stores import Stores


def video_target(spec: JobSpec, plan: Plan) -> Target:
    """Return what the output video is encoded as; raises BadInput for an unknown suffix."""
    assert plan.facts
    suffix = PurePath(spec.output).suffix
    return target(plan.facts, suffix, plan.width, plan.height, spec.codec, spec.pix_fmt)


class VideoShard(LocalSegment):
    """One encoded segment, written on this machine and then stored."""

    def __init__(self, job: Job, spec: JobSpec, plan: Plan, shard: Shard) -> None:
        self._job = job
        self._pts = shard.cut.pts if shard.cut else range(shard.start, shard.stop)
        self._start = shard.start
        self._target = video_target(spec, plan)
        self.segment = job.new_segment(shard.index, f".{self._target.segments}")
        self._encoding = plan.encoding
        self._last: tuple[Plane, ...] = ()
        self._waiting: list[int] = []

    def _open(self, stack: ExitStack) -> None:
        writer = SegmentWriter(self._path, self._target, self._encoding)
        self._writer = stack.enter_context(writer)

    def write(self, scored: Scored) -> None:
        """Encode the next picture."""
        self._waiting.append(self._pts[scored.index - self._start])
        if scored.planes:
            clear = (self._clear(scored.alpha),) if self._target.alpha else ()
            self._last = (*scored.planes, *clear)
        if self._last:
            self._flush(self._last)

    def finish(self) -> tuple[int, tuple[str, ...]]:
        """Store the segment; returns its bytes."""
        # A shard without any readable image still has to fill its time.
        self._flush(_grey(self._target))
        size = self._writer.close()
        self._job.folder.put_file(self.segment, self._path)
        return size, ()

    def _clear(self, alpha: Plane | None) -> Plane:
        return _opaque(self._target.layout) if alpha is None else alpha

    def _flush(self, planes: tuple[Plane, ...]) -> None:
        for pts in self._waiting:
            self._writer.write(planes, pts)
        self._waiting.clear()


def write_video(
    path: Path,
    stores: Stores,
    source: Url,
    job: Job,
    spec: JobSpec,
    plan: Plan,
    done: Sequence[Done],
) -> tuple[str, ...]:
    """Join the segments and carry the source's other streams into a file.

    Returns:
        What the container could not carry, one line each.

    Raises:
        BadInput: the container cannot carry one of the source's streams.
        Unavailable: the disk is full.
    """
    assert plan.facts
    pts = [
        moment
        for shard in plan.shards
        for moment in (shard.cut.pts if shard.cut else range(shard.start, shard.stop))
    ]
    given = None
    if plan.source == "video":
        file = File(stores, source)
        file.require_version(plan.etag)
        given = file.open()
    notes = assemble.assemble(
        path,
        given,
        source.name,
        plan.facts,
        video_target(spec, plan),
        pts,
        [job.folder.opener(record.segment) for record in done],
        plan.clip,
        spec.audio,
    )
    return tuple(notes)


def _grey(target: Target) -> tuple[Plane, ...]:
    layout = target.layout
    across, down = layout.chroma or (0, 0)
    chroma = (-(-layout.height // (1 << down)), -(-layout.width // (1 << across)))
    shapes = ((layout.height, layout.width), chroma, chroma)
    planes = tuple(_even(shape, 1 << layout.depth - 1, layout.depth) for shape in shapes)
    return (*planes, _opaque(layout)) if target.alpha else planes


def _opaque(layout: Layout) -> Plane:
    return _even((layout.height, layout.width), (1 << layout.depth) - 1, layout.depth)


def _even(shape: tuple[int, int], code: int, depth: int) -> Plane:
    return np.full(shape, code, np.uint8) if depth == 8 else np.full(shape, code, np.uint16)
