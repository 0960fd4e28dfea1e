"""Pure forecasts: how large shards should be, from what earlier jobs took, and why.

Each shard costs a start and an end, so shards should be long. A crash costs the shards that were
running, and workers with nothing left to do cost time, so shards should be many. `Forecast.size`
chooses a size in between. In a conflict, the spread over workers wins; only video is never cut into
segments too short to be encoded well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from impasto.schema.job import Items
from impasto.schema.speed import Speed

MOST = {"pictures": 1000, "files": 1000, "rows": 40_000}
"""Maximum items of a shard: a longer one would gain nothing."""
WORTH = 2.0
"""Minimum seconds of work of a shard."""
SMALL = {"pictures": 8, "files": 8, "rows": 200}
"""Minimum items of a shard while it is unknown how long one takes."""
SPREAD = 3
"""Minimum shards per worker, so that the last ones end at about the same time."""
REDO = 20.0
"""Seconds of work that a crash may cost a worker."""
SHARE = 0.05
"""Maximum cost of a shard's start and end, as a fraction of its work."""
EFFICIENT = 48
"""Minimum frames of a segment that is encoded well: in a shorter one, the keyframe and the
encoder's look-ahead weigh too much."""
SHORTEST = 24
"""Minimum frames of a segment whatever its frames take."""
PROMPT = 6.0
"""Seconds of work after which a segment need not become longer to be encoded well: a worker that is
to stop finishes its shard first."""
SEQUENCE = 250
"""Minimum frames of a shard whose frames build on the one before, which the first one cannot."""
SECONDS = {"pictures": 0.25, "files": 0.25, "rows": 0.001}
OVERHEAD = 0.5
"""Seconds per item, and per start and end of a shard, while nothing is known."""
NEWEST = 5
"""Number of facts taken into account, of those that fit equally well."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The work to be done.

    Attributes:
        count: items.
        kind: what they are.
        noun: what people call them.
        encoded: whether each shard becomes a segment of video.
        width: of the pictures, in pixels; 0 if they differ or there are none.
        height: of the pictures, in pixels; 0 if they differ or there are none.
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
        items: items per shard, approximately.
        least: minimum items of a shard.
        reasons: why, one line each, for people.
    """

    items: int
    least: int = 1
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a worker is.

    Attributes:
        seconds: per item.
        overhead: seconds per shard, besides its items.
        known: whether this is from earlier jobs, not assumed.
        reason: where the numbers come from, for people.
    """

    seconds: float
    overhead: float
    known: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expectations of the workers, from which sizes and times are forecast.

    Attributes:
        workers: how many there will be, as far as is known.
        staffing: why that many, for people.
        scorer: the scorer's name in facts.
        device: what they run on, ``cpu`` or ``cuda``; "" if that is open.
        speeds: facts of earlier jobs, newest first.
        sequential: whether the scorer builds each frame of a video on the one before.
    """

    workers: int = 1
    staffing: str = "1 worker assumed"
    scorer: str = ""
    device: str = ""
    speeds: Sequence[Speed] = ()
    sequential: bool = False

    def size(self, asked: object, work: Workload) -> Size:
        """Return how many items a shard should have.

        Args:
            asked: a number; None or ``auto`` chooses one.
            work: the work to be done.
        """
        if isinstance(asked, int):
            return Size(asked)
        return self._balanced(work) if work.count else Size(1)

    def pace(self, work: Workload) -> Pace:
        """Return how fast a worker will be, judged by the earlier jobs most like this one."""
        found = [each for each in self.speeds if _fits(each, self, work)]
        same = [each for each in found if (each.width, each.height) == (work.width, work.height)]
        found = (same or found)[:NEWEST]
        if not found:
            seconds = SECONDS[work.kind]
            reason = (
                f"assumed, with no earlier job to judge by: {_seconds(seconds)} for each of the "
                f"{work.noun}, and {_seconds(OVERHEAD)} for a shard's start and end"
            )
            return Pace(seconds, OVERHEAD, known=False, reason=reason)
        seconds = median(each.seconds * _scale(each, work) for each in found)
        overhead = median(each.overhead for each in found)
        jobs = f"{len(found)} earlier jobs" if len(found) > 1 else f"job {found[0].job}"
        scaled = (
            ", scaled by the pictures' area" if not same and _scale(found[0], work) != 1 else ""
        )
        reason = (
            f"judging by {jobs}: {_seconds(seconds)} for each of the {work.noun}{scaled}, and "
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
            "larger ones would gain nothing": MOST[work.kind],
        }
        least = math.ceil(WORTH / pace.seconds) if pace.known else SMALL[work.kind]
        lower = {"smaller ones are not worth a shard": min(least, work.count)}
        if work.encoded:
            enough = max(SHORTEST, min(EFFICIENT, math.floor(PROMPT / pace.seconds)))
            lower["shorter segments encode poorly"] = enough
            if self.sequential:
                lower["frames build on the ones before"] = SEQUENCE
        if costly <= SHARE * spread:
            why = f"a shard's start and end should cost no more than {SHARE:.0%} of its work"
            lower[why] = min(math.ceil(costly / SHARE), math.floor(spread))
        else:
            why = f"a shard's start and end cost {costly / spread:.0%} of its work even then"
            lower[why] = math.floor(spread)
        most = {why: max(1, math.floor(bound)) for why, bound in upper.items()}
        floor = max(1, *lower.values())
        shards = _shards(work.count, floor, min(most.values()))
        if self.workers < shards < SPREAD * self.workers:
            # Else the last ones would keep some of the workers busy and the others not.
            shards -= shards % self.workers
        size = math.ceil(work.count / shards)
        if math.ceil(work.count / size) < shards and not work.encoded:
            # With few items, rounding makes a difference: one shard more is better than too few.
            size = work.count // shards
        shards = math.ceil(work.count / size)
        verdict = f"so {_plural(shards, 'shard')} of about {size:,} {work.noun}"
        if floor > min(most.values()):
            verdict += ", since the largest lower limit decides"
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
"""For when nothing is known about workers, as for sources that are planned on their own."""


def _shards(count: int, floor: int, ceiling: int) -> int:
    """Return how many even shards stay within the bounds; the lower one wins."""
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
