"""Delivery of webhooks: each is a record until its receiver has taken it.

Every receiver has a thread, so that a slow one delays neither jobs nor others.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate, count
from typing import TYPE_CHECKING, Protocol

from impasto.errors import BadInput, ImpastoError
from impasto.schema.watch import Hook
from impasto.settings import secret
from impasto.watch.news import words
from impasto.watch.webhook import message_id, send

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from impasto.watch.rule import Rule

    Say = Callable[[Rule, Hook], bytes | None]

WAITS = (5.0, 30.0, 120.0, 600.0, *[3600.0] * 23)
"""Seconds between tries; after the last one, about a day after the first, it is given up."""
ORPHANED = 300.0
"""Seconds after which nobody seems to deliver a webhook that is due."""
MOST = 1000
"""Webhooks to one receiver that are held in memory; others are read again once these are gone."""

_DUE = (0.0, *accumulate(WAITS))


class HookRecords(Protocol):
    """The records of webhooks; methods raise Unavailable when the store does not answer."""

    def add_hook(self, rule: str, hook: Hook) -> None:
        """Note that a webhook is to be delivered, or that it was tried once more."""
        ...

    def hooks(self, rule: str) -> list[Hook]:
        """Read the webhooks that are not delivered yet."""
        ...

    def hook_done(self, rule: str, ticket: str) -> None:
        """Note that a webhook is delivered, or given up."""
        ...


class HookDelivery:
    """Delivers webhooks, those of this watcher and those that others have left."""

    def __init__(
        self,
        records: HookRecords,
        say: Say,
        tell: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            records: those of all rules.
            say: returns what a webhook says, as `impasto.watch.webhook.message` makes it; None if
                that is no longer known.
            tell: told in one line of each webhook that was given up.
            now: returns the time by the store's clock, seconds since 1970.
        """
        self._records, self._say, self._tell, self._now = records, say, tell, now
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()

    def add(self, rule: Rule, ticket: str, kind: Literal["done", "failed"]) -> None:
        """Note a webhook, then deliver it soon; does nothing if the rule has no receiver for it.

        Raises:
            Unavailable: the store does not answer, and nothing is noted.
        """
        if not _receiver(rule, kind):
            return
        hook = Hook(kind=kind, ticket=ticket, since=self._now())
        self._records.add_hook(rule.name, hook)
        self._queue(rule, hook, 0.0)

    def adopt(self, rules: Iterable[Rule]) -> None:
        """Take over what a watcher that ended has left; to be called now and then.

        Raises:
            Unavailable: the store does not answer.
        """
        now = self._now()
        for rule in rules:
            for hook in self._records.hooks(rule.name):
                due = hook.since + _DUE[min(hook.tries, len(WAITS))]
                if not _receiver(rule, hook.kind):
                    self._records.hook_done(rule.name, hook.ticket)
                elif now >= due + ORPHANED:
                    self._queue(rule, hook, 0.0)

    def close(self, seconds: float) -> None:
        """End; what is not delivered in this time is left to other watchers."""
        until = time.monotonic() + seconds
        with self._lock:
            lanes = [*self._lanes.values()]
        for lane in lanes:
            lane.end()
        for lane in lanes:
            lane.thread.join(max(0.0, until - time.monotonic()))

    def _queue(self, rule: Rule, hook: Hook, wait: float) -> None:
        url = _receiver(rule, hook.kind)
        with self._lock:
            if url not in self._lanes:
                self._lanes[url] = _Lane(self._try)
            self._lanes[url].put(rule, hook, wait)

    def _try(self, rule: Rule, hook: Hook) -> None:
        """Try once to deliver a webhook; whatever happens concerns it alone."""
        try:
            body = self._say(rule, hook)
            if body is None:
                self._records.hook_done(rule.name, hook.ticket)
                return
            key = secret(rule.hook_secret) if rule.hook_secret else ""
            name = message_id(hook.ticket, body)
            answer = send(_receiver(rule, hook.kind), key, name, body)
        except BadInput as error:
            self._give_up(rule, hook, str(error))
            return
        except ImpastoError:
            # The store does not answer; that is no fault of the receiver.
            self._queue(rule, hook, WAITS[0])
            return
        except Exception as error:  # noqa: BLE001 (one webhook never stops the others)
            self._give_up(rule, hook, words(error))
            return
        if answer.delivered:
            with suppress(ImpastoError):
                self._records.hook_done(rule.name, hook.ticket)
        elif answer.final or hook.tries >= len(WAITS):
            self._give_up(rule, hook, answer.fact)
        else:
            later = hook.model_copy(update={"tries": hook.tries + 1})
            with suppress(ImpastoError):
                self._records.add_hook(rule.name, later)
            self._queue(rule, later, max(answer.wait, WAITS[hook.tries]))

    def _give_up(self, rule: Rule, hook: Hook, why: str) -> None:
        with suppress(ImpastoError):
            self._records.hook_done(rule.name, hook.ticket)
        self._tell(f"rule {rule.name}: on_{hook.kind} for ticket {hook.ticket} is given up: {why}")


def _receiver(rule: Rule, kind: Literal["done", "failed"]) -> str:
    return rule.on_done if kind == "done" else rule.on_failed


class _Lane:
    """The webhooks to one receiver, sent one after the other by a thread, the most urgent first."""

    def __init__(self, act: Callable[[Rule, Hook], None]) -> None:
        self._act = act
        self._waiting: list[tuple[float, int, Rule, Hook]] = []
        self._held: set[tuple[str, str]] = set()
        self._numbers = count()
        self._changed = threading.Condition()
        self._ended = False
        self.thread = threading.Thread(target=self._work, daemon=True, name="webhooks")
        self.thread.start()

    def put(self, rule: Rule, hook: Hook, wait: float) -> None:
        """Add a webhook to be sent after so many seconds, unless it is held already."""
        with self._changed:
            if (rule.name, hook.ticket) not in self._held and len(self._held) < MOST:
                self._held.add((rule.name, hook.ticket))
                due = time.monotonic() + wait
                heapq.heappush(self._waiting, (due, next(self._numbers), rule, hook))
                self._changed.notify()

    def end(self) -> None:
        """Send nothing more after what is due now."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._waiting[0][0] > time.monotonic():
                    if self._ended:
                        return
                    due = self._waiting[0][0] - time.monotonic() if self._waiting else None
                    self._changed.wait(due)
                _, _, rule, hook = heapq.heappop(self._waiting)
                # From here on it may be added again, for a later try.
                self._held.discard((rule.name, hook.ticket))
            self._act(rule, hook)
