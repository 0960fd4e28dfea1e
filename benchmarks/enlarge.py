"""A real upscaler, x4, on a video: whole commands against framelift-video 2.1.0.

Usage: ``python benchmarks/enlarge.py [--quick] [ROUNDS]``. Needs the peer, and a program ffmpeg for
it: ``pip install --no-deps framelift-video==2.1.0 imageio-ffmpeg tqdm``. Prints Markdown tables.

Both have the same weights (realesr-animevideov3-x4, 16 convolutions of 64 channels, 43.5 GFLOP a
frame), and make 1024x576 of the same 256x144: Big Buck Bunny, looped. No two frames that follow
each other are equal, since the peer does not score those. CPU seconds are those of the command and
all of its children, start-up included; memory is the highest sum of their PSS in samples. Rounds
alternate between the commands; ratios are of medians. Impasto runs with its defaults, which are a
worker per core here, and once more with one worker, which scores two frames at a time. The peer
runs without its tiles, into one of which its frames would fit, and with its defaults else; it
leaves the sound out for want of ffprobe.

The second table has the network alone, one thread, in the three ways that both programs' choices
come down to.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import av
import torch

from common import clip, impasto, loop, print_table, remake, spend
from impasto.scorers.checkpoint.file import load
from impasto.scorers.memory import keep_freed_memory
from machine import facts
from memory import Peaks

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support import upscaler

if TYPE_CHECKING:
    from collections.abc import Callable

HEIGHT, SCALE, GFLOP = 144, 4, 43.5
FRAMES, QUICK = 120, 24
GOAL = 1.3
PEER = "import sys; from framelift.cli import main; sys.exit(main())"


def commands(folder: Path, source: Path) -> dict[str, list[str]]:
    """Return the commands that are compared; each writes a file named after its place."""
    weights = folder / "weights/realesr-animevideov3.pth"
    job = ["run", source, "--scorer", f"checkpoint:{weights}"]
    peer = [sys.executable, "-c", PEER, "-i", source, "-o", folder / "0.mp4", "--tile", "0"]
    peer += ["--model", "realesr-animevideov3", "--weights-dir", weights.parent, "--scale", SCALE]
    peer += ["--ai-strength", "1", "--no-audio", "--quiet"]
    return {
        "framelift-video": [*map(str, peer)],
        "impasto": impasto(*job, "-o", folder / "1.mp4", "--quiet", "--home", folder / "1"),
        "impasto, one worker": impasto(
            *job, "-o", folder / "2.mp4", "--quiet", "--home", folder / "2", "--workers", 1
        ),
    }


def compare(frames: int, rounds: int) -> list[tuple[str, ...]]:
    """Run both commands in turns and return a row for each."""
    cpu: dict[str, list[float]] = {}
    wall: dict[str, list[float]] = {}
    memory: dict[str, list[float]] = {}
    for _ in range(rounds):
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "weights").mkdir()
            upscaler.write(folder / "weights/realesr-animevideov3.pth")
            once = remake(clip(), folder / "once.mp4", HEIGHT, min(frames, 120))
            source = loop(once, folder / "source.mp4", -(-frames // 120))
            for n, (what, words) in enumerate(commands(folder, source).items()):
                peaks = Peaks()
                spent = spend(words, peaks.look, env=environment(folder))
                check(folder / f"{n}.mp4", frames)
                cpu.setdefault(what, []).append(spent.cpu)
                wall.setdefault(what, []).append(spent.wall)
                memory.setdefault(what, []).append(peaks.together / 1e9)
    peer = next(iter(cpu))
    rows: list[tuple[str, ...]] = []
    for what in cpu:
        seconds, gigabytes = statistics.median(cpu[what]), statistics.median(memory[what])
        faster = statistics.median(cpu[peer]) / seconds
        less = statistics.median(memory[peer]) / gigabytes
        took = statistics.median(wall[what])
        shown = f"{seconds:.1f}", f"{faster:.2f}", f"{took:.1f}", f"{gigabytes:.2f}", f"{less:.2f}"
        rows.append((what, *shown))
    return rows


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of the commands, in which the peer finds its ffmpeg."""
    import imageio_ffmpeg

    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    if not (programs / "ffmpeg").exists():
        (programs / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    return {**os.environ, "FRAMELIFT_FFMPEG": str(programs)}


def check(output: Path, frames: int) -> None:
    """Exit unless an output is complete."""
    with av.open(output) as container:
        video = container.streams.video[0]
        found = sum(1 for packet in container.demux(video) if packet.size)
        if (video.height, found) != (HEIGHT * SCALE, frames):
            sys.exit(f"{output}: {found} frames of {video.height} lines")


def bare(rounds: int) -> list[tuple[str, ...]]:
    """Time the network in one thread and return a row for each way."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as name:
        content = upscaler.write(Path(name, "net.pth")).read_bytes()
    network = load("net.pth", content, torch.device("cpu")).run
    module = getattr(network, "model")  # noqa: B009 (a callable of spandrel, which has it)
    picture = torch.rand(1, 3, HEIGHT, HEIGHT * 16 // 9)
    ways: dict[str, tuple[torch.memory_format, Callable[[], None]]] = {
        "planes": (torch.contiguous_format, lambda: None),
        "channels last (the peer)": (torch.channels_last, lambda: None),
        # It holds for the rest of the process.
        "channels last, freed memory kept (Impasto)": (torch.channels_last, keep_freed_memory),
    }
    rows: list[tuple[str, ...]] = []
    for what, (layout, before) in ways.items():
        module.to(memory_format=layout)
        before()
        took = []
        with torch.inference_mode():
            for _ in range(5 * rounds):
                since = time.thread_time()
                module(picture)
                took.append(time.thread_time() - since)
        seconds = statistics.median(took)
        rows.append((what, f"{seconds * 1000:.0f}", f"{GFLOP / seconds:.0f}"))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--quick", action="store_true", help="a few frames only")
    given = parser.parse_args()
    for module in ("framelift", "imageio_ffmpeg", "cv2"):
        if importlib.util.find_spec(module) is None:
            sys.exit(f"{module} is not installed; see the first lines of {__file__}")
    print(f"{facts()}\n")
    frames = QUICK if given.quick else FRAMES
    head = ("command", "CPU s", "times less", "wall s", "memory, GB", "times less")
    title = f"{frames} frames, rounds: {given.rounds}; the goal is {GOAL} times less CPU time."
    print_table(title, head, compare(frames, given.rounds))
    columns = ("the network alone", "CPU ms a frame", "GFLOP/s")
    print_table("One thread, medians.", columns, bare(given.rounds))


if __name__ == "__main__":
    main()
