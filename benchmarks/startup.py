"""Seconds to the first sign of life: the help text, and the first frame of a real job.

Usage: ``python benchmarks/startup.py [--quick]``. Prints two Markdown tables; medians, after one
round that is thrown away so that files are in memory.

The first frame is that of ``impasto run`` on the Big Buck Bunny clip (720p, with sound) with the
style scorer, counted from the start of the process: a fresh interpreter imports all that the
command line does and calls the same ``impasto.run``, with a progress display that notes the moment
of each event on the system's monotonic clock. The worker counts as ready when the folder of its
segment appears. After the first frame the job is ended.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from common import PAINTING, clip, impasto, print_table, scoring, tree
from machine import facts

PROBE = """
import time
def note(name): print(name, time.monotonic(), flush=True)
note("interpreter")
import sys
import impasto
from impasto import cli, display
impasto.run, impasto.JobSpec, impasto.Settings
note("imports")
seen = set()
def on_progress(event):
    name = "frame" if event.done else event.stage
    if name not in seen:
        seen.add(name)
        note(name)
source, painting, folder = sys.argv[1:]
spec = impasto.JobSpec(source=source, output=folder + "/out.mp4", params={"style": painting})
impasto.run(spec, settings=impasto.Settings(home=folder + "/home"), on_progress=on_progress)
"""

STEPS = {
    "interpreter": "interpreter",
    "imports": "imports of the driver",
    "planning": "submitting",
    "scoring": "planning",
    "ready": "starting a worker (interpreter, PyTorch, scorer, painting's style)",
    "frame": "first frame",
}
"""What each moment ends, in order."""


def seconds(words: list[str]) -> float:
    """Time a command from start to end."""
    start = time.monotonic()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - start


def first_frame() -> dict[str, float]:
    """Start a job, note when each step ended, in seconds from the start, and end it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        told = folder / "told.txt"
        start = time.monotonic()
        with told.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", PROBE, str(clip()), str(PAINTING), name],
                stdout=out,
                env={**os.environ, "TMPDIR": str(folder / "tmp")},
            )
        ready = 0.0
        while "frame" not in (text := told.read_text()):
            if process.poll() is not None:
                sys.exit("the job ended before its first frame")
            if not ready and scoring(folder):
                ready = time.monotonic()
            time.sleep(0.005)
        end(process)
    lines = [line.split() for line in text.splitlines()]
    moments = {step: float(moment) for step, moment in lines} | {"ready": ready}
    return {step: moments[step] - start for step in STEPS}


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and wait for its children, which end with it."""
    family = tree(psutil.Process(process.pid))
    process.kill()
    process.wait()
    psutil.wait_procs(family[1:], timeout=10)


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


if __name__ == "__main__":
    main()
