"""The lines of a job's log, in words, and those of them that a caller asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.jobs.log_words import LEVELS, Level, LogWords
from impasto.secrecy import redact, redact_all
from impasto.server.logs.places import LogObjects
from impasto.server.models.jobs import LogLine, LogPage
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from impasto.schema.events import Event
    from impasto.schema.plan import Plan
    from impasto.server.board.kept import KeptJob
    from impasto.server.logs.places import LogObject, Place

MOST_OBJECTS = 500
"""Objects that are read for one page, however few of their lines match."""


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Which lines are asked for; all fields must match.

    Attributes:
        level: the least that they matter.
        shard: the shard that they concern; None for any.
        item: name or index of the item that they concern; "" for any.
        worker: the worker that they concern; "" for any.
        text: what they contain, in any case.
    """

    level: Level = "debug"
    shard: int | None = None
    item: str = ""
    worker: str = ""
    text: str = ""

    def fits(self, line: LogLine) -> bool:
        """Return whether a line is asked for."""
        return (
            LEVELS.index(line.level) >= LEVELS.index(self.level)
            and self.shard in (None, line.shard)
            and self.item in ("", line.item, str(line.fields.get("item")))
            and self.worker in ("", line.worker)
            and (not self.text or self.text.casefold() in _searched(line))
        )


def _searched(line: LogLine) -> str:
    below = str(line.fields.get("text", "")) + str(line.fields.get("traceback", ""))
    return f"{line.text}\n{below}".casefold()


class LogReader:
    """Reads a job's log; methods raise Unavailable when the store does not answer."""

    def __init__(self, job: KeptJob) -> None:
        self._job = job
        self._words = LogWords(self._plan)

    def lines(self, objects: Iterable[LogObject]) -> Iterator[list[LogLine]]:
        """Yield the lines of each of some objects; an object may be gone."""
        for events in in_order(self._read, objects, MANY):
            yield [self._line(event) for event in events]

    def page(self, place: Place, wanted: LineFilter, limit: int) -> LogPage:
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
            pages = self.lines([objects.found[number] for number in batch])
            for number, lines in zip(batch, pages, strict=True):
                found += filter(wanted.fits, lines)
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

    def _line(self, event: Event) -> LogLine:
        words, stored = self._words.of(event), event.line()
        fields = {name: value for name, value in stored.items() if name not in {"time", "event"}}
        return LogLine(
            time=event.time,
            event=str(stored["event"]),
            level=words.level,
            text=redact(words.text),
            shard=words.shard,
            item=words.item,
            worker=words.worker,
            fields=redact_all(fields),
        )
