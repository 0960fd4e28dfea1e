"""The state of a plan's shards: done by this run or an earlier one, failed, or still to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from impasto.driver import blame, tolerance
from impasto.jobs.keys import done_key
from impasto.jobs.listing import whole
from impasto.schema.outcome import ItemError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from impasto.jobs.job import Job
    from impasto.jobs.listing import Listing
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Attempt, Done, Failed
    from impasto.schema.plan import Plan, Shard


class Ledger:
    """The state of a plan's shards.

    Attributes:
        plan: the plan.
        total: items of the plan.
        resumed: items that earlier runs left done.
        scored: items that this run has scored, of its done shards.
        bases: done records of which only the failed items are tried again, by shard.
        tally: sums over the done records.
        passed_over: keys of done records that were not believed.
    """

    def __init__(
        self,
        spec: JobSpec,
        plan: Plan,
        done: Iterable[Done] = (),
        bases: Mapping[int, Done] | None = None,
        failed: Iterable[Failed] = (),
        attempts: Mapping[int, int] | None = None,
        passed_over: Sequence[str] = (),
        tried: Mapping[int, tuple[ItemError, ...]] | None = None,
        wanted: Container[int] | None = None,
    ) -> None:
        """Start with what earlier runs left.

        Args:
            spec: the job's spec.
            plan: its plan.
            done: the done records that are valid.
            bases: done records of which only the failed items are tried again, by shard.
            failed: the records of failed attempts.
            attempts: how many failed attempts there are by shard, damaged records included.
            passed_over: keys of done records that were not believed.
            tried: the items that failed in earlier runs and are tried again, by shard.
            wanted: the shards that this run may try; None is all.
        """
        self.plan = plan
        self.passed_over = passed_over
        self.total = plan.count
        self.bases = dict(bases or {})
        self.tally = tolerance.Tally()
        self._shards = {shard.index: shard for shard in plan.shards}
        self._survived = False
        self._allowed = tolerance.allowed(spec, self.total)
        self._done: dict[int, Done] = {}
        self.scored = 0
        for record in done:
            self.finish(record)
        self.resumed, self.scored = self.tally.items, 0
        self._earlier: dict[int, list[Failed]] = {}
        for attempt in failed:
            self._earlier.setdefault(attempt.shard, []).append(attempt)
        self._failures: dict[int, list[Failed]] = {}
        self._attempts = Counter(attempts)
        self._tried = dict(tried or {})
        self._wanted = wanted

    @property
    def done(self) -> int:
        """How many shards are done."""
        return len(self._done)

    @property
    def complete(self) -> bool:
        """Whether every shard is done."""
        return self.done == len(self.plan.shards)

    @property
    def left(self) -> list[Shard]:
        """The shards that are not done and may be tried again."""
        return [
            shard
            for shard in self.plan.shards
            if shard.index not in self._done
            and self._may_try(shard)
            and not blame.exhausted(self._failures.get(shard.index, ()), self._allowed)
        ]

    @property
    def open_items(self) -> int:
        """How many items are in shards that this run leaves as they are."""
        open_ = (each for each in self.plan.shards if each.index not in self._done)
        return sum(len(shard) for shard in open_ if not self._may_try(shard))

    @property
    def exhausted(self) -> bool:
        """Whether a shard that this run has tried will not be done."""
        return any(n not in self._done for n in self._failures)

    @property
    def records(self) -> list[Done]:
        """The done records in the order of their shards."""
        return [self._done[each.index] for each in self.plan.shards if each.index in self._done]

    @property
    def scored_whole(self) -> list[Done]:
        """The done records of shards whose items were all scored in one attempt."""
        return [record for record in self.records if record.shard not in self.bases]

    @property
    def failed_items(self) -> Iterator[tuple[Shard, ItemError]]:
        """The items that failed, with their shards; of a shard that failed as a whole, all."""
        for shard in self.plan.shards:
            record, why = self._done.get(shard.index), self._last_of(shard)
            if record:
                yield from ((shard, error) for error in record.failed)
            elif why:
                attempts = self._attempts[shard.index]
                for item in range(shard.start, shard.stop):
                    yield shard, ItemError(item=item, error=why.error, attempts=attempts)

    @property
    def last_failure(self) -> Failed:
        """The last failed attempt at the shard that failed first in this run."""
        return next(iter(self._failures.values()))[-1]

    @property
    def plain_failures(self) -> int:
        """The most failures of one shard in this run that were no item's fault."""
        counts = (sum(not it.items for it in each) for each in self._failures.values())
        return max(counts, default=0)

    @property
    def hopeless(self) -> bool:
        """Whether workers have died over every item that they began in this run."""
        return not self._survived and blame.hopeless(self._failures.values(), self.total)

    def own(self, shard: int, items: int) -> int:
        """Return how many of a shard's items this run has scored, of those that are written."""
        base = self.bases.get(shard)
        return min(items, len(base.failed)) if base else items

    def written(self, shard: int, items: int) -> None:
        """Note how many items of a running attempt are written, those set aside included."""
        aside = len(blame.set_aside(self._failures.get(shard, ())))
        self._survived = self._survived or items > aside

    def finish(self, record: Done) -> None:
        """Add a done record."""
        self._survived = self._survived or record.items > len(record.failed)
        self._done[record.shard] = record
        self.tally.add(record)
        self.scored += self.own(record.shard, record.items)

    def fail(self, record: Failed) -> int:
        """Add a failed attempt; returns its number among all attempts at the shard, from 1."""
        failures = self._failures.setdefault(record.shard, [])
        failures.append(record)
        shard, base = self._shards[record.shard], self.bases.get(record.shard)
        self._survived = self._survived or blame.survived(shard, failures, base)
        self._attempts[record.shard] += 1
        return self._attempts[record.shard]

    def _may_try(self, shard: Shard) -> bool:
        return self._wanted is None or shard.index in self._wanted

    def _last_of(self, shard: Shard) -> Failed | None:
        """Return the last failed attempt at a shard, also of earlier runs, or None."""
        known = self._failures.get(shard.index) or self._earlier.get(shard.index)
        return known[-1] if known else None

    def attempts(self) -> list[Attempt]:
        """Plan the next attempt at each shard that is left."""
        return [
            blame.next_attempt(
                shard,
                self._failures.get(shard.index, ()),
                self._earlier.get(shard.index, ()),
                self.bases.get(shard.index),
                self._tried.get(shard.index, ()),
            )
            for shard in self.left
        ]


def open_ledger(job: Job, spec: JobSpec, plan: Plan, *, retry: bool) -> Ledger:
    """Read what earlier runs of a job left, and drop what is not valid.

    Records that are torn, do not fit the plan, or whose segments are incomplete are dropped. Failed
    items are tried again if there are more of them than the user allows, or on request: the cause
    of their failure may be gone. In a shard of records, images or arrays, only those
    items are scored, on the base of the old record, which is kept until a new one is written.

    Args:
        job: the job.
        spec: its spec.
        plan: its plan.
        retry: whether to try what failed and nothing else.
    """
    listing = job.listing()
    records = job.done(listing, plan)
    strange = set(listing.done) - records.keys()
    again_asked = retry or bool(tolerance.excess(spec, plan, [*records.values()]))
    again = {n for n, record in records.items() if record.failed and again_asked}
    # Listed after the records were read, since a segment is always older than its record.
    listing = job.listing() if records else listing
    torn = {n for n, record in records.items() if not whole(record, listing)}
    bases: dict[int, Done] = {}
    if plan.output in {"records", "folder", "arrays"}:
        bases = _keep_bases(job, plan, [records[n] for n in again - torn], listing)
    job.drop(again | torn | strange)
    done = [record for n, record in records.items() if n not in again | torn]
    # Earlier failures matter only to shards that are tried again.
    failed = job.failed(listing, plan) if len(done) < len(plan.shards) else []
    passed_over = [done_key(n) for n in sorted(torn | strange)]
    tried = {n: record.failed for n, record in bases.items()}
    tried |= {n: records[n].failed for n in again}
    wanted = again | bases.keys() | {each.shard for each in failed} if retry else None
    return Ledger(spec, plan, done, bases, failed, listing.attempts, passed_over, tried, wanted)


def _keep_bases(job: Job, plan: Plan, records: list[Done], listing: Listing) -> dict[int, Done]:
    """Keep these records as bases; returns all bases whose segments are whole, by shard."""
    for record in records:
        job.keep_base(record)
    bases = job.bases(job.listing() if records else listing, plan)
    return {n: base for n, base in bases.items() if whole(base, listing)}
