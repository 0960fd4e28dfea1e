"""Small blobs and large ones: Impasto's store beside the Azure SDK and adlfs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from blobs.child import PARTS, Client, Cost, Place, Slices, alone, spend
from blobs.client_adlfs import Adlfs
from blobs.client_impasto import Copying, Impasto
from blobs.client_sdk import Sdk
from blobs.server import serving
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from pathlib import Path

    Clients = dict[str, tuple[type[Client], int]]
    Row = tuple[str, ...]

FEW = 16
SMALL: Clients = {
    f"Impasto, {MANY} in flight": (Impasto, MANY),
    f"Azure SDK, {FEW} threads": (Sdk, FEW),
    f"Azure SDK, {MANY} threads": (Sdk, MANY),
    f"adlfs, {FEW} in flight": (Adlfs, FEW),
    f"adlfs, {MANY} in flight": (Adlfs, MANY),
}
LISTING: Clients = {
    "Impasto": (Impasto, 1),
    "Azure SDK": (Sdk, 1),
    "adlfs": (Adlfs, 1),
}
LARGE: Clients = {
    "Impasto, `put_file` and `RangeReader`": (Impasto, PARTS),
    "Impasto, `cp`": (Copying, PARTS),
    "Azure SDK": (Sdk, PARTS),
    "adlfs": (Adlfs, PARTS),
}
HEAD = (
    "work",
    "client",
    "wall s",
    "client CPU s",
    "CPU over Impasto's",
    "peak RSS, MB",
    "before, MB",
)


def small(folder: Path, file: Path, count: int, size: int, listed: int) -> list[Row]:
    """Measure small blobs up, down and listed; returns the rows of a table."""
    slices = Slices(file, count, size)
    with serving(folder) as service:
        places = {name: service.container() for name in SMALL}
        long = service.container()
        service.seed(long, 0, listed)
        rows = rows_of("up", SMALL, places, count, "put", slices)
        rows += rows_of("down", SMALL, places, count * size, "get", slices.names)
        # The first request of each client adds one blob to the list.
        same = dict.fromkeys(LISTING, long)
        return rows + rows_of(f"list {listed:,}", LISTING, same, listed + 1, "list")


def large(folder: Path, file: Path) -> list[Row]:
    """Measure a large blob up and down; returns the rows of a table."""
    size, name = file.stat().st_size, "large.bin"
    with serving(folder) as service:
        places = {each: service.container() for each in LARGE}
        rows = rows_of("up", LARGE, places, size, "put_file", name, file)
        return rows + rows_of("down", LARGE, places, size, "get_file", name, folder)


def rows_of(
    work: str, clients: Clients, places: dict[str, Place], due: int, method: str, *given: object
) -> list[Row]:
    """Measure a method of every client, each in a process of its own; exits if one falls short."""
    costs: dict[str, Cost] = {}
    for name, (client, many) in clients.items():
        costs[name] = alone(spend, client, places[name], many, method, *given)
        if costs[name].done != due:
            sys.exit(f"{name}, {work}: {costs[name].done:,} instead of {due:,}")
    first = next(iter(costs.values())).cpu
    return [(work, name, *cells(cost, first)) for name, cost in costs.items()]


def cells(cost: Cost, first: float) -> Row:
    """Format the cost of some work, and its CPU over the first client's."""
    memory = (f"{cost.peak / 1e6:.0f}", f"{cost.before / 1e6:.0f}")
    return f"{cost.wall:.2f}", f"{cost.cpu:.2f}", f"{cost.cpu / first:.1f}", *memory
