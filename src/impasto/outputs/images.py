"""A shard of images as a folder of files."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np

from impasto.media import images
from impasto.storage.local import mapped
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from impasto.jobs.job import Job
    from impasto.media.frame import Plane
    from impasto.outputs.base import Scored
    from impasto.schema.outcome import Attempt, Done
    from impasto.schema.plan import Plan
    from impasto.schema.source import VideoFacts


class ImagesShard:
    """Image files, many in flight to the store at once."""

    def __init__(self, job: Job, plan: Plan, attempt: Attempt) -> None:
        shard = attempt.shard
        self.segment = job.new_segment(shard.index, "/")
        self._job = job
        self._facts = plan.facts
        self._outputs = shard.outputs
        self._start = shard.start
        self._base = attempt.base
        self._bytes = 0
        self._names: list[str] = []
        self._pool = ThreadPoolExecutor(MANY, "store")
        self._storing: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        if self._base:
            again = {self._outputs[error.item - self._start] for error in self._base.failed}
            for name in self._base.names:
                if name not in again:
                    self._store(name, self._job.folder.read(self._base.segment + name))
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def write(self, scored: Scored) -> None:
        """Encode the next picture and start to store it."""
        if not scored.planes:
            return
        name = self._outputs[scored.index - self._start]
        rgb = np.asarray(scored.planes[0], np.uint8)
        if self._facts:
            rgb = _upright(rgb, self._facts)
        self._store(name, images.write(rgb, scored.alpha, PurePath(name).suffix, scored.about))

    def finish(self) -> tuple[int, tuple[str, ...]]:
        """Wait until all are stored; returns their bytes and names."""
        while self._storing:
            self._storing.popleft().result()
        order = {name: n for n, name in enumerate(self._outputs)}
        return self._bytes, tuple(sorted(self._names, key=order.__getitem__))

    def _store(self, name: str, data: bytes) -> None:
        self._storing.append(self._pool.submit(self._job.folder.put, self.segment + name, data))
        self._bytes += len(data)
        self._names.append(name)
        if len(self._storing) == MANY:
            self._storing.popleft().result()


def write_image(path: Path, job: Job, done: Sequence[Done]) -> None:
    """Write the one image of a job to a file; raises Unavailable when the disk is full."""
    key = done[0].segment + done[0].names[0]
    with mapped(str(path)):
        path.write_bytes(job.folder.read(key))


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
