"""Readers of server-sent events, and the service on a port in this process."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from impasto.server.run import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from impasto.server.context import Context
    from impasto.watch.given import Given

DEADLINE = 40.0


@contextmanager
def served(context: Context, given: Given | None = None) -> Iterator[Service]:
    """Serve on a free port until the end of the block, with a watcher if one is given its rules."""
    serve = context.serve.model_copy(update={"port": 0})
    object.__setattr__(context, "serve", serve)
    service = Service(context, given)
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.stop()
        thread.join(DEADLINE)
        assert not thread.is_alive()


class Reader:
    """A client of one stream, as a browser's is; a context that hangs up.

    Attributes:
        events: what came: name and data.
        last: the id of the last message.
        ended: whether the server has ended the stream.
    """

    def __init__(self, url: str, path: str, token: str, last: str = "") -> None:
        self.events: list[tuple[str, Any]] = []
        self.last, self.ended = last, False
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=DEADLINE)
        headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last} if last else {})
        self._connection.request("GET", path, headers=headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection.sock:
            self._connection.sock.close()

    def of(self, event: str) -> list[Any]:
        """Return the data of the events of a name."""
        return [data for name, data in self.events if name == event]

    @property
    def lines(self) -> list[str]:
        """The lines of the log, in words."""
        return [line["text"] for data in self.of("log") for line in data["lines"]]

    def wait(self, check: Callable[[], object]) -> None:
        """Wait until something holds."""
        until = time.monotonic() + DEADLINE
        while not check():
            assert time.monotonic() < until, self.events[-5:]
            time.sleep(0.02)

    def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            for raw in self._answer:
                line = raw.decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                if "data" in fields:
                    # As browsers do: the id counts once the message is whole.
                    self.last = fields.get("id", self.last)
                    self.events.append((fields["event"], json.loads(fields["data"])))
                fields = {}
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass
        self.ended = True
