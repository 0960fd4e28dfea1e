"""The events in a job's log, one per line.

    by a user     Submitted, Cancelled
    by a driver   Started, PassedOver, ShardDone, ShardFailed, Workers, Stopping, then Finished or
                  Stopped
    by a worker   Item, Printed
    by nobody     Unknown (a line of another version), Torn (a line that was cut short or damaged)

A line is a JSON object with ``time``, ``event``, and the fields of that event.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeAlias, get_args

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.schema.bounds import Count, is_number
from impasto.schema.outcome import Done, Failed, Result

Line: TypeAlias = dict[str, Any]
"""A line of a log, read from JSON."""
Stream = Literal["stdout", "stderr"]
STREAMS: tuple[Stream, ...] = get_args(Stream)


class Entry(Frozen):
    """An event that is rare enough for all of its fields to be checked.

    Attributes:
        time: when it happened, seconds since 1970.
    """

    EVENT: ClassVar[str]

    time: float = Field(default_factory=time.time)

    def line(self) -> Line:
        """Return the line that holds the event."""
        return {"time": self.time, "event": self.EVENT, **self._fields()}

    @classmethod
    def parse(cls, line: Line) -> Self:
        """Read the event from its line; raises ValidationError for any other fields."""
        return cls.model_validate({name: line[name] for name in line if name != "event"})

    def _fields(self) -> Line:
        return self.model_dump(mode="json", exclude={"time"}, exclude_none=True)


class RecordEntry(Entry):
    """An event whose fields are those of a record.

    Attributes:
        record: the record; the line leaves out its names of files.
    """

    record: Frozen

    @classmethod
    def parse(cls, line: Line) -> Self:
        """Read the event from its line; raises ValidationError for any other fields."""
        fields = {name: line[name] for name in line if name not in {"time", "event"}}
        return cls.model_validate({"time": line["time"], "record": fields})

    def _fields(self) -> Line:
        fields = self.record.model_dump(mode="json", exclude={"names"})
        # Without these, a line is the same as in versions that had no such fields.
        newer = {"device", "remedy", "warnings", "report", "scored", "noun", "repeated", "missing"}
        for error in (each for name in ("failed", "aside") for each in _errors(fields.get(name))):
            if error["attempts"] == 1:
                del error["attempts"]
        return {name: fields[name] for name in fields if name not in newer or fields[name]}


def _errors(value: Any) -> list[Line]:
    """Return the items of a record's field that lists failed ones; a result only counts them."""
    return value if isinstance(value, list) else []


class Submitted(Entry):
    """The job was handed to a cluster."""

    EVENT = "submitted"


class Detached(Entry):
    """The job was left to whichever watcher of its home comes first.

    Attributes:
        retry: whether to score the failed items again, and nothing else.
    """

    EVENT = "detached"

    retry: bool | None = None


class Cancelled(Entry):
    """Every driver of the job was asked to stop."""

    EVENT = "cancel"


class Started(Entry):
    """A driver began.

    Attributes:
        host: its machine.
        pid: its process.
        resumed: items that earlier drivers had done.
    """

    EVENT = "started"

    host: str
    pid: int
    resumed: int


class PassedOver(Entry):
    """A done record was torn or did not fit its plan, so its shard runs again.

    Attributes:
        key: the record's key within the job.
    """

    EVENT = "passed_over"

    key: str


class Workers(Entry):
    """Workers could not start, or ended.

    Attributes:
        text: what happened, one line.
    """

    EVENT = "workers"

    text: str


class ShardDone(RecordEntry):
    """A shard is done."""

    EVENT = "done"

    record: Done


class ShardFailed(RecordEntry):
    """An attempt at a shard failed."""

    EVENT = "failed"

    record: Failed


class Stopping(Entry):
    """The driver starts no more shards.

    Attributes:
        why: one word.
        running: workers that are still scoring a shard.
    """

    EVENT = "stopping"

    why: str
    running: int


class Stopped(Entry):
    """The driver ended without a result, or the cluster did not take the job.

    Attributes:
        error: why, one line.
        exit_code: the driver's, where there was one.
        failed: how many items it set aside, where it ended because of failures.
    """

    EVENT = "stopped"

    error: str
    exit_code: int | None = None
    failed: Count | None = None


class Finished(RecordEntry):
    """The output is in place."""

    EVENT = "finished"

    record: Result


class Printed(Entry):
    """A scorer printed something.

    Attributes:
        text: what was printed since the last such event.
        worker: which worker it was.
        item: the items that were being scored, where that is known.
        shard: the shard that was being scored; None before the first one, and in logs of earlier
            versions.
        stream: where it was printed; None in logs of earlier versions.
    """

    EVENT = "printed"

    text: str
    worker: str | None = None
    item: str | None = None
    shard: Count | None = None
    stream: Stream | None = None


class Item(NamedTuple):
    """An item was scored. A job may have millions, so fields are not checked one by one.

    Attributes:
        time: when it happened, seconds since 1970.
        shard: its shard's index.
        item: its index in the source.
        score_ms: its share of the time on the device, in milliseconds.
        facts: what the scorer reports about it. In the line, a fact replaces a field of the same
            name.
        name: its name, or "" where items have none.
        concealed: whether the source's picture could not be decoded.
        error: why it was set aside, or None.
        traceback: the scorer's own, or "".
        worker: who scored it; "" in logs of earlier versions.
    """

    time: float
    shard: int
    item: int
    score_ms: float
    facts: Mapping[str, Any]
    name: str = ""
    concealed: bool = False
    error: str | None = None
    traceback: str = ""
    worker: str = ""

    def line(self) -> Line:
        """Return the line that holds the event."""
        line: Line = {"time": self.time, "event": "item", "shard": self.shard, "item": self.item}
        if self.name:
            line["name"] = self.name
        if self.worker and "worker" not in self.facts:
            line["worker"] = self.worker
        line["score_ms"] = self.score_ms
        line |= self.facts
        if self.concealed:
            line["concealed"] = True
        if self.error is not None:
            line |= {"error": self.error, "traceback": self.traceback}
        return line

    @classmethod
    def parse(cls, line: Line) -> Self:
        """Read the event from its line; raises ValueError for any other fields.

        Position distinguishes fields from facts of the same name.
        """
        names, values = [*line], [*line.values()]
        count, own = len(_HEAD), dict.fromkeys(_TEXTS, "")
        for field in _TEXTS:
            if names[count : count + 1] == [field]:
                own[field] = values[count]
                count += 1
        if [*names[: len(_HEAD)], *names[count : count + 1]] != [*_HEAD, "score_ms"]:
            raise ValueError("not the fields of an item")
        (time, _, shard, item), score_ms = values[: len(_HEAD)], values[count]
        start, stop = count + 1, len(names)
        error, traceback = None, ""
        if names[-2:] == ["error", "traceback"]:
            error, traceback = values[-2:]
            stop -= 2
        concealed = names[stop - 1] == "concealed" and values[stop - 1] is True
        stop -= concealed
        texts = all(isinstance(text, str) for text in (*own.values(), traceback))
        whole = isinstance(shard, int) and isinstance(item, int) and is_number(score_ms)
        if not (texts and whole and isinstance(error, str | None)):
            raise ValueError("not the values of an item")
        facts = dict(islice(line.items(), start, stop))
        name, worker = own.values()
        ends = (concealed, error, traceback, worker)
        return cls(time, shard, item, score_ms, facts, name, *ends)


_HEAD, _TEXTS = ["time", "event", "shard", "item"], ("name", "worker")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A line of another version of Impasto.

    Attributes:
        stored: the line, which has a time and an event.
    """

    stored: Line

    @property
    def time(self) -> float:
        """When it happened, seconds since 1970."""
        return float(self.stored["time"])

    @property
    def event(self) -> str:
        """Its name in the version that wrote it."""
        return str(self.stored["event"])

    def line(self) -> Line:
        """Return the line as it is stored."""
        return self.stored


@dataclass(frozen=True, slots=True)
class Torn:
    """A line that was cut short, or that no version of Impasto wrote.

    Attributes:
        time: when the object that holds it was written, seconds since 1970.
        text: the line as it is.
    """

    time: float
    text: str

    def line(self) -> Line:
        """Return a line that shows it; no such line is stored."""
        return {"time": self.time, "event": "torn", "line": self.text}


ByUser: TypeAlias = Submitted | Detached | Cancelled
ByDriver: TypeAlias = (
    Started | PassedOver | Workers | ShardDone | ShardFailed | Stopping | Stopped | Finished
)
Event: TypeAlias = ByUser | ByDriver | Printed | Item | Unknown | Torn
"""Any event; each has a ``time`` and a ``line()``."""
