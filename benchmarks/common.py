"""Code that benchmarks share: clips made from a real one, the command, and watching a run."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import av
import psutil

from network import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


__all__ = [
    "PAINTING",
    "Spent",
    "clip",
    "impasto",
    "loop",
    "print_table",
    "remake",
    "scoring",
    "spend",
    "tree",
]

PAINTING = Path(str(files("impasto.scorers") / "data" / "painting.jpg"))


@dataclass(frozen=True, slots=True)
class Spent:
    """The cost of a command, its own children included.

    Attributes:
        wall: seconds from its start to its end.
        cpu: CPU seconds, of user and system.
    """

    wall: float
    cpu: float


def impasto(*words: object) -> list[str]:
    """Return the installed command line with these arguments."""
    return [str(Path(sys.executable).with_name("impasto")), *map(str, words)]


def spend(
    words: Sequence[str],
    look: Callable[[psutil.Process], object] = lambda _: None,
    every: float = 0.25,
    env: Mapping[str, str] | None = None,
) -> Spent:
    """Run a command to its end, sampling it at intervals; exits if it fails."""
    before, start = _children_cpu(), time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=said, env=env)
        root = psutil.Process(process.pid)
        while process.poll() is None:
            look(root)
            with suppress(subprocess.TimeoutExpired):
                process.wait(every)
        spent = Spent(time.monotonic() - start, _children_cpu() - before)
        if process.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(words)}\n{said.read()}")
    return spent


def tree(root: psutil.Process) -> list[psutil.Process]:
    """Return a process, then all its descendants; nothing once it has ended."""
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def scoring(folder: Path) -> bool:
    """Return whether a worker of a job has begun a shard, by the folder that its segment goes to.

    The job's TMPDIR is ``tmp`` in the given folder, and its home is ``home``.
    """
    planned = any(folder.glob("home/jobs/*/plan.json"))
    return planned and any(folder.glob("tmp/impasto-*"))


def loop(source: Path, target: Path, times: int) -> Path:
    """Repeat a video by copying its packets, sound included, each time shifted by its length."""
    with av.open(source) as given, av.open(target, "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in given.streams}
        packets = [(p, p.pts or 0, p.dts or 0, p.time_base) for p in given.demux() if p.size]
        video = given.streams.video[0]
        assert video.time_base
        span = (video.duration or 0) * video.time_base
        for n in range(times):
            for packet, pts, dts, unit in packets:
                if packet.stream_index != video.index and not _fits(n, pts * unit, span):
                    continue
                shift = round(n * span / unit)
                packet.time_base, packet.pts, packet.dts = unit, pts + shift, dts + shift
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return target


def remake(source: Path, target: Path, height: int, frames: int) -> Path:
    """Encode a video's first frames anew at a height of 16:9, with their sound."""
    with av.open(source) as given, av.open(target, "w") as out:
        video, sound = given.streams.video[0], given.streams.audio[0]
        rate = video.average_rate or Fraction(25)
        picture = out.add_stream("libx264", rate, options={"crf": "18", "preset": "veryfast"})
        picture.width, picture.height, picture.pix_fmt = height * 16 // 9, height, "yuv420p"
        copied = out.add_stream_from_template(sound)
        done = 0
        for packet in given.demux(video, sound):
            if packet.stream_index == sound.index:
                if packet.size and (packet.pts or 0) * packet.time_base < frames / rate:
                    packet.stream = copied
                    out.mux(packet)
                continue
            for frame in packet.decode()[: frames - done]:
                small = frame.reformat(picture.width, height, "yuv420p")  # type: ignore[union-attr]
                small.pict_type = 0
                out.mux(picture.encode(small))
                done += 1
        out.mux(picture.encode(None))
    return target


def print_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print the title, then a Markdown table."""
    print(f"{title}\n")
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)
    print()


def _fits(n: int, time: Fraction, span: Fraction) -> bool:
    """Return whether sound at a time of the n-th repeat is beside its pictures, or just before."""
    return time < span and (time >= 0 or n == 0)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
