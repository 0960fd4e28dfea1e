"""Limits of failure, past which a job is incomplete: pure, from its spec and done records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from impasto.schema.job import JobSpec
from impasto.schema.outcome import Done
from impasto.schema.plan import Plan

NAMED = 100
"""Maximum number of items set aside that a result or an error names."""


def allowed(spec: JobSpec, total: int) -> float:
    """Return how many of a job's ``total`` items may be set aside."""
    if spec.max_failed_percent is not None:
        return total * spec.max_failed_percent // 100
    return math.inf if spec.max_failed < 0 else spec.max_failed


Reason: TypeAlias = tuple[str, str]
"""Why a job ends: the fact, and the remedy."""


@dataclass(frozen=True, slots=True)
class Excess:
    """More failed items than the user allows.

    Attributes:
        failed: how many.
        first: the names of the first hundred, and why they failed.
        accepts: the setting that would accept them.
    """

    failed: int
    first: tuple[str, ...]
    accepts: str


@dataclass(slots=True)
class Tally:
    """Sums over done records, updated as these arrive: jobs may have 100,000 of them.

    Attributes:
        shards: how many there are.
        items: items done.
        failed: items that they set aside.
        batches: mini-batches with such items.
    """

    shards: int = 0
    items: int = 0
    failed: int = 0
    batches: int = 0

    def add(self, record: Done) -> None:
        """Add a record."""
        self.shards += 1
        self.items += record.items
        self.failed += len(record.failed)
        self.batches += record.failed_batches


def abort_reason(spec: JobSpec, plan: Plan, tally: Tally, last: Done) -> Reason | None:
    """Return why the rest of a job would be a waste, or None.

    A user who allows no failure at all wants to know about each, so such a job runs to its end,
    unless the scorer fails with everything that it gets.

    Args:
        spec: the job's spec.
        plan: its plan.
        tally: its done records so far.
        last: the last of them.
    """
    if not last.failed:
        return None
    worst = last.failed[-1]
    most, unfinished = allowed(spec, plan.count), tally.shards < len(plan.shards)
    if len(last.failed) == last.items > most and last.items > (plan.count > 1):
        return (
            f"every item of shard {last.shard} failed: {last.failed[0].error}",
            "correct the scorer or the source; see `impasto show`",
        )
    if unfinished and 0 < most < tally.failed:
        return (
            f"more than {most:.0f} items failed; the last: {worst.name(plan.noun)}: {worst.error}",
            "see `impasto show`; with a larger `max_failed` the job continues",
        )
    if unfinished and 0 <= spec.max_failed_batches < tally.batches:
        return (
            f"more than {spec.max_failed_batches} mini-batches failed; the last item: "
            f"{worst.name(plan.noun)}: {worst.error}",
            "see `impasto show`; with a larger `max_failed_batches` the job continues",
        )
    return None


def excess(spec: JobSpec, plan: Plan, records: Sequence[Done]) -> Excess | None:
    """Return how much more failed than the user allows, or None if it is not more."""
    failed = [error for record in records for error in record.failed]
    batches = sum(record.failed_batches for record in records)
    if len(failed) > allowed(spec, plan.count):
        accepts = f"`max_failed={len(failed)}`"
    elif 0 <= spec.max_failed_batches < batches:
        accepts = f"`max_failed_batches={batches}`"
    else:
        return None
    first = tuple(f"{each.name(plan.noun)}: {each.error}" for each in failed[:NAMED])
    return Excess(len(failed), first, accepts)
