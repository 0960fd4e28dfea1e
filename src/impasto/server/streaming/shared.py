"""Messages that several streams send, made once while they stay in memory."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

KEPT = 1 << 20
"""Bytes that stay in memory, besides the message that was used last."""


class SharedMessages:
    """Messages by what they are of; used on the event loop."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, asyncio.Task[bytes]] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes of all messages that are in memory."""
        return sum(map(_size, self._made.values()))

    async def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return a message; one that is not in memory is made in a thread.

        What ``make`` raises is raised here, to all who wait for it, and it is called again later.
        """
        task = self._made.get(key)
        if task is None or (task.done() and task.exception()):
            task = asyncio.ensure_future(asyncio.to_thread(make))
            self._made[key] = task
        self._made.move_to_end(key)
        data = await asyncio.shield(task)
        self._forget()
        return data

    def _forget(self) -> None:
        size = 0
        for key in list(reversed(self._made))[1:]:
            task = self._made[key]
            size += _size(task)
            if task.done() and size > KEPT:
                del self._made[key]


def _size(task: asyncio.Task[bytes]) -> int:
    return len(task.result()) if task.done() and not task.exception() else 0
