"""Seconds to the first sign of life, and of jobs so short that their start is most of them.

Usage: ``python benchmarks/startup.py [--quick]``. Prints three Markdown tables; medians, after one
discarded round so that files are in memory.

The first frame is that of ``impasto run`` on the Big Buck Bunny clip (720p, with sound) with the
style scorer, counted from the start of the process to the moment at which the bar shows its
first frame. The steps before it end when their objects appear in the job's store. After the first
frame the job is ended.

The short jobs run whole, in turn, each in a home of its own: rows through a script that imports
nothing, small images copied, and the first seconds of the clip at 270p painted in one shard, in
four, and in as many as are chosen by default.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from PIL import Image

from common import PAINTING, Spent, clip, impasto, print_table, remake, spend, tree
from machine import facts

STEPS = {
    "spec.json": "interpreter, imports of the driver, submitting",
    "plan.json": "planning",
    "prepared.json": "a worker starts (interpreter, PyTorch, painting's style), planning aside",
    "frame": "first frame: weights, decoding, the network, for a frame a core at once",
}
"""The step that the appearance of each object ends, in order."""


def seconds(words: list[str]) -> float:
    """Time a command from start to end."""
    start = time.monotonic()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - start


def first_frame() -> dict[str, float]:
    """Start a job, note when each step ended, in seconds from the start, and end it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        words = impasto("run", clip(), "--style", PAINTING, "-o", folder / "out.mp4")
        moments: dict[str, float] = {}
        # On a terminal each frame is told at once, elsewhere a line is printed now and then.
        terminal, inside = pty.openpty()
        os.set_blocking(terminal, False)
        told = b""
        start = time.monotonic()
        process = subprocess.Popen([*words, "--home", str(folder / "home")], stderr=inside)
        while "frame" not in moments:
            if process.poll() is not None:
                sys.exit("the job ended before its first frame")
            seen = {path.name for path in folder.glob("home/jobs/*/*.json")}
            with suppress(BlockingIOError):
                told += os.read(terminal, 1 << 16)
            if re.search(rb"[1-9]\d* of \d+ frames", told):
                seen.add("frame")
            for step in seen & set(STEPS):
                moments.setdefault(step, time.monotonic() - start)
            time.sleep(0.005)
        end(process)
        os.close(inside)
        os.close(terminal)
    return moments


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and wait for its children, which end with it."""
    family = tree(psutil.Process(process.pid))
    process.kill()
    process.wait()
    psutil.wait_procs(family[1:], timeout=10)


def short_jobs(folder: Path) -> dict[str, tuple[str, list[str]]]:
    """Write the sources of the short jobs; return their outputs' names and their commands."""
    script, rows, images = folder / "score.py", folder / "rows.csv", folder / "images"
    script.write_text("def run(batch):\n    return [int(n) ** 2 for n in batch['n']]\n")
    rows.write_text("n\n" + "".join(f"{n}\n" for n in range(20)))
    images.mkdir()
    for n in range(6):
        Image.new("RGB", (64, 64), (40 * n, 0, 0)).save(images / f"{n}.png")
    small = remake(clip(), folder / "small.mp4", 270, 132)
    paint = impasto("run", small, "--style", PAINTING)
    return {
        "20 rows, script": ("o.csv", impasto("run", rows, "--scorer", f"script:{script}")),
        "6 images, `identity`": ("out", impasto("run", images, "--scorer", "identity")),
        "132 frames, style, 1 shard": ("o.mp4", [*paint, "--shard-frames", "132"]),
        "132 frames, style, 4 shards": ("o.mp4", [*paint, "--shard-frames", "33"]),
        "132 frames, style, `auto`": ("o.mp4", paint),
    }


def whole(output: str, words: list[str]) -> Spent:
    """Run a job from an empty home to its end."""
    with TemporaryDirectory() as name:
        return spend([*words, "-o", f"{name}/{output}", "--home", f"{name}/home"], every=0.01)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="two rounds only")
    rounds = 2 if parser.parse_args().quick else 7

    print(f"{facts()}\n")
    commands = {
        "`python -c pass`": [sys.executable, "-c", "pass"],
        "`impasto --help`": impasto("--help"),
        "`python -c 'import torch'`": [sys.executable, "-c", "import torch"],
    }
    timed = [[seconds(words) for words in commands.values()] for _ in range(rounds + 1)]
    medians = [statistics.median(column) for column in zip(*timed[1:], strict=True)]
    rows = [
        (name, f"{t:.3f}", f"{t / medians[0]:.1f}")
        for name, t in zip(commands, medians, strict=True)
    ]
    title = f"Seconds of a command; median of {rounds}; the goal for help is 0.3."
    print_table(title, ("command", "seconds", "over bare Python"), rows)

    runs = [first_frame() for _ in range(rounds + 1)][1:]
    total = statistics.median(run["frame"] for run in runs)
    rows, steps = [], list(STEPS)
    for before, step in zip([None, *steps], steps, strict=False):
        took = statistics.median(run[step] - (run[before] if before else 0.0) for run in runs)
        rows.append((STEPS[step], f"{took:.2f}", f"{took / total:.0%}"))
    rows.append(("from the command to the first frame", f"{total:.2f}", "100%"))
    title = f"First frame of a 720p job; median of {rounds}; the goal is 3 seconds."
    print_table(title, ("step", "seconds", "share"), rows)

    with TemporaryDirectory() as name:
        jobs = short_jobs(Path(name))
        rounds_of = [[whole(*job) for job in jobs.values()] for _ in range(rounds + 1)][1:]
    rows = [
        (
            job,
            f"{statistics.median(s.wall for s in spent):.2f}",
            f"{statistics.median(s.cpu for s in spent):.2f}",
        )
        for job, spent in zip(jobs, zip(*rounds_of, strict=True), strict=True)
    ]
    title = f"Short jobs, from the command to its end; medians of {rounds}."
    print_table(title, ("job", "seconds", "CPU seconds"), rows)


if __name__ == "__main__":
    main()
