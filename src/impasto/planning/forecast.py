"""Pure forecasts: how large shards should be, from what earlier jobs took, and why.

A shard costs a start and an end, so shards should be long. A crash costs the shards that ran, and
workers that have nothing left to do cost time, so shards should be many. In between lies what
`Forecast.size` chooses. Where these contradict each other, the spread over workers rules; only
video is never cut shorter than it is encoded well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from impasto.schema.job import Items
from impasto.schema.speed import Speed

USUAL = {"pictures": 250, "files": 250, "rows": 10_000}
"""Items of a shard when nobody asks for a number."""
MOST = 4
"""Times the usual size that a chosen one may be."""
SPREAD = 3
"""Shards of each worker at least, so that the last ones end together, about."""
REDO = 60.0
"""Seconds of work that a crash may cost a worker."""
SHARE = 0.05
"""Of a shard's work, what its start and its end may cost besides."""
EFFICIENT = 48
"""Frames of the shortest segment that is encoded well: its keyframe and the encoder's look-ahead
weigh on fewer."""
SECONDS = {"pictures": 0.25, "files": 0.25, "rows": 0.001}
OVERHEAD = 0.5
"""Seconds of an item and of a shard's start and end, while nothing is known."""
NEWEST = 5
"""Facts that are taken into account, of those that fit equally well."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be done.

    Attributes:
        count: items.
        kind: what they are.
        noun: what people call them.
        encoded: whether each shard becomes a segment of video.
        width: of the pictures, in pixels; 0 where they differ or are none.
        height: likewise.
    """

    count: int
    kind: Items = "pictures"
    noun: str = "items"
    encoded: bool = False
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Size:
    """How large shards should be.

    Attributes:
        items: of a shard, about.
        least: items of the shortest one.
        reasons: a line each, for people.
    """

    items: int
    least: int = 1
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a worker is.

    Attributes:
        seconds: for an item.
        overhead: for a shard, besides its items.
        known: whether earlier jobs tell, or it is assumed.
        reason: where that comes from.
    """

    seconds: float
    overhead: float
    known: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of the workers.

    Attributes:
        workers: how many there will be, as far as can be told.
        staffing: why so many, for people.
        scorer: as facts name it.
        device: what they run on, ``cpu`` or ``cuda``; "" where that is open.
        speeds: facts of earlier jobs, newest first.
    """

    workers: int = 1
    staffing: str = "1 worker assumed"
    scorer: str = ""
    device: str = ""
    speeds: Sequence[Speed] = ()

    def size(self, asked: object, work: Workload) -> Size:
        """Say how many items a shard shall hold.

        Args:
            asked: a number, None for the usual one, or ``auto``.
            work: what is to be done.
        """
        if asked == "auto":
            return self._balanced(work)
        return Size(asked if isinstance(asked, int) else USUAL[work.kind])

    def pace(self, work: Workload) -> Pace:
        """Say how fast a worker will be, from earlier jobs, those most like this one."""
        found = [each for each in self.speeds if _fits(each, self, work)]
        same = [each for each in found if (each.width, each.height) == (work.width, work.height)]
        found = (same or found)[:NEWEST]
        if not found:
            seconds = SECONDS[work.kind]
            reason = (
                f"no earlier job tells how fast this is here: {_seconds(seconds)} for each of the "
                f"{work.noun} and {_seconds(OVERHEAD)} for a shard's start and end are assumed"
            )
            return Pace(seconds, OVERHEAD, known=False, reason=reason)
        seconds = median(each.seconds * _scale(each, work) for each in found)
        overhead = median(each.overhead for each in found)
        jobs = f"{len(found)} jobs" if len(found) > 1 else f"job {found[0].job}"
        scaled = (
            ", scaled by the pictures' area" if not same and _scale(found[0], work) != 1 else ""
        )
        reason = (
            f"{jobs} before took {_seconds(seconds)} for each of the {work.noun}{scaled}, and "
            f"{_seconds(overhead)} for a shard's start and end"
        )
        return Pace(seconds, overhead, known=True, reason=reason)

    def _balanced(self, work: Workload) -> Size:
        pace = self.pace(work)
        spread = max(1.0, work.count / (SPREAD * self.workers))
        costly = pace.overhead / pace.seconds
        upper = {
            f"each of the workers should have {SPREAD} shards": spread,
            f"a crash should cost no more than {REDO:.0f} s of work": REDO / pace.seconds,
            "larger ones would gain nothing": MOST * USUAL[work.kind],
        }
        lower = {"shorter segments are encoded badly": EFFICIENT} if work.encoded else {}
        if costly <= SHARE * spread:
            why = f"a shard's start and end should cost no more than {SHARE:.0%} of its work"
            lower[why] = min(math.ceil(costly / SHARE), math.floor(spread))
        else:
            why = f"a shard's start and end cost {costly / spread:.0%} of its work even so"
            lower[why] = math.floor(spread)
        most = {why: max(1, math.floor(bound)) for why, bound in upper.items()}
        floor = max(1, *lower.values())
        shards = _shards(work.count, floor, min(most.values()))
        size = math.ceil(work.count / shards)
        if math.ceil(work.count / size) < shards and not work.encoded:
            # Of few items a rounding makes a difference: rather one shard more than too few.
            size = work.count // shards
        shards = math.ceil(work.count / size)
        verdict = f"so {_plural(shards, 'shard')} of about {size:,} {work.noun}"
        if floor > min(most.values()):
            verdict += ", since the largest lower limit rules"
        if shards < self.workers:
            verdict += f"; {_plural(self.workers - shards, 'worker')} will have nothing to do"
        reasons = (
            self.staffing,
            pace.reason,
            *(f"at most {bound:,}: {why}" for why, bound in most.items()),
            *(f"at least {bound:,}: {why}" for why, bound in lower.items() if bound > 1),
            verdict,
        )
        return Size(size, min(floor, size), reasons)


UNKNOWN = Forecast()
"""Where nothing is known of workers, as for sources that are planned on their own."""


def _shards(count: int, floor: int, ceiling: int) -> int:
    """Return how many even shards keep within the bounds; the lower one rules."""
    return max(1, min(math.ceil(count / ceiling), count // floor))


def _fits(speed: Speed, forecast: Forecast, work: Workload) -> bool:
    device = not (forecast.device and speed.device) or speed.device == forecast.device
    return device and (speed.scorer, speed.kind) == (forecast.scorer, work.kind)


def _scale(speed: Speed, work: Workload) -> float:
    """Return how much larger pictures are than those of an earlier job, by area."""
    before, now = speed.width * speed.height, work.width * work.height
    return now / before if before and now else 1.0


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"
