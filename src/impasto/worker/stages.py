"""Threads with bounded queues between the stages of a worker.

A stage's exception surfaces in the thread that consumes or feeds it, and every thread ends when
the other side goes away, so that nothing hangs and nothing is lost.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")
U = TypeVar("U")
_END = object()


class Clock:
    """Busy seconds of one stage, waiting excluded; several threads may share it.

    Attributes:
        seconds: all of them.
        began: when it was first busy, by `time.perf_counter`; None if it never was.
        ended: when it was last busy.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.began: float | None = None
        self.ended = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count the time spent inside the block."""
        since = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.began = since if self.began is None else min(self.began, since)
                self.ended = time.perf_counter()
                self.seconds += self.ended - since


class Prefetch(Generic[T]):
    """Iterate in a thread of its own, at most ``depth`` items ahead."""

    def __init__(self, items: Iterable[T], depth: int, clock: Clock) -> None:
        self._items = iter(items)
        self._clock = clock
        self._queue: queue.Queue[object] = queue.Queue(depth)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._fill, name="read", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        while (item := self._queue.get()) is not _END:
            yield item  # type: ignore[misc]
        if self._error:
            raise self._error

    def close(self) -> None:
        """Stop early; returns once the thread has closed its iterator."""
        self._stop.set()
        while self._thread.is_alive():
            _drain(self._queue)
            self._thread.join(0.01)

    def _fill(self) -> None:
        try:
            while not self._stop.is_set():
                with self._clock.busy():
                    item = next(self._items, _END)
                if item is _END:
                    break
                self._queue.put(item)
        except BaseException as error:  # noqa: BLE001 (it is raised again by the consumer)
            self._error = error
        finally:
            close = getattr(self._items, "close", None)
            if close:
                close()
            self._queue.put(_END)


class Sink(Generic[T]):
    """Hand items, in order, to a function that runs in a thread of its own."""

    def __init__(self, write: Callable[[T], None], depth: int, clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._queue: queue.Queue[object] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._empty, name="write", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Queue an item; raises what an earlier item's write raised."""
        if self._error:
            raise self._error
        self._queue.put(item)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind:
            _drain(self._queue)
        self._queue.put(_END)
        self._thread.join()
        if self._error and not kind:
            raise self._error

    def _empty(self) -> None:
        while (item := self._queue.get()) is not _END:
            if self._error:
                continue
            try:
                with self._clock.busy():
                    self._write(item)  # type: ignore[arg-type]
            except BaseException as error:  # noqa: BLE001 (it is raised again by the feeder)
                self._error = error


def _drain(items: queue.Queue[object]) -> None:
    while True:
        try:
            items.get_nowait()
        except queue.Empty:
            return


class ShardTimes:
    """The time spent on a shard.

    Attributes:
        clocks: busy seconds of ``read``, ``score`` and ``write``.
        moments: when each mini-batch's scoring began and ended; in no order, since threads score
            side by side.
    """

    def __init__(self) -> None:
        """Start counting."""
        self._since = time.perf_counter()
        self.clocks = {stage: Clock() for stage in ("read", "score", "write")}
        self.moments: list[float] = []

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """Count the time spent inside the block as scoring."""
        self.moments.append(time.perf_counter())
        with self.clocks["score"].busy():
            yield
        self.moments.append(time.perf_counter())

    def totals(self) -> tuple[float, float, dict[str, float]]:
        """Return the seconds so far, those before and after all scoring, and those by stage."""
        seconds = time.perf_counter() - self._since
        scoring = max(self.moments) - min(self.moments) if self.moments else 0.0
        return seconds, seconds - scoring, {name: it.seconds for name, it in self.clocks.items()}


def side_by_side(
    units: Iterable[T],
    work: Callable[[T], U],
    pool: Executor,
    threads: Callable[[], int],
    alone: Callable[[T], bool],
) -> Generator[U]:
    """Yield what becomes of units, in order, several being worked on at once.

    Args:
        units: the units.
        work: what to do with each.
        pool: where.
        threads: how many may be worked on at once; called repeatedly.
        alone: returns whether a unit waits for those before it, and is then worked on here.
    """
    running: deque[Future[U]] = deque()

    def results(most: int) -> Iterator[U]:
        while len(running) > most:
            yield running.popleft().result()

    try:
        for unit in units:
            if alone(unit):
                yield from results(0)
                yield work(unit)
                continue
            running.append(pool.submit(work, unit))
            yield from results(threads() - 1)
        yield from results(0)
    finally:
        for future in running:
            future.cancel()
        wait(running)
