"""Memory of what was seen last, of bounded size; nothing in it outlives the process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The values that were used last, by name, for all threads.

    Args:
        most: how many; the one that was not used for longest makes room.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> Value | None:
        """Return a value, or None if it is not remembered."""
        with self._lock:
            if name in self._values:
                self._values.move_to_end(name)
            return self._values.get(name)

    def put(self, name: str, value: Value) -> None:
        """Remember a value."""
        with self._lock:
            self._values[name] = value
            self._values.move_to_end(name)
            if len(self._values) > self._most:
                self._values.popitem(last=False)

    def drop(self, name: str) -> None:
        """Forget a value."""
        with self._lock:
            self._values.pop(name, None)


class _Level(NamedTuple):
    left: float
    at: float


class Buckets:
    """Token buckets: how much each of many callers may do in the long run, and at once.

    Args:
        rate: how much per second.
        burst: how much at once, after a pause.
        most: how many callers are remembered.
    """

    def __init__(self, rate: float, burst: float, most: int = 10_000) -> None:
        self._rate, self._burst = rate, max(1.0, burst)
        self._levels = Recent[_Level](most)
        self._lock = threading.Lock()

    def take(self, name: str) -> float:
        """Take one of what a caller may do; returns 0, or the seconds to wait, and takes none."""
        with self._lock:
            left, now = self._left(name)
            if left < 1:
                return (1 - left) / self._rate
            self._levels.put(name, _Level(left - 1, now))
            return 0.0

    def wait(self, name: str) -> float:
        """Return for how many seconds a caller may do nothing; takes none."""
        left, _ = self._left(name)
        return max(0.0, (1 - left) / self._rate)

    def _left(self, name: str) -> tuple[float, float]:
        now, level = time.monotonic(), self._levels.get(name)
        if level is None:
            return self._burst, now
        return min(self._burst, level.left + (now - level.at) * self._rate), now
