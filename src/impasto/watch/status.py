"""How rules stand, from listings of their records: as many for ten tickets as for thousands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from impasto.schema.base import Frozen
from impasto.schema.watch import Ended, RuleNews
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY
from impasto.watch.folder import Kind, RuleFolder, rules
from impasto.watch.signs import claimed, known_watchers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from impasto.schema.watch import End, Watcher
    from impasto.storage.store import Store

SHOWN = 5
"""Failed tickets of a rule that are shown unless all are asked for, and as many of its poison."""
GONE = 60.0
"""Seconds without a sign of life after which a watcher is not shown; clocks may differ."""


class Troubled(Frozen):
    """A ticket that failed, or something that can never become a job.

    Attributes:
        rule: the rule's name.
        at: when it ended, seconds since 1970.
        ended: how.
        name: the record's name.
    """

    rule: str
    at: float
    ended: Ended
    name: str


class RuleStatus(Frozen):
    """How a rule stands.

    Attributes:
        rule: its name.
        seen: tickets that it ever had, as far as they are still known.
        waiting: those that are open, and that nobody works on.
        running: those that a watcher works on.
        done: those whose output was made.
        failed: those that failed too often.
        superseded: those that another version of their object came before.
        poison: objects and messages that can never become a job.
        waits_since: when the oldest of those that wait was admitted, seconds since 1970; None if
            none waits.
        runs_since: when the oldest of those that run was begun.
        done_at: when the last job was done.
        news: what watchers last saw of the rule; None if none runs it.
        troubles: what failed and what is poison, the newest first; not all unless asked for.
    """

    rule: str
    seen: int = 0
    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    superseded: int = 0
    poison: int = 0
    waits_since: float | None = None
    runs_since: float | None = None
    done_at: float | None = None
    news: RuleNews | None = None
    troubles: tuple[Troubled, ...] = ()

    def reasons(self) -> list[str]:
        """Say what keeps tickets waiting, and what is wrong around the inbox, one line each."""
        if not self.news:
            return []
        found = [self.news.limited] if self.news.limited and self.waiting else []
        if many := self.news.unannounced:
            objects = f"{many:,} object{'s' if many != 1 else ''}"
            found.append(f"{objects} came without a message in the queue; check what fills it")
        if many := self.news.dropped:
            messages = f"{many:,} message{'s' if many != 1 else ''}"
            found.append(f"{messages} could not be read, and were only counted")
        if self.news.error:
            found.append(f"the inbox cannot be listed: {self.news.error}")
        return found


def watchers(home: Store) -> dict[str, Watcher]:
    """Return the watchers that run now, as far as this machine's clock can tell, by id."""
    known = known_watchers(home).items()
    return {each: it for each, (it, changed) in known if time.time() - changed < GONE}


def statuses(
    home: Store, names: Iterable[str], alive: Mapping[str, Watcher], *, every: bool = False
) -> list[RuleStatus]:
    """Find out how rules stand.

    Args:
        home: the control store.
        names: the rules of the configuration.
        alive: the watchers that run now, by id.
        every: whether to name all that failed, not only the newest.

    Returns:
        These rules in their order, then others that have records.

    Raises:
        Unavailable: the store does not answer.
    """
    known = [*dict.fromkeys([*names, *rules(home)])]
    running = claimed(home, alive.keys())
    news = [each.rules for each in alive.values()]
    return [
        _status(home, rule, running, [it[rule] for it in news if rule in it], every=every)
        for rule in known
    ]


def _status(
    home: Store, rule: str, claims: dict[str, float], news: list[RuleNews], *, every: bool
) -> RuleStatus:
    folder = RuleFolder(home, rule)
    waiting = {name: stat.modified for name, stat in folder.names("open")}
    running = {
        name: since for name in waiting if (since := claims.get(f"{rule}/{name}")) is not None
    }
    idle = [since for name, since in waiting.items() if name not in running]
    done = [stat.modified for _, stat in folder.names("done")]
    troubled: dict[End, dict[str, float]] = {
        end: {name: stat.modified for name, stat in folder.names(end)}
        for end in ("failed", "poison")
    }
    return RuleStatus(
        rule=rule,
        seen=_count(folder, "seen"),
        waiting=len(idle),
        running=len(running),
        done=len(done),
        failed=len(troubled["failed"]),
        superseded=_count(folder, "superseded"),
        poison=len(troubled["poison"]),
        waits_since=min(idle, default=None),
        runs_since=min(running.values(), default=None),
        done_at=max(done, default=None),
        news=_together(news),
        troubles=_troubles(folder, rule, troubled, None if every else SHOWN),
    )


def _count(folder: RuleFolder, kind: Kind) -> int:
    return sum(1 for _ in folder.names(kind))


def _troubles(
    folder: RuleFolder, rule: str, troubled: dict[End, dict[str, float]], most: int | None
) -> tuple[Troubled, ...]:
    """Read the newest records of what failed."""
    newest: list[tuple[float, End, str]] = []
    for end, names in troubled.items():
        newest += sorted(((at, end, name) for name, at in names.items()), reverse=True)[:most]
    newest.sort(reverse=True)
    records = in_order(lambda each: folder.load(each[1], each[2], Ended), newest, MANY)
    return tuple(
        Troubled(rule=rule, at=at, ended=ended or Ended(state=end, error="damaged"), name=name)
        for (at, end, name), ended in zip(newest, records, strict=True)
    )


def _together(news: list[RuleNews]) -> RuleNews | None:
    """Return what several watchers see of the same inbox: the larger number, and any error."""
    if not news:
        return None
    numbers = {
        name: max(getattr(each, name) for each in news)
        for name in RuleNews.model_fields
        if name not in {"error", "limited"}
    }
    error, limited = (max(getattr(each, name) for each in news) for name in ("error", "limited"))
    return RuleNews(error=error, limited=limited, **numbers)
