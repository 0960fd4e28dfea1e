"""What is looked up for all callers together, and kept for some seconds."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from impasto.driver.handover import connect
from impasto.engines.ray.environment import DASHBOARD
from impasto.errors import BadInput, ImpastoError, Unavailable
from impasto.machine import cuda_devices
from impasto.server.models.machines import ClusterView, Machine
from impasto.watch import status
from impasto.watch.rules import load_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.engines.ray.status import Facts
    from impasto.schema.watch import Watcher
    from impasto.server.board.board import Board
    from impasto.settings import Settings
    from impasto.storage.store import Store
    from impasto.storage.stores import Stores
    from impasto.watch.rule import Rule
    from impasto.watch.status import RuleStatus

Value = TypeVar("Value")

FRESH = 5.0
"""Seconds for which the rules, their status and a cluster's state are kept."""
SELDOM, STALE = 10.0, 300.0
"""Seconds after which a peek has it looked up again, and after which it returns nothing older."""
PATIENCE = 8.0
"""Seconds that a caller waits for a cluster, which is asked in the background."""


class Kept(Generic[Value]):
    """A value that is looked up again only when it is too old, by one caller at a time."""

    def __init__(self, look: Callable[[], Value], seconds: float = FRESH) -> None:
        """Keep what looks it up; what that raises reaches the caller, and nothing is kept.

        Args:
            look: looks it up.
            seconds: how long it is kept.
        """
        self._look, self._seconds = look, seconds
        self._known: tuple[float, Value] | None = None
        self._lock = threading.Lock()

    def get(self) -> Value:
        """Return the value; an old one while another caller looks it up again."""
        known = self._known
        if not self._lock.acquire(blocking=known is None) and known is not None:
            return known[1]
        try:
            if self._known is None or time.monotonic() - self._known[0] > self._seconds:
                value = self._look()
                self._known = time.monotonic(), value
            return self._known[1]
        finally:
            self._lock.release()

    def peek(self) -> Value | None:
        """Return the value as it is known, and have it looked up if it is old; never waits."""
        known = self._known
        age = time.monotonic() - known[0] if known else STALE
        if age > SELDOM and not self._lock.locked():
            threading.Thread(target=self._look_up, name="look", daemon=True).start()
        return known[1] if known and age < STALE else None

    def _look_up(self) -> None:
        with suppress(ImpastoError):
            self.get()

    def forget(self) -> None:
        """Look it up again for the next caller."""
        with self._lock:
            self._known = None


class KnownRules(NamedTuple):
    """The rules of the config file.

    Attributes:
        rules: the rules; none if they are wrong.
        error: what is wrong, or "".
    """

    rules: tuple[Rule, ...]
    error: str = ""


class Standings(NamedTuple):
    """How all rules stand.

    Attributes:
        rules: those of the config file, then others that have records.
        watchers: the watchers that run now.
    """

    rules: list[RuleStatus]
    watchers: list[Watcher]


@dataclass(frozen=True)
class Looks:
    """What is looked up for all callers together.

    Attributes:
        rules: the rules.
        standings: how they stand.
        cluster: where jobs are scored.
    """

    rules: Kept[KnownRules]
    standings: Kept[Standings]
    cluster: Kept[ClusterView]


def looks(
    settings: Settings, config: str | None, stores: Stores, home: Store, board: Board
) -> Looks:
    """Return what looks things up; nothing is looked up yet."""
    rules = Kept(lambda: _rules(settings, config, stores))

    def standings() -> Standings:
        alive = status.watchers(home)
        names = [rule.name for rule in rules.get().rules]
        return Standings(status.statuses(home, names, alive), [*alive.values()])

    def cluster() -> ClusterView:
        if settings.engine == "ray" and settings.address:
            return cluster_view(settings)
        return machine_view(settings, board)

    return Looks(rules, Kept(standings), Kept(cluster))


def _rules(settings: Settings, config: str | None, stores: Stores) -> KnownRules:
    try:
        return KnownRules(load_rules(config, settings, stores)[1])
    except (BadInput, Unavailable) as error:
        return KnownRules((), error.fact)


def machine_view(settings: Settings, board: Board) -> ClusterView:
    """Describe this machine, and the workers of all jobs, as their drivers tell."""
    name, cpus = os.uname().nodename, len(os.sched_getaffinity(0))
    return ClusterView(
        engine=settings.engine,
        machines=[Machine(name=name, cpus=cpus, gpus=cuda_devices())],
        workers=sum(row.workers for row in board.now().rows),
    )


def cluster_view(settings: Settings) -> ClusterView:
    """Describe the cluster whose address the settings name."""
    address = str(settings.address)
    url = address if address.startswith("http") else DASHBOARD
    found: list[Facts | ImpastoError] = []

    def ask() -> None:
        try:
            found.append(connect(settings.model_copy(update={"address": url})).facts())
        except ImpastoError as error:
            found.append(error)

    asking = threading.Thread(target=ask, name="cluster", daemon=True)
    asking.start()
    asking.join(PATIENCE)
    if not found:
        return ClusterView(engine="ray", error=f"cluster {url}: does not answer")
    facts = found[0]
    if isinstance(facts, ImpastoError):
        return ClusterView(engine="ray", error=facts.fact)
    return ClusterView(
        engine="ray",
        machines=[
            Machine(
                name=node.name,
                cpus=node.has.cpus,
                gpus=node.has.gpus,
                cpus_used=node.taken.cpus,
                gpus_used=node.taken.gpus,
                head=node.head,
            )
            for node in facts.nodes
        ],
        starting=facts.starting,
        workers=facts.running,
        waiting=sum(facts.waiting.values()),
        waits_for=facts.waits(),
        problems=list(facts.failures),
    )
