"""Turns: how many requests of a kind are worked on at once, and how many may wait."""

from __future__ import annotations

import asyncio
import threading
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


@dataclass
class Turns:
    """Requests of one kind.

    Attributes:
        what: what they are for, for people.
        running: how many may run at once.
        waiting: how many may wait.
    """

    what: str
    running: int
    waiting: int
    _queue: list[object] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @asynccontextmanager
    async def turn(self, left: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
        """Wait for a request's turn, and count it as running.

        Args:
            left: tells whether the client has gone.

        Raises:
            Refused: too many wait already, or the client has gone.
        """
        mine = object()
        with self._lock:
            if len(self._queue) >= self.running + self.waiting:
                raise Refused(
                    503,
                    f"too many requests for {self.what} at once",
                    f"ask again in {BUSY} seconds",
                    {"Retry-After": str(BUSY)},
                )
            self._queue.append(mine)
        try:
            while self._queue.index(mine) >= self.running:
                await pause(left)
            yield
        finally:
            with self._lock:
                self._queue.remove(mine)


async def pause(left: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a moment; raises Refused if the client has gone."""
    if await left():
        raise Refused(499, "the client has gone")
    await asyncio.sleep(POLL)
