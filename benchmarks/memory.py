"""Peak memory of a job against the length of its video: it should not grow.

Usage: ``python benchmarks/memory.py [--quick]``. Prints a Markdown table. The clip is Big Buck
Bunny, re-encoded at 360p with its sound and looped by copying packets to about 10 seconds, 60
seconds and 10 minutes; the style scorer runs on the shorter two, and ``identity``, which changes
nothing and so ends sooner, on all. Shards have one size throughout, so that the shortest clip has
one for each worker. Memory is PSS, which divides shared pages among their processes: the sum over
the driver and its workers, the driver alone, and the largest worker alone; each the highest of
samples taken four times a second.
"""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil

from common import PAINTING, clip, impasto, loop, print_table, remake, spend, tree
from machine import facts

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIP_FRAMES = 132
CLIP_SECONDS = 5.28
LENGTHS = {"style": (10, 60), "identity": (10, 60, 600)}
QUICK = {"style": (10,), "identity": (10, 60)}


@dataclass(slots=True)
class Peaks:
    """The highest memory seen, in bytes.

    Attributes:
        together: of the driver and all workers at one moment.
        driver: of the driver.
        worker: of the largest worker.
    """

    together: int = 0
    driver: int = 0
    worker: int = 0

    def look(self, root: psutil.Process) -> None:
        """Take a sample."""
        family = [used(process) for process in tree(root)] or [0]
        self.together = max(self.together, sum(family))
        self.driver = max(self.driver, family[0])
        self.worker = max(self.worker, *family[1:], 0)


def used(process: psutil.Process) -> int:
    """Return the PSS of a process in bytes, 0 once it has ended."""
    with suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0


def measure(source: Path, folder: Path, scorer: str, shard: int) -> tuple[Peaks, float]:
    """Run a job over a video; returns its peaks and its wall seconds."""
    peaks, output = Peaks(), folder / f"{scorer}.mp4"
    words = ["run", source, "-o", output, "--scorer", scorer]
    words += ["--style", PAINTING] if scorer == "style" else []
    words += ["--home", folder / "home", "--shard-frames", shard, "--overwrite", "--quiet"]
    spent = spend(impasto(*words), peaks.look)
    return peaks, spent.wall


def rows(lengths: dict[str, tuple[int, ...]], cores: int) -> Iterator[tuple[str, ...]]:
    """Measure every scorer at its lengths, the shortest first."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        unit = remake(clip(), folder / "unit.mp4", 360, CLIP_FRAMES)
        for scorer, seconds in lengths.items():
            shard = max(1, round(seconds[0] / CLIP_SECONDS) * CLIP_FRAMES // cores)
            shortest = 0
            for length in seconds:
                times = round(length / CLIP_SECONDS)
                source = loop(unit, folder / "source.mp4", times)
                peaks, wall = measure(source, folder, scorer, shard)
                shortest = shortest or peaks.together
                sizes = (peaks.together, peaks.driver, peaks.worker)
                row = (scorer, f"{times * CLIP_SECONDS:.0f}", str(times * CLIP_FRAMES))
                megabytes = (f"{size / 1e6:.0f}" for size in sizes)
                yield (*row, *megabytes, f"{peaks.together / shortest:.2f}", f"{wall:.0f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="no length over a minute")
    lengths = QUICK if parser.parse_args().quick else LENGTHS
    cores = len(os.sched_getaffinity(0))
    print(f"{facts()}\n")
    title = f"Peak PSS at 360p with {cores} workers, in MB; the goal is a ratio of 1."
    head = ("scorer", "clip, s", "frames", "all", "driver", "largest worker")
    tail = ("all, over the shortest clip's", "wall, s")
    print_table(title, (*head, *tail), rows(lengths, cores))


if __name__ == "__main__":
    main()
