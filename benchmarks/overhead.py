"""The cost of a job beyond its parts, its use of the cores, and where its time goes.

Usage: ``python benchmarks/overhead.py [--quick]``. Prints Markdown tables. The job is the real
command, with the style scorer, on the Big Buck Bunny clip (720p, 132 frames, with sound), looped by
copying packets so that every core gets two shards of 132 frames.

- **Cost.** CPU seconds per frame of the job, its driver and all workers included, over the sum of
  bare decode (PyAV, one thread), bare network (the fast form, one thread, on tensors in memory) and
  bare encode (libx264 at the job's settings, on the pictures that the job makes). Cores that work
  side by side slow each other down, so the parts are measured both in one process alone and in one
  process per core at once, before and after the job; the mean of both is reported. Start-up is the
  CPU of the same job on one frame per worker, less the bare cost of those frames: it is paid once
  per job.
- **Utilisation.** CPU seconds of the job's processes over those available on all cores, between the
  moment when a worker begins the first shard and the moment when the last shard is done.
- **Stages.** Busy seconds of each stage as the job records them, which are wall seconds and so
  include waiting for a core that another stage holds, over the bare CPU seconds.
- **CUDA**, where there is one: frames a second of the job over those of its slowest part alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import statistics
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import torch

import bare
from common import PAINTING, Spent, clip, impasto, loop, print_table, remake, scoring, spend, tree
from machine import facts
from network import MACS_A_PIXEL

CORES = len(os.sched_getaffinity(0))
SHARDS_A_CORE = 2
WIDTH, HEIGHT, FRAMES = 1280, 720, 132
QUICK_FRAMES = 12
COUNTED = ("decode", "network", "encode")
FLOPS = 2 * MACS_A_PIXEL * WIDTH * HEIGHT
ALONE, AT_ONCE = "alone", "one a core"


@dataclass(frozen=True, slots=True)
class Moment:
    """A sample of a job at one time, in seconds.

    Attributes:
        time: the clock's, since any fixed moment.
        cpu: of the job's processes, those that have ended included.
        others: of all other processes of the machine.
        scoring: whether a shard has begun and some shard is not done.
    """

    time: float
    cpu: float
    others: float
    scoring: bool


@dataclass(slots=True)
class Watch:
    """Samples a job while it runs."""

    folder: Path
    shards: int
    moments: list[Moment]

    def look(self, root: psutil.Process) -> None:
        """Take a sample."""
        begun = bool(self.moments and self.moments[-1].scoring)
        begun = begun or scoring(self.folder)
        done = len(list(self.folder.glob("home/jobs/*/done/*.json"))) >= self.shards
        cpu = sum(cpu_seconds(process) for process in tree(root))
        times = psutil.cpu_times()
        busy = sum(times[:8]) - times.idle - times.iowait
        self.moments.append(Moment(time.monotonic(), cpu, busy - cpu, begun and not done))

    def shares(self) -> tuple[float, float, float]:
        """Return the seconds of scoring, and the job's and others' shares of all cores then."""
        seen = [moment for moment in self.moments if moment.scoring]
        first, last = seen[0], seen[-1]
        span = last.time - first.time
        room = span * CORES
        return span, (last.cpu - first.cpu) / room, (last.others - first.others) / room


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and the children that it has waited for."""
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.Error:
        return 0.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished job.

    Attributes:
        spent: wall and CPU seconds.
        frames: how many it scored.
        stages: busy seconds per frame, by stage.
        watch: its samples.
        folder: the job's own folder.
    """

    spent: Spent
    frames: int
    stages: dict[str, float]
    watch: Watch
    folder: Path


def run(folder: Path, source: Path, shard: int, shards: int, device: str, *words: object) -> Ran:
    """Run a job in an empty folder, and watch it."""
    (folder / "tmp").mkdir(parents=True)
    watch, home = Watch(folder, shards, []), folder / "home"
    given = ["run", source, "-o", folder / "out.mp4", "--style", PAINTING, "--home", home]
    given += ["--shard-frames", shard, "--device", device, "--quiet", *words]
    env = {**os.environ, "TMPDIR": str(folder / "tmp")}
    spent = spend(impasto(*given), watch.look, env=env)
    job = next((home / "jobs").iterdir())
    told: dict[str, Any] = json.loads(
        subprocess.check_output(impasto("show", job.name, "--home", home, "--json"))
    )
    frames = told["items_done"]
    stages = {stage: seconds / frames for stage, seconds in told["seconds"].items()}
    return Ran(spent, frames, stages, watch, job)


def parts(
    source: Path, job: Path, folder: Path, frames: int, processes: int, device: str = "cpu"
) -> bare.Costs:
    """Measure the parts in this many processes at once; returns their mean."""
    with ProcessPoolExecutor(processes, mp.get_context("spawn")) as pool:
        futures = [
            pool.submit(bare.measure, source, job, folder / f"bare-{n}.mp4", frames, device)
            for n in range(processes)
        ]
        return mean([future.result() for future in futures])


def mean(costs: list[bare.Costs]) -> bare.Costs:
    """Average costs part by part; keep the highest peak."""
    return bare.Costs(
        {part: statistics.mean(cost.cpu[part] for cost in costs) for part in bare.PARTS},
        {part: statistics.mean(cost.wall[part] for cost in costs) for part in bare.PARTS},
        max(cost.peak for cost in costs),
    )


def milliseconds(seconds: float) -> str:
    """Format seconds for a cell."""
    return f"{seconds * 1000:.1f}"


def cost_table(job: Ran, first: Ran, alone: bare.Costs, at_once: bare.Costs) -> None:
    """Print the job's cost over its parts'."""
    measured = (at_once, alone)
    sums = [sum(cost.cpu[part] for part in COUNTED) for cost in measured]
    start_up = first.spent.cpu - first.frames * (sums[0] + at_once.cpu["colour"])
    whole = job.spent.cpu / job.frames
    running = (job.spent.cpu - start_up) / job.frames
    rows = [
        (f"bare {part}", *(milliseconds(cost.cpu[part]) for cost in measured)) for part in COUNTED
    ]
    rows.append(("their sum", *map(milliseconds, sums)))
    rows.append(("job without start-up", milliseconds(running), milliseconds(running)))
    rows.append(("job with start-up", milliseconds(whole), milliseconds(whole)))
    rows.append(("**ratio without start-up**", *(f"**{running / total:.2f}**" for total in sums)))
    rows.append(("**ratio with start-up**", *(f"**{whole / total:.2f}**" for total in sums)))
    title = (
        f"CPU ms a frame at 720p with sound, {job.frames} frames; the goal is a ratio of 1.15. "
        f"Start-up is {start_up:.1f} CPU seconds a job, {CORES} workers. Colour conversion, "
        f"{milliseconds(at_once.cpu['colour'])} ms, is the job's own and not in the sum."
    )
    print_table(title, ("", f"parts {AT_ONCE}", f"parts {ALONE}"), rows)


def utilisation_table(job: Ran) -> None:
    """Print how well scoring uses the cores."""
    span, ours, others = job.watch.shares()
    shares = (ours, others, max(0.0, 1 - ours - others), ours / (1 - others))
    rows = [(f"{span:.1f}", str(CORES), *(f"{share:.1%}" for share in shares))]
    title = "Shares of all cores between the first shard's start and the last one's end; goal 90%."
    head = ("seconds", "cores", "job", "other programs", "idle", "job, of what others left")
    print_table(title, head, rows)


def stage_table(job: Ran, at_once: bare.Costs) -> None:
    """Print each stage's share of the job and its distance from its own limit."""
    colour = at_once.cpu["colour"]
    busy = {
        "decode": job.stages["read"],
        "colour": colour,
        "network": job.stages["score"] - colour,
        "encode": job.stages["write"],
    }
    total = sum(busy.values())
    rows = []
    for part, seconds in busy.items():
        limit = ""
        if part == "network":
            reached = [FLOPS / t / (2 * at_once.peak) for t in (at_once.cpu[part], seconds)]
            limit = f"{reached[0]:.0%} of the peak bare, {reached[1]:.0%} in the job"
        alone = at_once.cpu[part]
        cells = (milliseconds(seconds), f"{seconds / total:.1%}", milliseconds(alone))
        rows.append((part, *cells, f"{seconds / alone:.2f}" if part != "colour" else "", limit))
    title = (
        "Stages. Decode and encode are at their limit at 1.00, the codec alone; the network's is "
        f"the float32 matrix product of one thread, {2 * at_once.peak / 1e9:.0f} GFLOP/s, at "
        f"{MACS_A_PIXEL} multiply-adds a pixel. The job's colour conversion is not timed apart: "
        "the bare one stands for it."
    )
    head = ("stage", "job, busy ms a frame", "share", "bare, CPU ms", "busy over bare", "limit")
    print_table(title, head, rows)


def cuda_table(folder: Path, source: Path, unit: Path, frames: int) -> None:
    """Print frames per second of the job on CUDA over those of its slowest part alone."""
    if not torch.cuda.is_available():
        print("CUDA: not run, since there is no device here.")
        return
    shards = SHARDS_A_CORE * CORES
    job = run(folder / "cuda", source, frames, shards, "cuda")
    costs = parts(unit, job.folder, folder, frames, 1, "cuda")
    rates = {part: 1 / costs.wall[part] for part in COUNTED}
    slowest = min(rates, key=rates.__getitem__)
    speed = job.frames / job.watch.shares()[0]
    rows = [(f"{part} alone", f"{rate:.1f}", "") for part, rate in rates.items()]
    rows.append(("job, while it scores", f"{speed:.1f}", f"{speed / rates[slowest]:.2f}"))
    print_table(f"CUDA, 720p; {slowest} is slowest.", ("", "frames/s", "over slowest"), rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="shards of a few frames")
    quick = parser.parse_args().quick
    frames = QUICK_FRAMES if quick else FRAMES
    shards = SHARDS_A_CORE * CORES
    print(f"{facts()}\n")
    with TemporaryDirectory() as name:
        folder = Path(name)
        unit = remake(clip(), folder / "unit.mp4", HEIGHT, frames) if quick else clip()
        source = loop(unit, folder / "source.mp4", shards)
        end = ["--end", CORES / 25]
        first = run(folder / "first", source, 1, CORES, "cpu", *end)
        before = parts(unit, first.folder, folder, frames, CORES)
        job = run(folder / "job", source, frames, shards, "cpu")
        after = parts(unit, first.folder, folder, frames, CORES)
        alone = parts(unit, first.folder, folder, frames, 1)
        at_once = mean([before, after])
        cost_table(job, first, alone, at_once)
        utilisation_table(job)
        stage_table(job, at_once)
        cuda_table(folder, source, unit, frames)


if __name__ == "__main__":
    main()
