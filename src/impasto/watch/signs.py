"""What watchers have written of themselves, read by anybody: heartbeats and claims."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.jobs.presence import has_ended as process_has_ended
from impasto.schema.watch import Claim, Watcher
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY
from impasto.watch.folder import CLAIMS, WATCHERS, load

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from impasto.storage.store import Stat, Store

_WATCHER = re.compile(rf"{WATCHERS}([0-9a-f]{{12}})\.json")
_CLAIM = re.compile(rf"{CLAIMS}([0-9a-z_-]+/[0-9a-f-]+)-(\d{{1,9}})\.json")


def known_watchers(home: Store) -> dict[str, tuple[Watcher, float]]:
    """Read the objects of watchers, by id, each with when it changed last, in seconds since 1970.

    Those of processes that are known to have ended are left out.
    """
    listed = ids(home)
    found = in_order(lambda stat: load(home, stat.key, Watcher), listed.values(), MANY)
    pairs = zip(listed.items(), found, strict=True)
    return {
        each: (known, stat.modified)
        for (each, stat), known in pairs
        if known and not has_ended(known)
    }


def claimed(home: Store, watchers: Collection[str]) -> dict[str, float]:
    """List what some watchers have claimed, and since when, in seconds since 1970, by subject."""
    found = generations(home.list_ours(CLAIMS))
    last = {subject: each[max(each)] for subject, each in found.items()}
    owners = in_order(lambda stat: load(home, stat.key, Claim), last.values(), MANY)
    return {
        subject: stat.modified
        for (subject, stat), claim in zip(last.items(), owners, strict=True)
        if claim and claim.watcher in watchers
    }


def left_over(home: Store, alive: Collection[str]) -> list[Stat]:
    """List the objects of watchers that are not alive, and the claims that no watcher holds."""
    watchers = [stat for each, stat in ids(home).items() if each not in alive]
    held = claimed(home, alive)
    claims = _claims(home.list_ours(CLAIMS))
    return watchers + [stat for subject, _, stat in claims if subject not in held]


def ids(home: Store) -> dict[str, Stat]:
    """List the objects of watchers, by id."""
    found = ((_WATCHER.fullmatch(stat.key), stat) for stat in home.list_ours(WATCHERS))
    return {match[1]: stat for match, stat in found if match}


def generations(stats: list[Stat]) -> dict[str, dict[int, Stat]]:
    """Return the claims of each subject, by generation."""
    found: dict[str, dict[int, Stat]] = {}
    for subject, generation, stat in _claims(stats):
        found.setdefault(subject, {})[generation] = stat
    return found


def _claims(stats: list[Stat]) -> Iterator[tuple[str, int, Stat]]:
    for stat in stats:
        if match := _CLAIM.fullmatch(stat.key):
            yield match[1], int(match[2]), stat


def has_ended(known: Watcher) -> bool:
    """Return whether a watcher was a process that this one could see, and is no more."""
    return known.space == space() and process_has_ended(known.host, known.pid)


@cache
def space() -> str:
    """Return what tells apart machines, their starts, and containers: where process ids count."""
    known = []
    with suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(known)
