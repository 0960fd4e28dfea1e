"""From the end of an upload to the first line of its job's log, and to its output."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from impasto.schema.events import Finished
from support.watcher import Watching
from watching.clips import tiny
from watching.places import Place, paints
from watching.servers import amazon, azure_with_queue, local

if TYPE_CHECKING:
    from pathlib import Path

HEAD = ("upload", "first line, s", "at most", "output, s", "at most", "rounds")
INTERVAL = 10.0
ALONE = 6.0
"""Seconds without uploads in which workers are let go that may be idle for one."""


@dataclass(frozen=True, slots=True)
class Case:
    """A way in which clips arrive.

    Attributes:
        name: for the table.
        open: makes the place.
        idle: seconds after which workers are let go.
        pause: seconds before an upload.
        spread: whether uploads are spread evenly over the interval instead.
        plain: whether the file is copied under its final name.
    """

    name: str
    open: Callable[[Path], AbstractContextManager[Place]]
    idle: float = 60.0
    pause: float = 0.0
    spread: bool = False
    plain: bool = False


def _folder(folder: Path) -> AbstractContextManager[Place]:
    return nullcontext(local(folder))


CASES = (
    Case("folder, renamed from `.part`", _folder),
    Case("folder, copied plainly (settles 2 s)", _folder, plain=True),
    Case("S3 and SQS", lambda folder: amazon(folder, queue=True)),
    Case("Azure and its queue", azure_with_queue),
    Case(
        f"S3, no queue, interval {INTERVAL:.0f} s",
        lambda folder: amazon(folder, queue=False),
        spread=True,
    ),
    Case("folder, renamed; workers were let go", _folder, idle=1.0, pause=ALONE),
)


def table(folder: Path, rounds: int) -> list[tuple[str, ...]]:
    """Measure all cases; returns a row for each."""
    source = tiny(folder / "tiny.mp4")
    rows = []
    for n, case in enumerate(CASES):
        with case.open(folder / f"case-{n}") as place:
            found = _rounds(case, place, source, rounds)
        begun, made = zip(*found, strict=True)
        numbers = (statistics.median(begun), max(begun), statistics.median(made), max(made))
        rows.append((case.name, *(f"{each:.2f}" for each in numbers), str(rounds)))
    return rows


def _rounds(case: Case, place: Place, source: Path, rounds: int) -> list[tuple[float, float]]:
    """Upload clips one after the other; returns what each took, the first one left out."""
    place.write(paints(interval=INTERVAL), idle=case.idle, beat=10)
    taken, looked = [], 0.0
    with Watching(place.folder) as watching:
        for n in range(rounds + 1):
            time.sleep(case.pause)
            if case.spread and n:
                # A job begins just after the inbox was listed.
                time.sleep((looked + INTERVAL * (n - 0.5) / rounds - time.time()) % INTERVAL)
            key = f"{n}.mp4"
            if case.plain:
                shutil.copyfile(source, place.folder / "in" / key)
            else:
                place.put(key, source)
            whole = time.time()
            if place.announce:
                place.announce(key)
            watching.until(partial(_is_done, watching, n))
            log = place.log(watching.states("done")[n]["job"])
            looked = log[0].time
            ends = [event.time for event in log if isinstance(event, Finished)]
            taken.append((looked - whole, ends[0] - whole))
    return taken[1:]


def _is_done(watching: Watching, n: int) -> bool:
    return len(watching.states("done")) > n
