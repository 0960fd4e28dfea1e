"""The lines of a job's log, in words, and those of them that a caller asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.jobs.log_filter import LogFilter
from impasto.jobs.log_words import LogWords
from impasto.secrecy import redact, redact_all
from impasto.server.logs.places import LogObjects
from impasto.server.models.jobs import LogLine, LogPage
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from impasto.jobs.log_words import Words
    from impasto.schema.events import Event
    from impasto.schema.plan import Plan
    from impasto.server.board.kept import KeptJob
    from impasto.server.logs.places import LogObject, Place

MOST_OBJECTS = 500
"""Objects that are read for one page, however few of their lines match."""


class LogReader:
    """Reads a job's log; methods raise Unavailable when the store does not answer."""

    def __init__(self, job: KeptJob) -> None:
        self._job = job
        self._words = LogWords(self._plan)

    def lines(
        self, objects: Iterable[LogObject], wanted: LogFilter | None = None
    ) -> Iterator[list[LogLine]]:
        """Yield the lines of each of some objects, or those wanted; an object may be gone."""
        wanted = wanted or LogFilter()
        for events in in_order(self._read, objects, MANY):
            yield [_line(*each) for each in wanted.select(events, self._words)]

    def page(self, place: Place, wanted: LogFilter, limit: int) -> LogPage:
        """Return the lines after a place: whole objects, until there are enough lines.

        Args:
            place: what was read before.
            wanted: which lines.
            limit: how many lines are enough.
        """
        objects, found = LogObjects(), list[LogLine]()
        with self._job.lock:
            objects.add(self._job.look())
        unread = objects.unread(place)
        read: list[int] = []
        # Each batch is read whole, so a page reads little more than it shows.
        for first in range(0, min(len(unread), MOST_OBJECTS), MANY):
            batch = unread[first : first + MANY]
            pages = self.lines([objects.found[number] for number in batch], wanted)
            for number, lines in zip(batch, pages, strict=True):
                found += lines
                read.append(number)
                if len(found) >= limit:
                    break
            if len(found) >= limit:
                break
        after = objects.with_read(place, read) if read else place
        return LogPage(lines=found, next=str(after), more=len(read) < len(unread))

    def _plan(self) -> Plan | None:
        with self._job.lock:
            return self._job.plan()

    def _read(self, each: LogObject) -> list[Event]:
        return self._job.journal.read_object(each.key, each.time)


def _line(event: Event, words: Words) -> LogLine:
    stored = event.line()
    fields = {name: value for name, value in stored.items() if name not in {"time", "event"}}
    return LogLine(
        time=event.time,
        event=str(stored["event"]),
        level=words.level,
        text=redact(words.text),
        below=redact(words.below),
        shard=words.shard,
        item=words.item,
        worker=words.worker,
        fields=redact_all(fields),
    )
