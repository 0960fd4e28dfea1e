"""Which watcher drives what: claims by put-if-absent, and heartbeats on the store's clock.

    watch/_watchers/<id>.json         written again at each beat
    watch/_claims/<subject>-<n>.json  the n-th claim of a ticket or a job; the highest counts

A claim is never replaced. Who takes over from a watcher that is gone creates the next generation,
which works on every store and has one winner. The former owner, if it lives after all, finds the
higher generation, or none of its own, at its next beat, and stops.

Ages are differences of what the store itself says: "now" is when it last changed this watcher's own
object. The clock of this machine only measures how long ago that was, and suspends the watcher when
it is too long: by then, others may have taken over. It counts while the machine sleeps.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from impasto.errors import Unavailable
from impasto.schema.watch import Claim, Watcher
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY
from impasto.watch.folder import CLAIMS, WATCHERS, load
from impasto.watch.signs import generations, has_ended, ids, space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from impasto.schema.watch import RuleNews
    from impasto.storage.store import Stat, Store

SLACK = 2.0
"""Seconds that a heartbeat may look older than it is: some stores only tell whole seconds."""
OLD = 3600.0
"""Seconds after which the objects of watchers that are gone are deleted."""


class Claims:
    """What a watcher may drive, and what others do. Threads may share it."""

    def __init__(self, home: Store, watcher: str, stale: float) -> None:
        """Make a watcher known; nothing is sent before the first `beat`.

        Args:
            home: the control store.
            watcher: its id, 12 hexadecimal digits that no other process has.
            stale: seconds without a heartbeat after which a watcher counts as gone.
        """
        self._home = home
        self._id = watcher
        self._stale = stale
        self._self = Watcher(
            host=os.uname().nodename, pid=os.getpid(), space=space(), began=time.time()
        )
        self._lock = Lock()
        self._held: dict[str, int] = {}
        self._lost: set[str] = set()
        self._ending: set[str] = set()
        self._busy: set[str] = set()
        self._owners: dict[tuple[str, str], str] = {}
        self._others: dict[str, Watcher | None] = {}
        self._alive: dict[str, float] = {}
        self._dead: set[str] = set()
        self._now = 0.0
        self._beaten: float | None = None

    def beat(self, news: Mapping[str, RuleNews]) -> None:
        """Give a sign of life, and learn from two listings who else lives and drives what.

        Args:
            news: what this watcher last saw of its rules, by name.

        Raises:
            Unavailable: the store does not answer.
        """
        # Taken before the request, so that it is never later than the store's own stamp.
        asked = _clock()
        with self._lock:
            held = dict(self._held)
        self._self = self._self.model_copy(
            update={"beat": self._self.beat + 1, "rules": dict(news)}
        )
        key = f"{WATCHERS}{self._id}.json"
        self._home.put(key, self._self.model_dump_json().encode())
        watchers = ids(self._home)
        claims = generations(self._home.list_ours(CLAIMS))
        if self._id not in watchers:
            # Somebody has deleted it; the next beat writes it again.
            return
        self._now = watchers[self._id].modified
        self._learn(watchers)
        self._look(claims)
        gone = {
            subject
            for subject, generation in held.items()
            if not self._is_own(claims.get(subject, {}), generation)
        }
        with self._lock:
            for subject in gone:
                if self._held.get(subject) == held[subject]:
                    self._lost.add(subject)
                    self._ending.discard(subject)
                    del self._held[subject]
            self._beaten, ending = asked, [*self._ending]
        for subject in ending:
            self._give_up(subject, claims.pop(subject, {}))
        self._sweep(watchers, claims)

    def take(self, subject: str) -> bool:
        """Claim something, unless a watcher that lives has claimed it.

        The winner still has to look whether the work is done already: another may have claimed,
        done and released it a moment ago.

        Args:
            subject: ``RULE/TICKET`` or ``_jobs/JOB``.

        Returns:
            Whether this watcher holds it; False also if the store does not answer.
        """
        with self._lock:
            if subject in self._lost:
                return False
            if subject in self._held:
                self._ending.discard(subject)
                return True
        if self.doubtful:
            return False
        try:
            return self._take(subject)
        except Unavailable:
            return False

    def _take(self, subject: str) -> bool:
        found = self._list(subject)
        latest = max(found, default=0)
        if latest:
            owner = self._owner(found[latest])
            if owner != self._id and not self._is_gone(owner, found[latest].modified):
                return False
        if not latest or owner != self._id:
            latest += 1
            claim = Claim(watcher=self._id).model_dump_json().encode()
            if not self._home.create(_key(subject, latest), claim):
                return False
        with self._lock:
            self._held[subject] = latest
        return True

    def release(self, subject: str) -> None:
        """Give a claim up, so that anybody may make one; one that is not held is no error.

        If the store does not answer, the next beat does it.
        """
        with self._lock:
            if subject not in self._held:
                return
            self._ending.add(subject)
            generation = self._held[subject]
        with suppress(Unavailable):
            if generation == 1 and not self.doubtful:
                # Nobody can have taken it over, so there is nothing else to look for.
                self._home.delete(_key(subject, generation))
                self._let_go(subject)
            else:
                self._give_up(subject, self._list(subject))

    def _give_up(self, subject: str, found: Mapping[int, Stat]) -> None:
        """Delete the claims of a subject up to this watcher's own; others are left alone."""
        with self._lock:
            generation = self._held.get(subject, 0)
        # The highest goes last: if this is interrupted, it still counts.
        for each in sorted(found):
            own = each == generation and self._owner(found[each]) == self._id
            if own or each < generation:
                self._home.delete(found[each].key)
        self._let_go(subject)

    def _let_go(self, subject: str) -> None:
        with self._lock:
            self._held.pop(subject, None)
            self._ending.discard(subject)
            self._busy.discard(subject)

    def _is_own(self, found: Mapping[int, Stat], generation: int) -> bool:
        """Return whether the latest claim of a subject is this watcher's, of a generation.

        The number alone does not tell: once all have released theirs, it begins at one again.
        """
        latest = max(found, default=0)
        return latest == generation and self._owner(found[latest]) == self._id

    def lost(self) -> set[str]:
        """Return, once, what this watcher must stop driving: another has taken it over."""
        with self._lock:
            lost, self._lost = self._lost, set()
        return lost

    def busy(self) -> set[str]:
        """Return what watchers that live, this one too, drove at the last beat."""
        with self._lock:
            return self._busy | self._held.keys()

    @property
    def doubtful(self) -> bool:
        """Whether the last beat is so long ago that others may have taken over what is held.

        Whoever drives jobs stops them until the next beat.
        """
        return self._beaten is None or _clock() - self._beaten > self._stale

    def store_time(self) -> float:
        """Return the time by the store's clock, seconds since 1970, as far as it is known."""
        if self._beaten is None:
            return time.time()
        return self._now + _clock() - self._beaten

    def leave(self) -> None:
        """Give up all claims, and be known no longer.

        If the store does not answer, others find out by themselves that this watcher is gone.
        """
        with self._lock:
            held = [*self._held]
        for _ in in_order(self.release, held, MANY):
            pass
        with suppress(Unavailable):
            self._home.delete(f"{WATCHERS}{self._id}.json")

    def _list(self, subject: str) -> dict[int, Stat]:
        """List the claims of a subject, by generation."""
        # No folder for each: what is empty would stay where the home is one.
        near = self._home.list_ours(f"{CLAIMS}{subject.partition('/')[0]}/")
        return generations(near).get(subject, {})

    def _learn(self, watchers: Mapping[str, Stat]) -> None:
        """Find out which watchers live."""
        new = [each for each in watchers if each not in self._others and each != self._id]
        keys = (f"{WATCHERS}{each}.json" for each in new)
        found = in_order(lambda key: load(self._home, key, Watcher), keys, MANY)
        self._others.update(zip(new, found, strict=True))
        self._others = {each: it for each, it in self._others.items() if each in watchers}
        self._dead = {each for each, known in self._others.items() if known and has_ended(known)}
        self._alive = {each: stat.modified for each, stat in watchers.items()}

    def _is_gone(self, watcher: str, claimed: float) -> bool:
        """Return whether a watcher is gone, of which there is a claim since some moment.

        One that has no object counts as new for a while, since it may have come after the listing.
        """
        if watcher == self._id:
            return False
        seen = self._alive.get(watcher, claimed)
        return watcher in self._dead or self._now - seen > self._stale + SLACK

    def _look(self, claims: Mapping[str, Mapping[int, Stat]]) -> None:
        """Find out what is driven by watchers that live."""
        last = {subject: found[max(found)] for subject, found in claims.items()}
        now = {(stat.key, stat.etag) for stat in last.values()}
        self._owners = {each: owner for each, owner in self._owners.items() if each in now}
        for _ in in_order(self._owner, last.values(), MANY):
            pass
        busy = set()
        for subject, stat in last.items():
            owner = self._owner(stat)
            # What this one holds is known here; of a request that failed, a claim may stand.
            if owner != self._id and not self._is_gone(owner, stat.modified):
                busy.add(subject)
        with self._lock:
            self._busy = busy

    def _owner(self, stat: Stat) -> str:
        """Return the watcher of a claim, or "" if that cannot be read."""
        # A key may be that of another claim by now.
        claim = (stat.key, stat.etag)
        known = self._owners.get(claim)
        if known is None:
            read = load(self._home, stat.key, Claim)
            known = read.watcher if read else ""
            if read:
                self._owners[claim] = known
        return known

    def _sweep(
        self, watchers: Mapping[str, Stat], claims: Mapping[str, Mapping[int, Stat]]
    ) -> None:
        """Delete what watchers have left that are gone for long."""
        busy = self.busy()
        old = [
            stat
            for subject, found in claims.items()
            if subject not in busy
            for stat in found.values()
        ]
        old += [stat for each, stat in watchers.items() if each != self._id]
        self._home.delete(*(stat.key for stat in old if self._now - stat.modified > OLD))


def _key(subject: str, generation: int) -> str:
    return f"{CLAIMS}{subject}-{generation}.json"


def _clock() -> float:
    """Return seconds that also count while this machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
