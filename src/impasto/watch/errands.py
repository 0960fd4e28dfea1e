"""What a watcher does beside its rules: signs of life, jobs of others, webhooks, clearing up."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from impasto.errors import ImpastoError
from impasto.jobs.job import Job
from impasto.jobs.waiting import Undriven
from impasto.storage.stores import Stores
from impasto.watch.dispatch import Waiting
from impasto.watch.hooks import HookDelivery
from impasto.watch.news import News, words
from impasto.watch.reminders import Reminders
from impasto.watch.retention import Expiry
from impasto.watch.webhook import message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from impasto.schema.watch import Hook
    from impasto.watch.claims import Claims
    from impasto.watch.given import Given
    from impasto.watch.records import Records
    from impasto.watch.rule import Rule
    from impasto.watch.rule_watch import RuleWatch

LOOK, LOOK_IN_STORE = 15.0, 60.0
"""Seconds between two looks for jobs that nobody drives; in a store, each is a listing to pay."""
ADOPT = 300.0
"""Seconds between two looks for webhooks that other watchers have left."""
HOUR = 3600.0
LAST_HOOKS = 5.0
"""Seconds that webhooks have at the end; others deliver what is left."""


class Errands:
    """Threads that do so.

    Attributes:
        looked: set once jobs that nobody drives were looked for.
    """

    def __init__(
        self,
        given: Given,
        claims: Claims,
        records: Records,
        offer: Callable[[Waiting], None],
    ) -> None:
        """Prepare.

        Args:
            given: what the watcher is given.
            claims: gives the signs of life.
            records: what is known of tickets.
            offer: called with each job that nobody drives.
        """
        self.looked = threading.Event()
        self._given, self._claims, self._offer = given, claims, offer
        self._records = records
        self._hooks = HookDelivery(records, self._message, partial(self._tell, warning=True))
        self._reminders = Reminders(Stores.of(given.settings))
        self._undriven, self._expiry = Undriven(records.home, claims.store_time), Expiry(records)
        self._stopped, self._wake = threading.Event(), threading.Event()
        self._silent = self._odd = ""

    @contextmanager
    def running(self, watches: Mapping[str, RuleWatch], beat: float) -> Iterator[None]:
        """Run until the end of the block.

        Args:
            watches: the rules at work, which may change.
            beat: seconds between two signs of life.
        """
        threads = [
            threading.Thread(target=self._beat, args=(watches, beat), daemon=True, name="beat"),
            threading.Thread(target=self._look, args=(watches,), daemon=True, name="errands"),
        ]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            self._stopped.set()
            self._wake.set()
            self._hooks.close(LAST_HOOKS)
            for each in threads:
                # A request to a dead network may take minutes.
                each.join(1.0)

    def look(self) -> None:
        """Look for jobs that nobody drives now, because somebody knows of one."""
        self._wake.set()

    def announce(self, rule: Rule, ticket: str, *, done: bool) -> None:
        """Send a rule's webhook about a ticket that has ended."""
        # If the store does not answer, the record that its driver made is found later.
        with suppress(ImpastoError):
            self._hooks.add(rule, ticket, "done" if done else "failed")

    def _message(self, rule: Rule, hook: Hook) -> bytes | None:
        """Return what a webhook says, or None if its ticket is not known any more."""
        ended = self._records.ended(rule.name, hook.ticket)
        if ended is None:
            return None
        result = Job(self._records.home, ended.job).result() if ended.job else None
        ticket = self._records.stored(rule.name, hook.ticket)
        return message(
            rule,
            ended,
            hook.since,
            source=ticket.spec.source if ticket else "",
            items=result.items if result else None,
            seconds=result.seconds if result else None,
        )

    def _beat(self, watches: Mapping[str, RuleWatch], seconds: float) -> None:
        while not self._stopped.wait(seconds):
            try:
                self._claims.beat({name: each.news for name, each in [*watches.items()]})
            except Exception as error:  # noqa: BLE001 (nothing may end the signs of life)
                self._fall_silent(words(error))
            else:
                self._fall_silent("")

    def _fall_silent(self, error: str) -> None:
        """Tell once that the control store does not answer, and once that it does again."""
        if error and not self._silent:
            self._tell(f"{error}; waiting for it", warning=True)
        elif self._silent and not error:
            self._tell("the control store answers again")
        self._silent = error

    def _look(self, watches: Mapping[str, RuleWatch]) -> None:
        due = adopt = 0.0
        pause = LOOK if self._records.home.place.local else LOOK_IN_STORE
        while not self._stopped.is_set():
            try:
                for job in self._undriven.find():
                    self._offer_job(job)
                self.looked.set()
                if time.monotonic() >= adopt:
                    adopt = time.monotonic() + ADOPT
                    self._hooks.adopt([each.rule for each in [*watches.values()]])
                if time.monotonic() >= due:
                    due = time.monotonic() + HOUR
                    self._clear_up(watches)
            except ImpastoError:
                # The sign of life tells that the store does not answer.
                pass
            except Exception as error:  # noqa: BLE001 (nothing may end the errands)
                if (text := words(error)) != self._odd:
                    self._odd = text
                    self._tell(text, warning=True)
            self._wake.wait(pause)
            self._wake.clear()

    def _offer_job(self, job: Job) -> None:
        try:
            spec = job.spec()
        except ImpastoError:
            return
        self._offer(Waiting(time.time(), spec.source, job.id, output=spec.output))

    def _clear_up(self, watches: Mapping[str, RuleWatch]) -> None:
        for line in self._reminders.due():
            self._tell(line, warning=True)
        for watch in [*watches.values()]:
            if gone := self._expiry.expire(watch.rule):
                text = f"removed {gone} finished job{'s' if gone > 1 else ''}"
                self._given.on_news(News(text, watch.rule.name))

    def _tell(self, text: str, *, warning: bool = False) -> None:
        self._given.on_news(News(text, warning=warning))
