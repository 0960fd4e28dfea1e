"""One rule at work: a thread that turns what is in its inbox into open tickets.

Listing is the truth, so a pass over the inbox happens at every interval. Messages and events only
make it quicker: what they name is looked at at once, and nothing that they say is believed.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from impasto.errors import ImpastoError
from impasto.schema.watch import RuleNews
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY
from impasto.watch.dispatch import Waiting, waiting_for
from impasto.watch.intake import Intake
from impasto.watch.news import News, OnNews, words
from impasto.watch.settling import Settling
from impasto.watch.unannounced import Unannounced
from impasto.watch.wakeups.base import Woken
from impasto.watch.wakeups.open import open_wakeup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from impasto.schema.watch import Ticket
    from impasto.storage.stores import Stores
    from impasto.watch.inbox import Inbox
    from impasto.watch.records import Records
    from impasto.watch.rule import Rule
    from impasto.watch.seen import Seen
    from impasto.watch.wakeups.base import Wakeup

FIRST_RETRY, LAST_RETRY = 1.0, 60.0
"""Seconds until an inbox is listed again that did not answer."""
TOGETHER = 200
"""Tickets that are admitted at once."""
SPARE = 10
"""One place of so many is kept for senders that have few tickets, so that no flood takes all."""
_WAKE = Woken(())
"""Makes the thread look up without looking at anything."""


class RuleWatch(threading.Thread):
    """Watches the inbox of one rule.

    Attributes:
        rule: the rule.
        limited: which limit keeps its tickets waiting, or "".
    """

    def __init__(
        self,
        rule: Rule,
        rules: Sequence[Rule],
        *,
        stores: Stores,
        inbox: Inbox,
        records: Records,
        offer: Callable[[Waiting], None],
        on_news: OnNews,
        once: bool = False,
    ) -> None:
        """Prepare; nothing is read before the thread starts.

        Args:
            rule: the rule.
            rules: all rules, whose outputs are never taken for new objects.
            stores: what may be opened.
            inbox: its inbox.
            records: what is known of its tickets.
            offer: called in this thread with each open ticket.
            on_news: called in this thread with what happens.
            once: whether to end after a pass, and after what was still being written has settled.
        """
        super().__init__(daemon=True, name=f"rule {rule.name}")
        self.rule, self.limited = rule, ""
        self._news = RuleNews()
        self._rules, self._stores, self._inbox, self._records = rules, stores, inbox, records
        self._offer, self._tell, self._once = offer, on_news, once
        self._settling = Settling(rule.settle)
        self._bell: queue.SimpleQueue[Woken] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._seen: Seen
        self._intake: Intake
        self._known: set[int] = set()
        self._open: dict[str, str] = {}
        self._gone: deque[str] = deque()
        several = len(rule.variants) > 1
        self._styles = {each.recipe: each.name for each in rule.variants if several}
        self._held = 0
        self._unannounced = Unannounced() if rule.queue else None
        self._away = ""

    def stop(self) -> None:
        """Ask the thread to end; it does so once the store answers."""
        self._stopped.set()
        self._bell.put(_WAKE)

    @property
    def news(self) -> RuleNews:
        """What it last saw."""
        return self._news.model_copy(update={"limited": self.limited})

    def ended(self, name: str, *, superseded: bool) -> None:
        """Make room for another ticket, since this one is not open any more."""
        self._open.pop(name, None)
        if superseded:
            self._gone.append(name)

    def run(self) -> None:
        """Watch until asked to stop."""
        wakeup = None if self._once else self._wakeup()
        try:
            if self._retried(self._load_seen) and self._retried(self._pass):
                if self._once:
                    self._await_settled()
                else:
                    self._loop()
        finally:
            if wakeup:
                wakeup.stop()

    def _loop(self) -> None:
        due = time.monotonic() + self.rule.interval
        while not self._stopped.is_set():
            woken = self._wait(due)
            now = time.monotonic()
            if woken.keys is None or now >= due:
                if not self._retried(self._pass):
                    return
                # A pass that takes long must not be all that happens.
                due = max(now + self.rule.interval, 2 * time.monotonic() - now)
            elif keys := {*woken.keys, *self._settling.due()}:
                try:
                    self._look(keys)
                except Exception:  # noqa: BLE001 (the listing tells what does not answer)
                    # One name that no store answers for must not keep the rule from its listings.
                    due = now

    def _wait(self, due: float) -> Woken:
        """Wait for a wake-up, for something to settle or for the next pass; joins wake-ups."""
        settles = self._settling.next()
        until = due if settles is None else min(due, settles)
        keys: set[str] = set()
        woken = self._rung(until)
        while woken is not None:
            if woken.keys is None:
                return woken
            keys |= set(woken.keys)
            woken = self._rung(0.0)
        return Woken(tuple(keys))

    def _rung(self, until: float) -> Woken | None:
        try:
            seconds = until - time.monotonic()
            return self._bell.get(timeout=seconds) if seconds > 0 else self._bell.get_nowait()
        except queue.Empty:
            return None

    def _await_settled(self) -> None:
        """Look once more at what was still being written; what still is waits for the next run."""
        if self._settling and not self._stopped.wait(self.rule.settle):
            self._retried(lambda: self._look(self._settling.due()))

    def _wakeup(self) -> Wakeup | None:
        try:
            found = open_wakeup(
                self.rule, self._inbox, self._stores, self._rung_by, self._note, self._reject
            )
        except ImpastoError as error:
            self._note(f"{error}; new objects are found at its interval only")
            return None
        if found:
            found.start()
        return found

    def _rung_by(self, woken: Woken) -> None:
        if self._unannounced and woken.keys:
            self._unannounced.named(woken.keys)
        self._bell.put(woken)

    def _reject(self, body: bytes, reason: str) -> None:
        if self._records.reject_message(self.rule.name, body, reason):
            self._note(f"a message of the queue is set aside: {reason}")

    def _note(self, text: str) -> None:
        self._tell(News(text, self.rule.name, warning=True))

    def _retried(self, work: Callable[[], None]) -> bool:
        """Do something until its stores answer; returns False if asked to stop meanwhile."""
        wait = FIRST_RETRY
        while not self._stopped.is_set():
            try:
                work()
            except Exception as error:  # noqa: BLE001 (nothing may end a rule)
                self._go_away(words(error))
            else:
                self._come_back()
                return True
            if self._once:
                return False
            self._stopped.wait(wait)
            wait = min(2 * wait, LAST_RETRY)
        return False

    def _go_away(self, error: str) -> None:
        if error != self._away:
            self._away = error
            self._note(error if self._once else f"{error}; waiting")
        self._news = self._news.model_copy(update={"error": error})

    def _come_back(self) -> None:
        if self._away:
            self._away = ""
            self._tell(News("the inbox answers again", self.rule.name))
            self._news = self._news.model_copy(update={"error": ""})

    def _load_seen(self) -> None:
        self._records.mend(self.rule.name)
        self._seen = self._records.seen(self.rule.name)
        self._intake = Intake(
            self.rule,
            self._rules,
            inbox=self._inbox,
            records=self._records,
            seen=self._seen,
            settling=self._settling,
            on_news=self._tell,
        )

    def _pass(self) -> None:
        """Look at everything in the inbox, and at every open ticket."""
        self._find_open()
        count, known = 0, set[int]()
        self._held = 0
        admitting: list[Ticket] = []
        for arrival in self._inbox.walk():
            if self._stopped.is_set():
                return
            count += 1
            mark = hash((arrival.key, arrival.version))
            if mark in self._known:
                known.add(mark)
                continue
            tickets = self._intake.consider(arrival)
            if tickets is None:
                continue
            if self._unannounced and tickets:
                self._unannounced.found(arrival.key)
            admitting += tickets
            if len(admitting) >= TOGETHER:
                self._admit(admitting)
                admitting = []
            if not self._is_held(tickets):
                known.add(mark)
        self._admit(admitting)
        self._known = known
        self._settling.listed()
        self._report(count)

    def _report(self, count: int) -> None:
        missed = 0
        if self._unannounced:
            new = self._unannounced.overdue()
            missed = self._unannounced.count
            if new:
                self._note(
                    f"{new:,} object{'s' if new > 1 else ''} came without a message in the queue; "
                    "check which events the store sends there"
                )
        self._news = RuleNews(
            objects=count,
            settling=len(self._settling),
            held=self._held,
            unannounced=missed,
            dropped=self._records.dropped(self.rule.name),
        )

    def _look(self, keys: Iterable[str]) -> None:
        """Look at some objects."""
        for key in keys:
            arrival = self._inbox.look(key)
            if arrival is None:
                self._settling.forget(key)
                continue
            tickets = self._intake.consider(arrival)
            if tickets is None:
                continue
            self._admit(tickets)
            if not self._is_held(tickets):
                self._known.add(hash((arrival.key, arrival.version)))
        self._news = self._news.model_copy(
            update={"settling": len(self._settling), "held": self._held}
        )

    def _is_held(self, tickets: Sequence[Ticket]) -> bool:
        return any(ticket.name not in self._seen for ticket in tickets)

    def _admit(self, tickets: Sequence[Ticket]) -> None:
        """Admit tickets, as many as may wait."""
        taken = self._placed(tickets)
        self._held += len(tickets) - len(taken)
        for ticket, new in zip(taken, self._records.admit_many(taken), strict=True):
            self._seen.add(ticket.name)
            if new:
                self._open_one(ticket)

    def _placed(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Return those tickets that may be open now; the last places are for senders with few."""
        placed: list[Ticket] = []
        most = self.rule.limits.max_waiting
        has = Counter([*self._open.values()])
        room, spare = most - has.total(), max(1, most // SPARE) if most > 1 else 0
        for ticket in tickets:
            few = has[ticket.sender] < max(1, most // (len(has) + 1))
            if room > (0 if few else spare):
                placed.append(ticket)
                has[ticket.sender] += 1
                room -= 1
        return placed

    def _find_open(self) -> None:
        """Offer the tickets that are open, whoever admitted them, and forget those that are not."""
        name = self.rule.name
        if self._gone or self._records.forgotten(name, self._seen):
            self._known = set()
        while self._gone:
            # If just that version of its object comes back, it is not gone.
            self._seen.discard(self._gone.popleft())
        there = self._records.open_tickets(name)
        for gone in [*self._open]:
            if gone not in there:
                self._open.pop(gone, None)
        new = [each for each in there if each not in self._open]
        for ticket in in_order(lambda each: self._records.ticket(name, each), new, MANY):
            if ticket:
                self._seen.add(ticket.name)
                self._open_one(ticket)

    def _open_one(self, ticket: Ticket) -> None:
        self._open[ticket.name] = ticket.sender
        self._offer(waiting_for(ticket, self._styles.get(ticket.recipe, "")))
