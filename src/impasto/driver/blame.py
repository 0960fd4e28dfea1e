"""Blame for items that end workers: pure, from the records of failed attempts at one shard.

A worker that dies, or is stopped, takes with it what it was scoring. Those items are suspects: the
next attempt scores each of them alone. One that takes too long alone is set aside at once; one
that was alone when a worker died may have been unlucky, and is set aside the second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from impasto.schema.outcome import Attempt, Done, Failed, ItemError
from impasto.schema.plan import Shard

DEATHS = 2
"""Number of workers that die of an item before it is set aside."""
PATIENCE = 5
"""Items of a shard that may end workers before the scorer itself is blamed."""
ATTEMPTS = 3
"""Failures for other reasons after which one run gives up on a shard."""


def next_attempt(
    shard: Shard, now: Sequence[Failed], before: Sequence[Failed], base: Done | None
) -> Attempt:
    """Plan the next attempt at a shard.

    Args:
        shard: the shard.
        now: its failed attempts in this run, oldest first.
        before: those of earlier runs, which make items suspects but set none aside.
        base: its done record, if only the items that it set aside are to be scored.
    """
    aside = set_aside(now)
    known = {error.item for error in aside}
    suspects = {item for failed in (*before, *now) for item in failed.items} - known
    return Attempt(shard=shard, suspects=tuple(sorted(suspects)), aside=aside, base=base)


def set_aside(failures: Sequence[Failed]) -> tuple[ItemError, ...]:
    """Return the items that these failed attempts show to end workers."""
    alone: Counter[int] = Counter()
    found: dict[int, ItemError] = {}
    for failed in failures:
        if len(failed.items) == 1:
            item = failed.items[0]
            alone[item] += 1
            if failed.kind == "timeout" or alone[item] == DEATHS:
                found[item] = ItemError(item=item, error=failed.error, traceback=failed.traceback)
    return tuple(found[item] for item in sorted(found))


def exhausted(failures: Sequence[Failed], allowed: float) -> bool:
    """Return whether a run should give up on a shard.

    Args:
        failures: its failed attempts in this run.
        allowed: how many items may be set aside.
    """
    if any(failed.kind == "bad_input" for failed in failures):
        return True
    if sum(not failed.items for failed in failures) >= ATTEMPTS:
        return True
    return len(set_aside(failures)) > max(PATIENCE, allowed)
