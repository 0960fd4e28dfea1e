"""How long a job, each of its shards and each of its items took, read from its records and log."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, get_type_hints

from impasto.jobs.keys import done_key
from impasto.jobs.log_words import LogWords
from impasto.schema.events import Finished, Item, Started, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from impasto.jobs.job import Job

Of = Literal["job", "shards", "items"]
FINE = 1.02
"""Ratio of two neighbouring values that `Spread` tells apart."""
SLOWEST = 5
"""Items that `Spread` remembers."""


class PassTiming(NamedTuple):
    """One driver's pass over a job.

    Attributes:
        started: when it began, seconds since 1970.
        ended: when it ended; None if it runs, or was killed.
        seconds: how long it took, or None.
        items: how many items were scored meanwhile.
        end: why it ended: finished, or the error; "" if nobody knows.
        host: its machine.
        pid: its process.
    """

    started: float
    ended: float | None
    seconds: float | None
    items: int
    end: str
    host: str
    pid: int


class ShardTiming(NamedTuple):
    """A shard that is done.

    Attributes:
        shard: its index.
        items: how many items it has.
        seconds: wall seconds from asking for its first item to having stored the last.
        overhead: of these, those before the first item was scored and after the last one.
        read: busy seconds of reading.
        score: busy seconds of scoring.
        write: busy seconds of writing.
        failed: how many items were set aside.
        attempts: how many attempts failed before.
        worker: who ran it.
        device: what scored it.
        ended: when it was done, seconds since 1970.
    """

    shard: int
    items: int
    seconds: float
    overhead: float
    read: float
    score: float
    write: float
    failed: int
    attempts: int
    worker: str
    device: str
    ended: float


class ItemTiming(NamedTuple):
    """An item that was scored; one that was tried again has several.

    Attributes:
        item: its index in the source.
        name: its name.
        shard: its shard's index.
        worker: who scored it; "" in logs of earlier versions.
        score_ms: its share of the time on the device, in milliseconds.
        ended: when it was scored, seconds since 1970.
        error: why it was set aside, or "".
    """

    item: int
    name: str
    shard: int
    worker: str
    score_ms: float
    ended: float
    error: str


Timing = PassTiming | ShardTiming | ItemTiming
ROWS: dict[Of, type[Timing]] = {"job": PassTiming, "shards": ShardTiming, "items": ItemTiming}


def timings(job: Job, of: Of) -> Iterator[Timing]:
    """Read how long something of a job took, in memory that does not grow with its items."""
    read: dict[Of, Callable[[Job], Iterator[Timing]]] = {
        "job": passes,
        "shards": shards,
        "items": items,
    }
    return read[of](job)


def passes(job: Job) -> Iterator[PassTiming]:
    """Read when drivers began and ended, in the order of the log."""
    now: PassTiming | None = None
    for event in job.journal.read():
        match event:
            case Started():
                if now:
                    yield now
                now = PassTiming(event.time, None, None, 0, "", event.host, event.pid)
            case Item() if now:
                now = now._replace(items=now.items + 1)
            case Finished() | Stopped() if now:
                end = "finished" if isinstance(event, Finished) else event.error
                seconds = max(0.0, event.time - now.started)
                yield now._replace(ended=event.time, seconds=seconds, end=end)
                now = None
            case _:
                pass
    if now:
        yield now


def shards(job: Job) -> Iterator[ShardTiming]:
    """Read how long each shard took that is done, in order."""
    plan, listing = job.plan(), job.listing()
    for shard, done in sorted(job.done(listing, plan).items()):
        yield ShardTiming(
            shard=shard,
            items=done.items,
            seconds=done.seconds,
            overhead=done.overhead,
            read=done.stages.get("read", 0.0),
            score=done.stages.get("score", 0.0),
            write=done.stages.get("write", 0.0),
            failed=len(done.failed),
            attempts=listing.attempts.get(shard, 0),
            worker=done.worker,
            device=done.device,
            ended=listing.times[done_key(shard)],
        )


def items(job: Job) -> Iterator[ItemTiming]:
    """Read how long each item took, in the order of the log."""
    words = LogWords(job.plan)
    for it in job.journal.read():
        if isinstance(it, Item):
            name = it.name or words.name(it.shard, it.item)
            error = it.error or ""
            yield ItemTiming(it.item, name, it.shard, it.worker, it.score_ms, it.time, error)


@dataclass
class Spread:
    """How many times there are of about each length: its size does not grow with their number.

    Attributes:
        count: how many times there are.
        total: their sum.
        slowest: the longest ones, the longest first.
    """

    count: int = 0
    total: float = 0.0
    slowest: list[ItemTiming] = field(default_factory=list)
    _bins: Counter[int] = field(default_factory=Counter)

    def add(self, timing: ItemTiming) -> None:
        """Count an item."""
        self.count += 1
        self.total += timing.score_ms
        self._bins[round(math.log(max(timing.score_ms, 1e-3), FINE))] += 1
        if len(self.slowest) < SLOWEST or timing.score_ms > self.slowest[-1].score_ms:
            ranked = sorted([*self.slowest, timing], key=lambda each: -each.score_ms)
            self.slowest = ranked[:SLOWEST]

    def percentile(self, percent: float) -> float:
        """Return the milliseconds that this part of the items did not exceed, within 2%."""
        wanted, seen = self.count * percent / 100, 0
        for number in sorted(self._bins):
            seen += self._bins[number]
            if seen >= wanted:
                return float(FINE**number)
        return 0.0


def fields(of: Of) -> dict[str, type]:
    """Return the fields of rows, and whether they hold text, whole numbers or others."""
    types: dict[object, type] = {str: str, int: int}
    return {name: types.get(hint, float) for name, hint in get_type_hints(ROWS[of]).items()}
