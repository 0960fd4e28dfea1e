"""A job's log: one object for every few events, never changed once it is written."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from impasto.jobs.keys import LOG
from impasto.schema.log_lines import parse
from impasto.secrecy import redact_all
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from impasto.jobs.folder import JobFolder
    from impasto.schema.events import Event


class Journal:
    """Writes and reads a job's log; methods raise Unavailable when the store does not answer."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder

    def write(self, *events: Event) -> None:
        """Write events, without secrets, as one object that sorts by time."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f".{time.time_ns() % 10**9:09d}"
        lines = (json.dumps(redact_all(event.line())) + "\n" for event in events)
        data = "".join(lines).encode()
        if data:
            self._folder.create(f"logs/{stamp}-{uuid4().hex[:8]}.jsonl", data)

    def read(
        self, seen: set[str] | None = None, skips: Callable[[bytes], bool] | None = None
    ) -> Iterator[Event]:
        """Read every event, oldest object first by the store's clock.

        Args:
            seen: keys of objects to leave out; those that are read are added.
            skips: returns whether a line is to be left out.
        """
        seen = set() if seen is None else seen
        listed = self._folder.list_all("logs")
        found = [(key, stat) for key, stat in listed if LOG.fullmatch(key) and key not in seen]
        found.sort(key=lambda pair: (pair[1].modified, pair[0]))
        seen.update(key for key, _ in found)
        pages = in_order(self._folder.read, (key for key, _ in found), MANY, len)
        for (_, stat), page in zip(found, pages, strict=True):
            yield from _parsed(page, stat.modified, skips)

    def read_object(self, key: str, written: float) -> list[Event]:
        """Read the events in one object of the log, which may be gone.

        Args:
            key: its key.
            written: when it was written, seconds since 1970.
        """
        return list(_parsed(self._folder.find(key) or b"", written))


def _parsed(
    page: bytes, written: float, skips: Callable[[bytes], bool] | None = None
) -> Iterator[Event]:
    for line in page.splitlines():
        if skips is None or not skips(line):
            yield parse(line.decode(errors="replace"), written)
