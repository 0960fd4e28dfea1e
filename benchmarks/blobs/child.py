"""Code that measured child processes share: where they work, and the cost."""

from __future__ import annotations

import multiprocessing as mp
import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    Result = TypeVar("Result")

KEY = "BENCHMARK_STORE_KEY"
"""The environment variable that holds the account's key."""
PART = 8 << 20
PARTS = 8
"""Bytes of a part of a large blob, and how many are in flight, for every client."""
WARM = "warm-up"


@dataclass(frozen=True, slots=True)
class Place:
    """A container.

    Attributes:
        endpoint: where the account answers.
        account: the account's name.
        container: the container's.
        ca: file of the certificate to trust.
    """

    endpoint: str
    account: str
    container: str
    ca: str

    @property
    def url(self) -> str:
        """The container's URL, as Impasto writes it."""
        return f"az://{self.container}"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of some work.

    Attributes:
        done: the amount done: blobs, bytes or frames.
        wall: seconds.
        cpu: seconds on processors, of user and system, in all threads.
        peak: bytes of memory at most, imports included.
        before: bytes of memory just before.
    """

    done: int
    wall: float
    cpu: float
    peak: int
    before: int


class Client(Protocol):
    """A client of one container; every method returns how much it did."""

    def __init__(self, place: Place, many: int) -> None: ...

    def put(self, blobs: Iterable[tuple[str, bytes]]) -> int:
        """Write blobs, many at once; returns how many."""
        ...

    def get(self, names: Sequence[str]) -> int:
        """Read blobs whole, many at once; returns their bytes."""
        ...

    def list(self) -> int:
        """List the container with all facts; returns how many blobs it holds."""
        ...

    def put_file(self, name: str, file: Path) -> int:
        """Write a blob from a file; returns its bytes."""
        ...

    def get_file(self, name: str, folder: Path) -> int:
        """Read a blob to a new file in a folder; returns its bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Slices:
    """Small blobs, cut from a real file."""

    file: Path
    count: int
    size: int

    @property
    def names(self) -> list[str]:
        """All names."""
        return [f"blob-{n:06d}.bin" for n in range(self.count)]

    def blobs(self) -> list[tuple[str, bytes]]:
        """All names with contents, of which there are a hundred."""
        data = self.file.read_bytes()
        starts = range(0, len(data) - self.size, (len(data) - self.size) // 100)
        bodies = [data[start : start + self.size] for start in starts]
        return [(name, bodies[n % len(bodies)]) for n, name in enumerate(self.names)]


def child() -> ProcessPoolExecutor:
    """Return a fresh process, spawned: the clients do not survive a fork."""
    return ProcessPoolExecutor(1, mp.get_context("spawn"))


def alone(act: Callable[..., Result], *given: object) -> Result:
    """Run something in a separate process."""
    with child() as process:
        return process.submit(act, *given).result()


def measure(act: Callable[[], int]) -> Cost:
    """Run something and return its cost."""
    before, wall, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
    done = act()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(done, wall, cpu, memory("VmHWM"), before)


def memory(name: str) -> int:
    """Return a figure of this process's memory in bytes.

    The kernel's own peak, as reported by getrusage, starts at that of the parent.
    """
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def spend(client: type[Client], place: Place, many: int, method: str, *given: Any) -> Cost:
    """Connect, make a first request so that all is loaded, then measure one of a client's methods.

    Args:
        client: the client's class.
        place: the container.
        many: requests in flight at once.
        method: the method's name.
        given: its arguments; small blobs are cut before it is called.
    """
    made = client(place, many)
    made.put([(WARM, b"x")])
    made.get([WARM])
    ready = [each.blobs() if isinstance(each, Slices) else each for each in given]
    return measure(lambda: getattr(made, method)(*ready))
