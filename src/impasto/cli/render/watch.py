"""How rules stand, on the terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from impasto.cli.render import moments
from impasto.cli.render.text import json_line, note, roughly, say
from impasto.cli.render.watch_news import without_name
from impasto.cli.render.wording import worded
from impasto.schema.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from impasto.schema.watch import Watcher
    from impasto.watch.status import RuleStatus, Troubled

COUNTS = ("seen", "waiting", "running", "done", "failed", "poison")
INDENT = "    "
EXCERPT = 40
"""Characters of a message that are shown."""


def statuses(found: Sequence[RuleStatus], alive: Sequence[Watcher], *, as_json: bool) -> None:
    """Print a table of rules, and what failed; or one JSON line per rule.

    Args:
        found: the rules.
        alive: the watchers that run now.
        as_json: whether to print for a program.
    """
    if as_json:
        for each in found:
            running = sum(each.rule in watcher.rules for watcher in alive)
            json_line({**each.model_dump(mode="json"), "watchers": running})
        return
    if not found:
        note("there are no rules in impasto.toml, and none has records")
        return
    width = max(4, *(len(each.rule) for each in found))
    now = time.time()
    say(f"{'rule':<{width}}{''.join(f'{name:>9}' for name in COUNTS)}")
    for each in found:
        say(f"{each.rule:<{width}}{''.join(f'{getattr(each, name):>9,}' for name in COUNTS)}")
        for line in _facts(each, now):
            say(f"{INDENT}{line}")
    for each in found:
        for trouble in each.troubles:
            say(_trouble(trouble, now))
        shown, all_of_it = len(each.troubles), each.failed + each.poison
        if shown < all_of_it:
            left = all_of_it - shown
            verb = "is" if left == 1 else "are"
            note(f"{each.rule}: {left:,} older {verb} left out; add -v to see all")
    for watcher in alive:
        say(plain(f"watcher: process {watcher.pid} on {watcher.host}"))
    if not alive:
        note("no watcher runs; `impasto watch` starts one")


def _facts(found: RuleStatus, now: float) -> Iterator[str]:
    """Yield what else there is to say about a rule, in lines."""
    ages = {
        "the oldest waits for {}": found.waits_since,
        "the longest runs for {}": found.runs_since,
        "the last was done {} ago": found.done_at,
    }
    said = [text.format(_age(at, now)) for text, at in ages.items() if at is not None]
    if said:
        yield ", ".join(said)
    if found.superseded:
        yield f"{found.superseded:,} replaced by another version before their job began"
    if not found.news:
        return
    counts = {
        "objects in the inbox": found.news.objects,
        "still being written": found.news.settling,
        "held by a limit": found.news.held,
    }
    said = [f"{count:,} {text}" for text, count in counts.items() if count]
    if said:
        yield ", ".join(said)
    for line in found.reasons():
        yield plain(worded(line))


def _trouble(found: Troubled, now: float) -> str:
    """Say what failed, and why, in one line."""
    ended = found.ended
    thing = ended.key or found.name
    job = f" (job {ended.job})" if ended.job else ""
    begins = f", and begins with {ended.excerpt[:EXCERPT]}" if ended.excerpt else ""
    when = f"{found.ended.state:<6}  {moments.short(found.at, now)}"
    error = without_name(worded(ended.error), ended.key)
    return plain(f"{when}  {found.rule}: {thing}{job}: {error}{begins}")


def _age(at: float, now: float) -> str:
    return roughly(max(0.0, now - at))
