"""Outputs: where a worker writes a shard, and how finished shards become the user's file.

The three kinds are one video, one image, and a folder of images.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

import numpy as np

from impasto.errors import BadInput
from impasto.media import assemble, images
from impasto.media.segment import SegmentWriter
from impasto.media.target import Target, target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from impasto.job import Job
    from impasto.media.frame import Plane
    from impasto.scoring import Scored
    from impasto.spec import Done, JobSpec, Plan, Shard, VideoFacts


class ShardOutput(Protocol):
    """Where one attempt at a shard is written.

    Attributes:
        segment: key of what is written, within the job.
        bytes: size of what was written; true after the block.
        names: images written; true after the block.
    """

    segment: str
    bytes: int
    names: tuple[str, ...]

    def __enter__(self) -> Self:
        """Start writing."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Store what was written, unless an exception ended the block."""
        ...

    def write(self, scored: Scored) -> None:
        """Write the next picture; raises Unavailable when the disk is full."""
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
        self.bytes = 0
        self.names: tuple[str, ...] = ()
        self._job = job
        self._pts = shard.cut.pts if shard.cut else range(shard.start, shard.stop)
        self._start = shard.start
        self._folder = TemporaryDirectory(prefix="impasto-")
        self.segment = job.new_segment(shard.index, ".mp4")
        self._path = Path(self._folder.name) / PurePath(self.segment).name
        self._writer = SegmentWriter(self._path, video_target(spec, plan), plan.encoding)
        self._last: tuple[Plane, ...] = ()
        self._waiting: list[int] = []

    def __enter__(self) -> Self:
        self._folder.__enter__()
        self._writer.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            self._writer.__exit__(kind, error, tb)
            if kind is None:
                if self._waiting:
                    raise BadInput("no picture of the shard can be read; see 'impasto logs'")
                self.bytes = self._path.stat().st_size
                self._job.store_file(self.segment, self._path)
        finally:
            self._folder.cleanup()

    def write(self, scored: Scored) -> None:
        pts = self._pts[scored.index - self._start]
        if not scored.planes and not self._last:
            self._waiting.append(pts)
            return
        self._last = scored.planes or self._last
        for waited in (*self._waiting, pts):
            self._writer.write(self._last, waited)
        self._waiting.clear()


class _ImagesShard:
    def __init__(self, job: Job, plan: Plan, shard: Shard) -> None:
        self.bytes = 0
        self.names: tuple[str, ...] = ()
        self.segment = job.new_segment(shard.index, "/")
        self._job = job
        self._facts = plan.facts
        self._outputs = shard.outputs
        self._start = shard.start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def write(self, scored: Scored) -> None:
        if not scored.planes:
            return
        name = self._outputs[scored.index - self._start]
        rgb = np.asarray(scored.planes[0], np.uint8)
        if self._facts:
            rgb = _upright(rgb, self._facts)
        data = images.write(rgb, scored.alpha, PurePath(name).suffix)
        self._job.store_bytes(self.segment + name, data)
        self.bytes += len(data)
        self.names += (name,)


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
    path: Path, job: Job, spec: JobSpec, plan: Plan, done: Sequence[Done]
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
    notes = assemble.assemble(
        path,
        spec.source if plan.source == "video" else None,
        PurePath(spec.source).name,
        plan.facts,
        video_target(spec, plan),
        pts,
        [job.local(record.segment) for record in done],
        plan.clip,
    )
    return tuple(notes)


def write_images(path: Path, job: Job, plan: Plan, done: Sequence[Done]) -> None:
    """Gather the images: by hard links where the file system allows, else by copies."""
    files = [(job.local(record.segment + name), name) for record in done for name in record.names]
    if plan.output == "image":
        _link(files[0][0], path)
        return
    path.mkdir()
    for file, name in files:
        _link(file, path / name)


def digest(path: Path) -> tuple[int, str]:
    """Return the size in bytes and the sha256 of a file, or of a folder's names and files."""
    if path.is_dir():
        total, together = 0, hashlib.sha256()
        for child in sorted(path.iterdir()):
            size, sha256 = digest(child)
            total += size
            together.update(f"{child.name}\0{sha256}\n".encode())
        return total, together.hexdigest()
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
