"""A shard of images as a folder of files."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from impasto.media import images
from impasto.outputs.stored_folder import FolderShard
from impasto.storage.local import mapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from impasto.jobs.job import Job
    from impasto.media.frame import Plane
    from impasto.outputs.base import Scored
    from impasto.schema.outcome import Attempt, Done
    from impasto.schema.plan import Plan
    from impasto.schema.source import VideoFacts


class ImagesShard(FolderShard):
    """Image files."""

    def __init__(self, job: Job, plan: Plan, attempt: Attempt) -> None:
        super().__init__(job, attempt)
        self._facts = plan.facts

    def _encoded(self, scored: Scored, name: str) -> bytes | None:
        if not scored.planes:
            return None
        rgb = scored.planes[0]
        if self._facts:
            rgb = _upright(rgb, self._facts)
        return images.write(rgb, scored.alpha, PurePath(name).suffix, scored.about)


def write_image(path: Path, job: Job, done: Sequence[Done]) -> None:
    """Write the one image of a job to a file; raises Unavailable when the disk is full."""
    key = done[0].segment + done[0].names[0]
    with mapped(str(path)):
        path.write_bytes(job.folder.read(key))


def _upright(rgb: Plane, facts: VideoFacts) -> Plane:
    """Apply a display matrix of quarter turns and mirrorings, which images cannot carry."""
    picture: NDArray[Any] = rgb
    if facts.display_matrix is None:
        return picture
    a, b, _, c, d, *_ = (round(value / 65536) for value in facts.display_matrix)
    if a == 0 and d == 0:
        picture = picture.swapaxes(0, 1)
        a, d = c, b
    return np.ascontiguousarray(picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
