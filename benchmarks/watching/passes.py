"""The cost of a pass over an inbox in which nothing is new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blobs.child import child
from blobs.server import Proxy, serving
from watching import steps
from watching.servers import azure, local, through

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from blobs.child import Cost
    from watching.places import Place

HEAD = (
    "inbox",
    "objects",
    "work",
    "wall, s",
    "CPU, s",
    "CPU per object, µs",
    "requests",
    "RSS, MB",
)
PASSES = 10
STEPS = ("learning what was seen", "first pass", f"later pass, of {PASSES}")


@dataclass(frozen=True, slots=True)
class Step:
    """What some work cost.

    Attributes:
        cost: for the process that did it.
        resident: its memory afterwards, in bytes.
        requests: how many it sent, without those of a local folder.
    """

    cost: Cost
    resident: int
    requests: int


def table(folder: Path, files: Sequence[int], blobs: Sequence[int]) -> list[tuple[str, ...]]:
    """Measure folders and containers of some sizes; returns rows."""
    rows: list[tuple[str, ...]] = []
    for count in files:
        place = local(folder / f"files-{count}")
        rows += _rows("folder", count, _measured(place, place, count, None))
    for count in blobs:
        with serving(folder) as service, Proxy(service.endpoint, service.authority) as proxy:
            place = azure(folder / f"blobs-{count}", service)
            rows += _rows("Azurite", count, _measured(place, through(proxy, place), count, proxy))
    return rows


def _rows(name: str, count: int, taken: Sequence[Step]) -> Iterator[tuple[str, ...]]:
    for work, step in zip(STEPS, taken, strict=True):
        each = step.cost.cpu / count * 1e6
        yield (
            name,
            f"{count:,}",
            work,
            f"{step.cost.wall:.3f}",
            f"{step.cost.cpu:.3f}",
            f"{each:.1f}",
            str(step.requests) if name != "folder" else "",
            f"{step.resident / 1e6:.1f}",
        )


def _measured(direct: Place, seen: Place, count: int, proxy: Proxy | None) -> list[Step]:
    """Fill a place, and step through a watcher of it that has a process of its own."""
    with child() as process:
        process.submit(steps.fill, direct, count).result()
    taken = []
    with child() as process:
        for act in (steps.load, steps.look, *[steps.look] * PASSES):
            if proxy:
                proxy.clear()
            cost, resident = process.submit(act, seen).result()
            assert cost.done == count, cost
            taken.append(Step(cost, resident, proxy.count() if proxy else 0))
    loaded, first, *later = taken
    middle = sorted(later, key=lambda step: step.cost.cpu)[len(later) // 2]
    return [loaded, first, Step(middle.cost, later[-1].resident, later[-1].requests)]
