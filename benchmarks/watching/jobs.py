"""Many small jobs: how many an hour, and what one costs."""

from __future__ import annotations

import shutil
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import pairwise
from typing import TYPE_CHECKING

from blobs.server import Proxy, serving
from common import PAINTING, impasto, spend
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY
from support.watcher import Watching
from watching.clips import tiny
from watching.places import paints, squares
from watching.servers import azure, local, through

if TYPE_CHECKING:
    from pathlib import Path

    from watching.places import Place

Row = tuple[str, ...]

AT_ONCE = 2
"""Jobs, or loops, side by side."""
HOUR = 3600.0
LONG = 3600.0
"""Seconds within which a watcher must be through."""
RATE_HEAD = ("way", "jobs", "wall, s", "jobs an hour", "relative to one loop")
STEP_HEAD = ("step of a job by warm workers", "ms", "share")
COST_HEAD = ("inbox, home and output", "jobs", "wall, s", "jobs an hour", "requests a job")
ROWS = 20
STEPS = {
    "spec.json": "the one before told, this one claimed and submitted",
    "plan.json": "its log begun, planning",
    "prepared.json": "what a scorer prepares once",
    "done/00000.json": "scoring, beside another job",
    "result.json": "the output made and put in place",
}
"""The step that the appearance of each object ends, in order."""


def rates(folder: Path, clips: int, looped: int) -> tuple[list[Row], list[Row]]:
    """Paint clips by loops, which get fewer, and by a watcher; returns rates, and a job's steps."""
    source = tiny(folder / "tiny.mp4")
    ways = {"`impasto run` in a loop": 1, f"{AT_ONCE} such loops side by side": AT_ONCE}
    found = [
        (name, looped, _loop(folder / f"loop-{many}", source, looped, many))
        for name, many in ways.items()
    ]
    place = local(folder / "watched")
    place.write(paints(settle=0), jobs=AT_ONCE)
    _fill(place, clips, source)
    with Watching(place.folder, "--once") as watching:
        wall = _ended(watching, clips)
    found.append((f"`impasto watch --once`, {AT_ONCE} jobs at once", clips, wall))
    alone = found[0][2] / looped
    rows: list[Row] = [
        (way, str(jobs), f"{wall:.1f}", f"{jobs / wall * HOUR:,.0f}", f"{alone * jobs / wall:.1f}")
        for way, jobs, wall in found
    ]
    return rows, _steps(place, watching)


def costs(folder: Path, jobs: int) -> list[Row]:
    """Square the numbers of small tables, without PyTorch; returns rows."""
    source = folder / "rows.csv"
    source.write_text("n\n" + "".join(f"{n}\n" for n in range(ROWS)))
    rows = [_cost("a folder", local(folder / "local"), source, jobs, None)]
    with serving(folder) as service, Proxy(service.endpoint, service.authority) as proxy:
        place = azure(folder / "azure", service)
        rows.append(_cost("Azurite", place, source, jobs, proxy))
    return rows


def _cost(name: str, place: Place, source: Path, jobs: int, proxy: Proxy | None) -> Row:
    place.write(squares(settle=0), jobs=AT_ONCE, beat=10)
    _fill(place, jobs, source)
    if proxy:
        through(proxy, place).write(squares(settle=0), jobs=AT_ONCE, beat=10)
    with proxy or nullcontext(), Watching(place.folder, "--once") as watching:
        wall = _ended(watching, jobs)
        requests = f"{proxy.count() / jobs:.0f}" if proxy else ""
    return name, str(jobs), f"{wall:.1f}", f"{jobs / wall * HOUR:,.0f}", requests


def _loop(folder: Path, source: Path, count: int, many: int) -> float:
    """Paint clips by a command each, so many at once; returns seconds."""
    folder.mkdir()
    clips = [folder / f"{n:03d}.mp4" for n in range(count)]
    for clip in clips:
        shutil.copyfile(source, clip)

    def paint(clip: Path) -> None:
        out = folder / "out" / clip.name
        spend(
            impasto("run", clip, "--style", PAINTING, "-o", out, "--home", folder / "home"),
            every=0.01,
        )

    start = time.monotonic()
    with ThreadPoolExecutor(many) as pool:
        for _ in pool.map(paint, clips):
            pass
    return time.monotonic() - start


def _fill(place: Place, count: int, source: Path) -> None:
    names = (f"{n:04d}{source.suffix}" for n in range(count))
    for _ in in_order(lambda name: place.put(name, source), names, MANY):
        pass


def _ended(watching: Watching, jobs: int) -> float:
    """Wait for the end of a watcher that has just begun; returns seconds."""
    start = time.monotonic()
    code = watching.ended(LONG)
    assert code == 0, watching.output
    assert len(watching.states("done")) == jobs, watching.output
    return time.monotonic() - start


def _steps(place: Place, watching: Watching) -> list[Row]:
    """Return what each step took in the second half of the jobs, when workers were warm."""
    done = watching.states("done")
    # A driver that is free takes the next job when it has told of its last one.
    ends = [line["time"] for line in done]
    taken: list[list[float]] = []
    for line in done[len(done) // 2 :]:
        job = place.folder / "home" / "jobs" / line["job"]
        moments = [(job / name).stat().st_mtime for name in STEPS]
        before = max(end for end in ends if end < moments[0])
        moments = [before, *moments, line["time"]]
        taken.append([after - before for before, after in pairwise(moments)])
    names = (*STEPS.values(), "its end recorded and told")
    medians = [statistics.median(column) for column in zip(*taken, strict=True)]
    return [
        (name, f"{1000 * each:.0f}", f"{each / sum(medians):.0%}")
        for name, each in zip(names, medians, strict=True)
    ]
