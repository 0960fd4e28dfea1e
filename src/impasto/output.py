"""Outputs: where a worker writes a shard, and how finished shards become one file.

The three kinds are one video, one image, and a folder of images.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Protocol

import numpy as np

from impasto.files import mapped, scratch
from impasto.media import assemble, images
from impasto.media.segment import SegmentWriter
from impasto.media.target import Target, target
from impasto.ranges import File
from impasto.store import MANY
from impasto.url import parse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from impasto.job import Job
    from impasto.media.frame import Plane
    from impasto.scoring import Scored
    from impasto.spec import Done, JobSpec, Plan, Shard, VideoFacts
    from impasto.stores import Stores


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


def open_shard(job: Job, spec: JobSpec, plan: Plan, shard: Shard) -> ShardOutput:
    """Open a new attempt at a shard for writing."""
    if plan.output == "video":
        return _VideoShard(job, spec, plan, shard)
    return _ImagesShard(job, plan, shard)


def video_target(spec: JobSpec, plan: Plan) -> Target:
    """Return what the output video is encoded as; raises BadInput for an unknown suffix."""
    assert plan.facts
    return target(plan.facts, PurePath(spec.output).suffix, plan.width, plan.height)


class _VideoShard:
    def __init__(self, job: Job, spec: JobSpec, plan: Plan, shard: Shard) -> None:
        self.segment = job.new_segment(shard.index, ".mp4")
        self._job = job
        self._pts = shard.cut.pts if shard.cut else range(shard.start, shard.stop)
        self._start = shard.start
        self._target = video_target(spec, plan)
        self._encoding = plan.encoding
        self._last: tuple[Plane, ...] = ()
        self._waiting: list[int] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._path = stack.enter_context(scratch()) / PurePath(self.segment).name
            writer = SegmentWriter(self._path, self._target, self._encoding)
            self._writer = stack.enter_context(writer)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, tb)

    def write(self, scored: Scored) -> None:
        self._waiting.append(self._pts[scored.index - self._start])
        self._last = scored.planes or self._last
        if self._last:
            self._flush(self._last)

    def finish(self) -> tuple[int, tuple[str, ...]]:
        # A shard without any readable image still has to fill its time.
        self._flush(_grey(self._target))
        size = self._writer.close()
        self._job.store_file(self.segment, self._path)
        return size, ()

    def _flush(self, planes: tuple[Plane, ...]) -> None:
        for pts in self._waiting:
            self._writer.write(planes, pts)
        self._waiting.clear()


def _grey(target: Target) -> tuple[Plane, ...]:
    layout = target.layout
    chroma = (-(-layout.height // 2), -(-layout.width // 2))
    kind, middle = (np.uint8, 128) if layout.depth == 8 else (np.uint16, 1 << layout.depth - 1)
    shapes = ((layout.height, layout.width), chroma, chroma)
    return tuple(np.full(shape, middle, kind) for shape in shapes)


class _ImagesShard:
    def __init__(self, job: Job, plan: Plan, shard: Shard) -> None:
        self.segment = job.new_segment(shard.index, "/")
        self._job = job
        self._facts = plan.facts
        self._outputs = shard.outputs
        self._start = shard.start
        self._bytes = 0
        self._names: list[str] = []
        self._pool = ThreadPoolExecutor(MANY, "store")
        self._storing: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def write(self, scored: Scored) -> None:
        if not scored.planes:
            return
        name = self._outputs[scored.index - self._start]
        rgb = np.asarray(scored.planes[0], np.uint8)
        if self._facts:
            rgb = _upright(rgb, self._facts)
        data = images.write(rgb, scored.alpha, PurePath(name).suffix)
        self._storing.append(self._pool.submit(self._job.store_bytes, self.segment + name, data))
        self._bytes += len(data)
        self._names.append(name)
        if len(self._storing) == MANY:
            self._storing.popleft().result()

    def finish(self) -> tuple[int, tuple[str, ...]]:
        while self._storing:
            self._storing.popleft().result()
        return self._bytes, tuple(self._names)


def _upright(rgb: Plane, facts: VideoFacts) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Apply a display matrix of quarter turns and mirrorings, which images cannot carry."""
    picture = np.asarray(rgb, np.uint8)
    if facts.display_matrix is None:
        return picture
    a, b, _, c, d, *_ = (round(value / 65536) for value in facts.display_matrix)
    if a == 0 and d == 0:
        picture = picture.swapaxes(0, 1)
        a, d = c, b
    return np.ascontiguousarray(picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def write_video(
    path: Path, stores: Stores, job: Job, spec: JobSpec, plan: Plan, done: Sequence[Done]
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
    source = None
    if plan.source == "video":
        file = File(stores, spec.source)
        file.expect(plan.etag)
        source = file.open()
    notes = assemble.assemble(
        path,
        source,
        parse(spec.source).name,
        plan.facts,
        video_target(spec, plan),
        pts,
        [job.segment(record.segment) for record in done],
        plan.clip,
    )
    return tuple(notes)


def write_image(path: Path, job: Job, done: Sequence[Done]) -> None:
    """Write the one image of a job to a file; raises Unavailable when the disk is full."""
    key = done[0].segment + done[0].names[0]
    with mapped(str(path)):
        path.write_bytes(job.read(key))
