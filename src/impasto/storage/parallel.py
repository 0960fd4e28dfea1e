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
"""Bytes of results that may wait, about."""


def in_order(
    act: Callable[[Item], Result],
    items: Iterable[Item],
    most: int,
    size: Callable[[Result], int] = lambda _: 0,
) -> Iterator[Result]:
    """Give ``act(item)`` for every item, in order, many of them under way at once.

    Args:
        act: called in threads; what it raises is raised here, and the rest is not begun.
        items: taken as they are needed.
        most: how many may be under way or wait.
        size: bytes of a result; where results are large, fewer than ``most`` are under way.
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
