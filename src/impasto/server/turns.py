"""Turns: how many requests of a kind are worked on at once, and how many may wait."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from impasto.server.problems import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

POLL = 0.02
"""Seconds between two looks at what is waited for, and at whether the client still waits."""
BUSY = 5
"""Seconds after which a client may ask again where too many wait."""


@dataclass(eq=False, slots=True)
class _Request:
    whose: str
    runs: bool = False


@dataclass
class Turns:
    """Requests of one kind; those of one party leave room for others.

    Attributes:
        what: what they are for, for people.
        running: how many may run at once.
        waiting: how many may wait.
        each: how many may run at once for one party; a quarter of all places is also kept from it.
    """

    what: str
    running: int
    waiting: int
    each: int
    _queue: list[_Request] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @asynccontextmanager
    async def turn(self, left: Callable[[], Awaitable[bool]], whose: str) -> AsyncIterator[None]:
        """Wait for a request's turn, and count it as running.

        Args:
            left: tells whether the client has gone.
            whose: the party, as in `Caller.party`.

        Raises:
            Refused: too many wait already, or the client has gone.
        """
        mine, places = _Request(whose), self.running + self.waiting
        with self._lock:
            own = sum(each.whose == whose for each in self._queue)
            if len(self._queue) >= places or own >= max(1, places * 3 // 4):
                raise Refused(
                    503,
                    f"too many requests for {self.what} at once",
                    f"ask again in {BUSY} seconds",
                    {"Retry-After": str(BUSY)},
                )
            self._queue.append(mine)
        try:
            while not self._begins(mine):
                await pause(left)
            yield
        finally:
            with self._lock:
                self._queue.remove(mine)

    def _begins(self, mine: _Request) -> bool:
        """Return whether it is a request's turn, which then runs."""
        with self._lock:
            running = Counter(each.whose for each in self._queue if each.runs)
            if running.total() >= self.running:
                return False
            waiting = [
                each for each in self._queue if not each.runs and running[each.whose] < self.each
            ]
            # The party for which the fewest run is first, then the request that came first.
            first = min(waiting, key=lambda each: running[each.whose], default=None)
            mine.runs = first is mine
            return mine.runs


async def pause(left: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a moment; raises Refused if the client has gone."""
    if await left():
        raise Refused(499, "the client has gone", "ask again")
    await asyncio.sleep(POLL)
