"""Connections of clients that send too little, too slowly, or too much before they have asked.

Nobody has shown a token yet. The HTTP library waits for ever, and keeps headers of any size.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio
    from typing import Any

HEAD_SECONDS = 20.0
"""Seconds in which a client must have sent the head of a request."""
HEAD = 128 << 10
"""Bytes of a request's head after which no more of it is read."""
FILES = 65_536
"""Open files, connections among them, that the service asks the system for."""


def make_room() -> int:
    """Let this process have many open files; returns how many connections may be open at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        soft = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    # The others are for stores, jobs and child processes.
    return (FILES if soft == resource.RLIM_INFINITY else min(FILES, soft)) // 2


def connections(most: int) -> type[asyncio.Protocol]:
    """Return the protocol of connections, of which so many may be open at once."""

    class Connection(_Connection):
        MOST = most

    return Connection


class _Connection(HttpToolsProtocol):
    """A connection whose client must send heads of requests in time, and small ones."""

    MOST: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heads, self._size = 0, 0
        self._heading = True
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; there is no room for one connection too many."""
        super().connection_made(transport)
        if len(self.connections) > self.MOST:
            transport.abort()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._come()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        heads, heading = self._heads, self._heading
        super().data_received(data)
        beyond = heads != self._heads or not heading or not self._heading
        if beyond or self.transport.is_closing():
            return
        self._size += len(data)
        if self._size > HEAD:
            self.send_400_response("The request's head is too large.")
        elif self._patience is None and (self.cycle is None or self.cycle.response_complete):
            # Empty lines before a request begin none.
            self._wait()

    def on_message_begin(self) -> None:
        """Wait for the rest of a head."""
        super().on_message_begin()
        self._heading = True
        self._wait()

    def on_headers_complete(self) -> None:
        """Note that a head is whole."""
        self._come()
        self._heads += 1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that whatever comes next belongs to another request."""
        self._heading = True
        super().on_message_complete()

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _come(self) -> None:
        self._heading, self._size = False, 0
        if self._patience:
            self._patience.cancel()
            self._patience = None
