"""Blame for items that end workers: pure, from the records of failed attempts at one shard.

A worker that dies, or is stopped, takes with it what it was scoring. Those items are suspects: the
next attempt scores each of them alone. One that takes too long alone is set aside at once; one
that was alone when a worker died may have been unlucky, and is set aside the second time. When no
item leaves its worker alive, it is not the items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from impasto.schema.outcome import Attempt, Done, Failed, ItemError
from impasto.schema.plan import Shard

DEATHS = 2
"""Number of workers that die of an item before it is set aside."""
PATIENCE = 5
"""Items of a shard that may end workers before the scorer itself is blamed."""
HOPELESS = 3
"""Items, or shards, that end workers while nothing is scored, after which a run ends."""
ATTEMPTS = 3
"""Failures for other reasons after which one run gives up on a shard."""


def next_attempt(
    shard: Shard,
    now: Sequence[Failed],
    before: Sequence[Failed],
    base: Done | None,
    tried: tuple[ItemError, ...] = (),
) -> Attempt:
    """Plan the next attempt at a shard.

    Args:
        shard: the shard.
        now: its failed attempts in this run, oldest first.
        before: those of earlier runs, which make items suspects but set none aside.
        base: its done record, if only its failed items are to be scored.
        tried: the items that failed in earlier runs and are tried again.
    """
    aside = set_aside(now)
    known = {error.item for error in aside}
    suspects = {item for failed in (*before, *now) for item in failed.items} - known
    suspected = tuple(sorted(suspects))
    return Attempt(shard=shard, suspects=suspected, aside=aside, base=base, tried=tried)


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


def survived(shard: Shard, failures: Sequence[Failed], base: Done | None) -> bool:
    """Return whether these attempts show that a worker has scored an item and lived on.

    Items are begun in order, so whatever comes before those that a worker died over was scored,
    unless it was set aside.

    Args:
        shard: the shard.
        failures: its failed attempts in this run.
        base: as for `next_attempt`; the items that it did not set aside were scored earlier.
    """
    if base is not None:
        return True
    doubtful = {item for failed in failures for item in failed.items}
    before = (range(shard.start, min(failed.items)) for failed in failures if failed.items)
    return any(item not in doubtful for items in before for item in items)


def hopeless(failures: Iterable[Sequence[Failed]], total: int) -> bool:
    """Return whether a scorer, of which no worker has survived an item, ends them all.

    Args:
        failures: the failed attempts in this run, by shard.
        total: how many items the job has.
    """
    items = shards = 0
    for each in failures:
        items += len(set_aside(each))
        dead = sum(failed.kind == "died" and not failed.items for failed in each)
        shards += dead >= ATTEMPTS
    return items < total and items + shards >= HOPELESS
