"""The parts of a job in isolation, on the same pictures: decode, colour, network, encode.

One thread on a CPU, as in the job; with CUDA, as many codec threads as the job gives them. Nothing
overlaps, nothing is queued, and input that one part needs from another is made outside the timings.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, cast

import av
import numpy as np
import torch

from impasto.media import colour
from impasto.media.read import planes
from impasto.media.write.encoders import add_encoder
from impasto.media.write.segment import picture
from impasto.media.write.sink import clock, open_output
from impasto.outputs import video
from impasto.schema.job import JobSpec
from impasto.schema.plan import Plan
from impasto.scorers import registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from impasto.media.write.target import Target
    from impasto.schema.plan import Encoding
    from impasto.scorers.base import Inputs, Scorer

PARTS = ("decode", "colour", "network", "encode")
SIDE = 2048


@dataclass(slots=True)
class Costs:
    """Seconds per frame of each part, and the machine's own limit.

    Attributes:
        cpu: CPU seconds, by part.
        wall: wall seconds, by part.
        peak: float32 multiply-adds per second of one thread in a large matrix product.
    """

    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    wall: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    peak: float = 0.0

    @contextmanager
    def spent(self, part: str) -> Iterator[None]:
        """Count the time that the block takes."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.synchronize()
        self.wall[part] += time.perf_counter() - wall
        self.cpu[part] += time.process_time() - cpu


def measure(source: Path, job: Path, target: Path, frames: int, device: str) -> Costs:
    """Measure every part over a video's first frames.

    Args:
        source: the video.
        job: folder of a job of the same kind, for its plan and what its scorer prepared.
        target: where to encode to.
        frames: how many frames; one more is scored first and not counted.
        device: ``cpu`` or ``cuda``.
    """
    torch.set_num_threads(1)
    spec = JobSpec.model_validate_json((job / "spec.json").read_text())
    plan = Plan.model_validate_json((job / "plan.json").read_text())
    threads = 1 if device == "cpu" else 4
    costs, wanted = Costs(), video.video_target(spec, plan)
    with costs.spent("decode"):
        sum(1 for _ in decoded(source, frames, threads))
    with torch.inference_mode():
        scorer = load(spec, job, device)
        pictures = list(scored(source, plan, wanted, scorer, torch.device(device), frames, costs))
    encode(pictures, target, wanted, plan.encoding, costs)
    costs.peak = SIDE**3 / min(product() for _ in range(10))
    for spent in (costs.cpu, costs.wall):
        for part in spent:
            spent[part] /= len(pictures)
    return costs


def decoded(source: Path, frames: int, threads: int) -> Iterator[av.VideoFrame]:
    """Decode a video's first frames and nothing else."""
    with av.open(source) as container:
        context = container.streams.video[0].codec_context
        context.thread_count, context.thread_type = threads, "AUTO"
        yield from islice(container.decode(video=0), frames)


def load(spec: JobSpec, job: Path, device: str) -> Scorer:
    """Load the job's scorer with what it prepared."""
    entry = registry.find(spec.scorer)
    prepared = json.loads((job / "prepared.json").read_text())["state"]
    files = cast("Inputs", None)  # these scorers ask for none
    return entry.load()(entry.parse(spec.params), prepared, files, device)


def scored(
    source: Path,
    plan: Plan,
    target: Target,
    scorer: Scorer,
    device: torch.device,
    frames: int,
    costs: Costs,
) -> Iterator[av.VideoFrame]:
    """Convert pictures to RGB, score them, and convert them to the encoder's input."""
    assert plan.facts
    layout, counted = planes.layout(plan.facts), Costs()
    found = decoded(source, frames, 1)
    for pictures in iter(lambda: list(islice(found, scorer.batch)), []):
        taken = [planes.planes(each, plan.facts.pixel_format) for each in pictures]
        with counted.spent("colour"):
            stacked = [
                torch.from_numpy(np.stack(plane)).to(device) for plane in zip(*taken, strict=True)
            ]
            rgb = colour.to_rgb(stacked, layout)
        if counted is not costs:
            scorer.score(rgb)
            counted = costs
        with costs.spent("network"):
            result = scorer.score(rgb)
        assert isinstance(result, torch.Tensor)
        with costs.spent("colour"):
            made = [plane.cpu().numpy() for plane in colour.from_rgb(result, target.layout)]
        yield from (picture([plane[n] for plane in made], target) for n in range(len(taken)))


def encode(
    pictures: list[av.VideoFrame], path: Path, target: Target, encoding: Encoding, costs: Costs
) -> None:
    """Encode pictures as a segment of the job is."""
    unit = clock(target.time_base)
    with open_output(path, "mp4", unit) as out:
        stream = add_encoder(out, target, encoding)
        for n, each in enumerate(pictures):
            each.pts, each.time_base = n, stream.codec_context.time_base
        with costs.spent("encode"):
            for item in (*pictures, None):
                out.mux(stream.encode(item))


def product() -> float:
    """Time a large matrix product, in CPU seconds of its one thread."""
    a = torch.rand(SIDE, SIDE)
    start = time.thread_time()
    a @ a
    return time.thread_time() - start
