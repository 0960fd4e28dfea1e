"""The order in which tickets are driven: fair between rules, and between the senders of each.

Nobody waits behind the ten thousand clips of someone else: rules take turns, and so do the senders
within a rule. A sender's own objects go in the order in which they came.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.schema.watch import Ticket

HOUR = 3600.0
FIRST_WAIT, LONGEST_WAIT = 10.0, 600.0
"""Seconds before a ticket is driven again, after the first time and at most."""


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """A ticket that waits, or a job that nobody drives.

    Attributes:
        modified: last change of the object by the store's clock, seconds since 1970.
        key: the object, below the rule's inbox.
        name: the ticket's name, or the job's id.
        rule: the rule's name; "" for a job.
        sender: whose it is.
        recipe: digest of what is made of it: workers that have its model at hand are preferred.
        output: URL of the output.
        style: which of the jobs that each object gets; "" where there is only one.
    """

    modified: float
    key: str
    name: str
    rule: str = ""
    sender: str = ""
    recipe: str = ""
    output: str = ""
    style: str = ""

    @property
    def subject(self) -> str:
        """What is claimed by whoever drives it."""
        return f"{self.rule or '_jobs'}/{self.name}"

    @property
    def object(self) -> tuple[str, str]:
        """The object under its recipe; its versions are driven one after the other."""
        return self.rule, self.name.partition("-")[0]


def waiting_for(ticket: Ticket, style: str) -> Waiting:
    """Return a ticket as it waits.

    Args:
        ticket: the ticket.
        style: as in `Waiting`.
    """
    return Waiting(
        ticket.modified,
        ticket.key,
        ticket.name,
        ticket.rule,
        ticket.sender,
        ticket.recipe,
        ticket.spec.output,
        style,
    )


@dataclass(slots=True)
class _Rule:
    senders: dict[str, list[Waiting]] = field(default_factory=dict)
    turns: deque[str] = field(default_factory=deque)


class Dispatcher:
    """Holds what waits, and says what is driven next; no I/O."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begin empty.

        Args:
            now: a clock, in seconds.
        """
        self._now = now
        self._rules: dict[str, _Rule] = {}
        self._turns: deque[str] = deque()
        self._known: dict[str, Waiting] = {}
        self._later: list[tuple[float, Waiting]] = []
        self._waits: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, subject: str) -> bool:
        return subject in self._known

    def count(self, rule: str) -> int:
        """Return how many tickets of a rule wait or are driven."""
        return sum(each.rule == rule for each in self._known.values())

    def add(self, waiting: Waiting) -> None:
        """Add what waits, unless it is known."""
        if waiting.subject not in self._known:
            self._known[waiting.subject] = waiting
            self._queue(waiting)

    def forget(self, subject: str) -> None:
        """Forget what has ended."""
        self._waits.pop(subject, None)
        known = self._known.pop(subject, None)
        if known:
            self._unqueue(known)

    def forget_rules(self, names: AbstractSet[str]) -> None:
        """Forget the tickets of rules; they stay open in their records."""
        # All at once: one by one, ten thousand would take a minute.
        for subject, waiting in [*self._known.items()]:
            if waiting.rule in names:
                del self._known[subject]
                self._waits.pop(subject, None)
        for name in self._rules.keys() & names:
            self._rules[name] = _Rule()
        self._later = [each for each in self._later if each[1].rule not in names]
        heapq.heapify(self._later)

    def put_back(self, subject: str, *, wait: bool = True) -> None:
        """Queue again what was taken, after a wait that doubles each time."""
        waiting = self._known.get(subject)
        if waiting is None:
            return
        if not wait:
            self._queue(waiting)
            return
        seconds = self._waits.get(subject, FIRST_WAIT / 2) * 2
        self._waits[subject] = seconds = min(seconds, LONGEST_WAIT)
        heapq.heappush(self._later, (self._now() + seconds, waiting))

    @property
    def outputs(self) -> set[str]:
        """The outputs of all that is known."""
        return {each.output for each in self._known.values()}

    def ready(self, running: Collection[Waiting]) -> bool:
        """Return whether something waits for nothing but its turn."""
        return len(self._known) > len(self._later) + len(running)

    def take(
        self,
        running: Collection[Waiting],
        room: Callable[[str, int], bool],
        busy: AbstractSet[str],
    ) -> Waiting | None:
        """Take what is driven next, or None where nothing may be.

        Args:
            running: what is being driven.
            room: whether a rule with so many running jobs may have one more.
            busy: subjects that somebody drives.
        """
        self._ripen()
        counts = Counter(each.rule for each in running)
        objects = {each.object for each in running}
        for _ in range(len(self._turns)):
            name = self._turns[0]
            self._turns.rotate(-1)
            if not room(name, counts[name]):
                continue
            taken = self._take_of(self._rules[name], objects, busy)
            if taken:
                return taken
        return None

    def due(self) -> float | None:
        """Return in how many seconds something that was put back is due; None if nothing is."""
        return max(0.0, self._later[0][0] - self._now()) if self._later else None

    def _take_of(
        self,
        rule: _Rule,
        objects: Collection[tuple[str, str]],
        busy: AbstractSet[str],
    ) -> Waiting | None:
        for _ in range(len(rule.turns)):
            sender = rule.turns[0]
            rule.turns.rotate(-1)
            queue = rule.senders[sender]
            skipped = []
            taken = None
            while queue and taken is None:
                first = heapq.heappop(queue)
                if first.object in objects or first.subject in busy:
                    skipped.append(first)
                else:
                    taken = first
            for each in skipped:
                heapq.heappush(queue, each)
            if not queue:
                del rule.senders[sender]
                rule.turns.remove(sender)
            if taken:
                return taken
        return None

    def _ripen(self) -> None:
        now = self._now()
        while self._later and self._later[0][0] <= now:
            _, waiting = heapq.heappop(self._later)
            if self._known.get(waiting.subject) == waiting:
                self._queue(waiting)

    def _queue(self, waiting: Waiting) -> None:
        if waiting.rule not in self._rules:
            self._rules[waiting.rule] = _Rule()
            self._turns.append(waiting.rule)
        rule = self._rules[waiting.rule]
        if waiting.sender not in rule.senders:
            rule.senders[waiting.sender] = []
            rule.turns.append(waiting.sender)
        heapq.heappush(rule.senders[waiting.sender], waiting)

    def _unqueue(self, waiting: Waiting) -> None:
        queue = self._rules[waiting.rule].senders.get(waiting.sender, [])
        if waiting in queue:
            queue.remove(waiting)
            heapq.heapify(queue)
        self._later = [each for each in self._later if each[1] != waiting]
        heapq.heapify(self._later)


class HourlyLimit:
    """How many jobs a rule has begun in the last hour."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begin with none.

        Args:
            now: a clock, in seconds.
        """
        self._now = now
        self._begun: dict[str, deque[float]] = {}

    def seed(self, rule: str, ages: Iterable[float]) -> None:
        """Count anew the jobs of a rule, each by how many seconds ago it began."""
        now = self._now()
        self._begun[rule] = deque(sorted(now - age for age in ages))

    def begin(self, rule: str) -> None:
        """Count a job that begins now."""
        self._begun.setdefault(rule, deque()).append(self._now())

    def count(self, rule: str) -> int:
        """Return how many began in the last hour."""
        begun = self._begun.get(rule, deque())
        while begun and begun[0] < self._now() - HOUR:
            begun.popleft()
        return len(begun)
