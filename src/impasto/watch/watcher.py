"""The watcher: rules find tickets, a dispatcher orders them, driver processes run their jobs.

    rule threads -> open tickets -> dispatcher -> claim -> driver process -> outcome

Everything that must survive is in the control store; a watcher that dies leaves open tickets and
claims that grow stale, which another one takes over.
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from functools import partial
from multiprocessing.connection import wait
from typing import TYPE_CHECKING
from uuid import uuid4

from impasto.errors import ImpastoError, Incomplete, Unavailable
from impasto.storage.stores import Stores
from impasto.watch.bell import Bell
from impasto.watch.claims import Claims
from impasto.watch.dispatch import HOUR, Dispatcher, HourlyLimit, Waiting
from impasto.watch.drivers import Drivers
from impasto.watch.ends import Ends
from impasto.watch.errands import Errands
from impasto.watch.given import Given
from impasto.watch.inbox import Inbox
from impasto.watch.news import News
from impasto.watch.orders import Alive, Began, Order, Outcome, Remark
from impasto.watch.records import Records
from impasto.watch.rule_watch import RuleWatch
from impasto.watch.share import job_settings, jobs_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from impasto.watch.driver_process import DriverProcess
    from impasto.watch.rule import Rule

TURN = 1.0
"""Seconds between two turns of the loop in which nothing happens."""
MINUTE = 60.0


class Watcher:
    """Runs rules until it is asked to stop."""

    def __init__(self, given: Given, *, once: bool) -> None:
        """Prepare; raises BadInput if a rule is wrong.

        Args:
            given: what it works with.
            once: whether to end when nothing is left to do.
        """
        self._given, self._once, self._tell = given, once, given.on_news
        self._watch, self._rules = given.load()
        self._stores = Stores.of(given.settings)
        home = self._stores.open_home(given.settings.home)
        self._records = Records(home)
        self._claims = Claims(home, uuid4().hex[:12], 3 * self._watch.beat)
        self._dispatcher, self._hourly = Dispatcher(), HourlyLimit()
        self._ends = Ends(self._records, home, self._tell)
        self._errands = Errands(given, self._claims, self._records, self._offer)
        self._bell = Bell()
        self._inside: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._watches: dict[str, RuleWatch] = {}
        self._stop, self._at_once, self._reload = (threading.Event() for _ in range(3))
        self._counted: dict[str, float] = {}

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that it runs."""
        return self._rules

    @property
    def stopped(self) -> bool:
        """Whether it was asked to end."""
        return self._stop.is_set()

    @property
    def hurried(self) -> bool:
        """Whether it was asked to end at once."""
        return self._at_once.is_set()

    def stop(self) -> None:
        """Ask it to finish running shards and end; a second call ends it at once."""
        (self._at_once if self._stop.is_set() else self._stop).set()
        self._bell.ring()

    def look(self) -> None:
        """Ask it to look now for jobs that were left to watchers; may be called by any thread."""
        self._errands.look()

    def reload(self) -> None:
        """Ask it to read the rules again."""
        self._reload.set()
        self._bell.ring()

    def run(self) -> type[ImpastoError] | None:
        """Run until there is nothing left to do, or until asked to stop.

        Returns:
            What kind of error it met that somebody should see to: `Incomplete` if something failed,
            `Unavailable` if an inbox, or what a job needs, does not answer; None otherwise.

        Raises:
            Unavailable: the control store does not answer at the start.
        """
        self._claims.beat({})
        self._drivers = Drivers(self._jobs, self._watch.idle)
        try:
            self._start_rules(self._rules)
            with self._errands.running(self._watches, self._watch.beat):
                while not (self._stop.is_set() or (self._once and self._idle())):
                    self._turn()
                self._drain()
        finally:
            for each in self._watches.values():
                each.stop()
            self._drivers.stop()
            self._claims.leave()
            self._bell.close()
        if self._ends.failed:
            return Incomplete
        away = any(each.news.error for each in self._watches.values())
        return Unavailable if away or self._ends.waits else None

    @property
    def _jobs(self) -> int:
        return jobs_at_once(self._given.settings, self._watch)

    def _turn(self) -> None:
        """Wait for something to happen, and see to it."""
        if self._reload.is_set():
            self._reload.clear()
            self._read_again()
        self._start_jobs()
        due = self._dispatcher.due()
        self._wait(TURN if due is None else min(TURN, due))

    def _wait(self, seconds: float) -> None:
        """Wait for a bell or a driver process, and see to what happened."""
        self._given.on_turn()
        ready = wait([self._bell.fileno(), *self._drivers.conns], seconds)
        self._bell.clear()
        self._see_to(ready)

    def _see_to(self, ready: Sequence[object]) -> None:
        """Take in what came from threads and from driver processes."""
        while not self._inside.empty():
            self._inside.get()()
        lost = self._claims.lost()
        if self._claims.doubtful:
            lost |= {each.subject for each in self._drivers.running}
        for waiting in self._drivers.abandon(lost) if lost else ():
            self._ends.lost(waiting)
            # Else nobody drives it for as long as this watcher lives.
            self._claims.release(waiting.subject)
            self._dispatcher.put_back(waiting.subject, wait=False)
        for process, message in self._drivers.received(ready):
            self._hear(process, message)
        self._drivers.tend()

    def _hear(self, process: DriverProcess, message: object) -> None:
        waiting = process.waiting
        if waiting is None:
            # A process that ends while it has nothing to do is no loss.
            return
        match message:
            case Began():
                process.job = message.job
                self._ends.began(waiting, message)
            case Alive() if message.total and process.is_due():
                self._ends.goes_on(waiting, process.job, message)
            case Outcome():
                seconds = time.monotonic() - process.since
                process.finish()
                self._settle(waiting, message, seconds)
            case Exception():
                self._settle(waiting, self._ends.died(waiting, process, message))
            case Remark(text=text):
                self._ends.warned(waiting, text)

    def _settle(self, waiting: Waiting, outcome: Outcome, seconds: float = 0.0) -> None:
        """Tell how an order ended, and queue it again unless that was its end."""
        self._ends.ended(waiting, outcome, seconds)
        self._claims.release(waiting.subject)
        if outcome.state in {"tried", "waits"}:
            self._dispatcher.put_back(waiting.subject)
            return
        self._dispatcher.forget(waiting.subject)
        # It may wait as a job that nobody drives, too, since an earlier driver of it was killed.
        self._dispatcher.forget(Waiting(0.0, "", outcome.job).subject)
        watch = self._watches.get(waiting.rule)
        if watch is None or outcome.state == "stopped":
            return
        watch.ended(waiting.name, superseded=outcome.state == "superseded")
        if outcome.hooked:
            self._errands.announce(watch.rule, waiting.name, done=outcome.state == "done")

    def _start_jobs(self) -> None:
        """Start what is next, for as long as there is room."""
        busy = self._claims.busy()
        while len(running := self._drivers.running) < self._jobs and not self._claims.doubtful:
            waiting = self._dispatcher.take(running, self._has_room, busy)
            if waiting is None:
                return
            rule = self._rule(waiting.rule)
            if (waiting.rule and rule is None) or not self._claims.take(waiting.subject):
                self._dispatcher.put_back(waiting.subject)
                continue
            if rule and rule.limits.max_per_hour is not None:
                self._hourly.begin(waiting.rule)
            self._drivers.start(waiting, self._order(waiting, rule))

    def _has_room(self, name: str, running: int) -> bool:
        """Return whether a rule with so many running jobs may have one more."""
        rule = self._rule(name)
        if rule is None:
            return not name
        if rule.jobs is not None and running >= rule.jobs:
            return False
        most = rule.limits.max_per_hour
        if most is None:
            return True
        room = self._begun(name, running) < most
        if watch := self._watches.get(name):
            full = f"max_per_hour={most}: as many jobs have begun in the last hour"
            watch.limited = "" if room else full
        return room

    def _begun(self, name: str, running: int) -> int:
        """Return how many jobs of a rule began in the last hour, by all watchers."""
        now = time.monotonic()
        if now >= self._counted.get(name, now):
            self._counted[name] = now + MINUTE
            # Else what this watcher has begun is all that is known.
            with suppress(ImpastoError):
                ages = self._records.ages(name, HOUR)
                self._hourly.seed(name, [*ages, *[0.0] * running])
        return self._hourly.count(name)

    def _order(self, waiting: Waiting, rule: Rule | None) -> Order:
        settings = job_settings(self._given.settings, self._watch, rule)
        # By value: the config file may be changing, or be wrong, by the time that a job begins.
        fields, queries = settings.model_dump(), settings.signatures.reveal()
        return Order(waiting.name, rule, fields, queries, self._watch.idle)

    def _rule(self, name: str) -> Rule | None:
        return next((rule for rule in self._rules if rule.name == name), None)

    def _offer(self, waiting: Waiting) -> None:
        """Queue what waits; may be called by any thread."""
        self._inside.put(partial(self._add, waiting))
        self._bell.ring()

    def _add(self, waiting: Waiting) -> None:
        # A job whose driver was killed may be that of a ticket, which sees to it.
        if waiting.rule or waiting.output not in self._dispatcher.outputs:
            self._dispatcher.add(waiting)

    def _start_rules(self, rules: Sequence[Rule]) -> None:
        for rule in rules:
            inbox = Inbox(rule.inbox, self._stores, partial(self._warn, rule.name))
            watch = RuleWatch(
                rule,
                self._rules,
                stores=self._stores,
                inbox=inbox,
                records=self._records,
                offer=self._offer,
                on_news=self._tell,
                once=self._once,
            )
            self._watches[rule.name] = watch
            watch.start()

    def _warn(self, rule: str, text: str) -> None:
        self._tell(News(text, rule, warning=True))

    def _read_again(self) -> None:
        """Read the rules again, and keep those that there are if one is wrong."""
        try:
            self._watch, rules = self._given.load()
        except ImpastoError as error:
            for line in (*getattr(error, "problems", ()), f"{error}; the rules stay as they were"):
                self._tell(News(line, warning=True))
            return
        before = {rule.name: rule for rule in self._rules}
        after = {rule.name: rule for rule in rules}
        self._rules = rules
        self._drivers.most, self._drivers.idle = self._jobs, self._watch.idle
        # What one rule makes is not taken by the others, so any change concerns all.
        changed = {*before, *after} if before != after else set()
        for name in changed & before.keys():
            self._watches.pop(name).stop()
        self._dispatcher.forget_rules(changed - {each.rule for each in self._drivers.running})
        self._start_rules([rule for rule in rules if rule.name in changed])
        what = "they have changed" if changed else "nothing has changed"
        self._tell(News(f"the rules were read again, and {what}"))

    def _idle(self) -> bool:
        """Return whether nothing is left to do now."""
        looking = any(each.is_alive() for each in self._watches.values())
        if looking or not self._errands.looked.is_set():
            return False
        waiting = self._dispatcher.ready(self._drivers.running)
        if not self._inside.empty() or (waiting and self._claims.doubtful):
            return False
        # What may not begin now, such as for an hourly limit, is left to the next run.
        self._start_jobs()
        return not self._drivers.running

    def _drain(self) -> None:
        """Finish the running shards, within the grace time, and release what is claimed."""
        for each in self._watches.values():
            each.stop()
        if running := self._drivers.running:
            what = "1 job finishes" if len(running) == 1 else f"{len(running)} jobs finish"
            text = f"stopping: {what} the shards in work, for {self._watch.grace:.0f} s at most"
            self._tell(News(f"{text}; Ctrl-C again stops at once"))
        self._drivers.ask_to_stop()
        until = time.monotonic() + self._watch.grace
        while self._drivers.running and not self._at_once.is_set():
            left = until - time.monotonic()
            if left <= 0:
                break
            self._wait(min(left, TURN))
