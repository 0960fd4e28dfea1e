"""Many requests in flight at once, with results in order and memory bounded."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Item = TypeVar("Item")
    Result = TypeVar("Result")

BUDGET = 64 << 20
"""Approximate limit of the results that wait, in bytes."""


def in_order(
    act: Callable[[Item], Result],
    items: Iterable[Item],
    most: int,
    size: Callable[[Result], int] = lambda _: 0,
) -> Iterator[Result]:
    """Yield ``act(item)`` for every item, in order, with many calls in progress at once.

    Args:
        act: called in threads; what it raises is raised here, and the rest is not started.
        items: taken as they are needed.
        most: how many may be in progress or wait.
        size: returns the bytes of a result; if results are large, fewer than ``most`` are in
            progress.
    """
    waiting: deque[Future[Result]] = deque()
    largest, started = 1, iter(items)
    with ThreadPoolExecutor(most, "fanout") as pool:
        try:
            while True:
                room = max(2, min(most, BUDGET // largest))
                for item in islice(started, max(0, room - len(waiting))):
                    waiting.append(pool.submit(act, item))
                if not waiting:
                    return
                result = waiting.popleft().result()
                largest = max(largest, size(result))
                yield result
        finally:
            for future in waiting:
                future.cancel()
