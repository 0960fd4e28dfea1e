"""Jobs of the `identity` scorer and of one that refuses frames, and a look at what they made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np

from impasto import JobSpec, Result, Settings
from impasto.jobs import find
from impasto.jobs.job import Job
from impasto.storage.stores import Stores

RESULT = Result(
    job="0123456789ab",
    output="out.csv",
    items=1,
    failed=0,
    concealed=0,
    seconds=1.0,
    fps=1.0,
    bytes=1,
    sha256="",
)
"""The result of a job that was recorded by hand."""


def spec(source: Path, output: Path, **fields: Any) -> JobSpec:
    fields = {"scorer": "identity", "shard_frames": 12, **fields}
    return JobSpec.model_validate({"source": str(source), "output": str(output), **fields})


def moody(source: Path, output: Path, *frames: int, **fields: Any) -> JobSpec:
    """A job whose scorer refuses the given frames of a synthesised clip."""
    refuse = tuple(means(source)[frame] for frame in frames)
    params = {"refuse": refuse, **fields.pop("params", {})}
    return spec(source, output, scorer="moody", params=params, **fields)


def means(source: Path) -> list[float]:
    """The mean of each picture as a scorer sees it."""
    import torch

    from impasto.media import colour
    from impasto.media.read import decode, index

    scanned = index.scan(str(source), "clip")
    cut = index.cut(scanned, 0, len(scanned))
    return [
        float(colour.to_rgb([torch.from_numpy(p)[None] for p in f.planes], f.layout).mean())
        for f in decode.read(str(source), "clip", scanned.facts, cut, 0)
    ]


def luma(path: Path) -> list[np.ndarray[Any, Any]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def the_job(settings: Settings) -> Job:
    (job,) = find.jobs(Stores({}).open(settings.home))
    return job
