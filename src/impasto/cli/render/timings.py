"""How long a job took: its passes, its slowest shards, and how the times of its items spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.cli.render import moments
from impasto.cli.render.text import console, say
from impasto.cli.render.wording import worded
from impasto.jobs.timings import Spread
from impasto.schema.words import clock, counted, plain, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from impasto.jobs.timings import ItemTiming, PassTiming, ShardTiming

SHOWN = 10
"""Shards that are shown, the slowest ones."""
PERCENTILES = (50, 90, 99, 100)


def passes(found: Iterable[PassTiming]) -> None:
    """Print when drivers began and ended."""
    for each in found:
        took = clock(each.seconds) if each.seconds is not None else "not ended"
        end = f", {worded(plain(each.end))}" if each.end else ""
        line = f"{moments.stamp(each.started)}  {took}, {counted(each.items, 'items')}{end}"
        say(shortened(line, console(stderr=False).width))


def shards(found: Sequence[ShardTiming]) -> None:
    """Print the slowest shards."""
    if not found:
        return
    say("")
    say(f"{'shard':>8} {'items':>8} {'time':>9} {'read':>9} {'score':>9} {'write':>9}  worker")
    room = max(10, console(stderr=False).width - 61)
    for each in sorted(found, key=lambda shard: -shard.seconds)[:SHOWN]:
        times = (each.seconds, each.read, each.score, each.write)
        columns = " ".join(f"{clock(seconds):>9}" for seconds in times)
        say(f"{each.shard:>8} {each.items:>8,} {columns}  {shortened(each.worker, room)}")
    if len(found) > SHOWN:
        say(f"the slowest of {len(found):,} shards; --of shards -o FILE writes all")


def items(found: Iterable[ItemTiming]) -> None:
    """Print how the times of items spread, and the slowest items."""
    spread = Spread()
    for each in found:
        spread.add(each)
    if not spread.count:
        return
    say("")
    shares = (f"{spread.percentile(each):,.1f} ms for {each}%" for each in PERCENTILES)
    say(f"{counted(spread.count, 'items')}, each scored in at most: {', '.join(shares)}")
    for each in spread.slowest:
        where = f"shard {each.shard}" + (f", {each.worker}" if each.worker else "")
        say(f"  {each.score_ms:>10,.1f} ms  {shortened(plain(each.name), 40)}, {plain(where)}")
