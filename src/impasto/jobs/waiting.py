"""Jobs that nobody drives, though somebody wants them finished.

A job is left to people when its last driver ended by itself: it was interrupted or cancelled, items
failed, or it ran into an error that it told. It is left to its cluster while it waits there. All
others without a result are for a watcher: those that were submitted for one, and those whose driver
was killed.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from impasto.jobs.find import ids
from impasto.jobs.job import Job
from impasto.jobs.presence import drivers
from impasto.jobs.state import last_word
from impasto.schema.events import Detached, Stopped, Submitted
from impasto.schema.job import JobSpec
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.jobs.listing import Listing
    from impasto.schema.events import Event
    from impasto.storage.store import Store

SETTLE = 30.0
"""Seconds in which a driver makes itself known after it has submitted a job, or says why it ended
after it has gone."""
SELDOM = 10
"""A job that is left to people is looked at in every so many calls only."""
_CALLS = "calls"


def leave(job: Job, *, retry: bool = False) -> None:
    """Leave a job to whichever watcher of its home comes first.

    Watchers remember what was done or left to people; an object beside the jobs calls them back.

    Args:
        job: the job.
        retry: whether to try what failed, and nothing else.

    Raises:
        Unavailable: the store does not answer.
    """
    job.journal.write(Detached(retry=retry or None))
    job.home.put(f"{_CALLS}/{job.id}", b"")


class Undriven:
    """Finds the jobs of a home that a watcher should finish.

    A call costs two listings of the home's folders, and a few requests for each job that is
    neither done nor left to people.
    """

    def __init__(self, home: Store, now: Callable[[], float] = time.time) -> None:
        """Prepare; nothing is listed yet.

        Args:
            home: the store that holds the jobs.
            now: returns the time by the store's clock, seconds since 1970.
        """
        self._home, self._now = home, now
        self._done: set[str] = set()
        self._left: dict[str, int] = {}
        self._gone: dict[str, tuple[float, frozenset[tuple[str, float]]]] = {}

    def find(self) -> list[Job]:
        """Return the jobs to finish now, those that were submitted first at the beginning.

        Jobs that are done are remembered, and not looked at again until somebody leaves them to
        watchers; folders that are damaged or somebody else's are passed over.

        Raises:
            Unavailable: the store does not answer.
        """
        known = ids(self._home)
        self._forget({*known})
        called = self._called({*known})
        jobs = [Job(self._home, each) for each in known if each not in self._done]
        open_jobs = [job for job in jobs if self._due(job.id)]
        now = self._now()
        looked = in_order(partial(self._submitted, now=now, called=called), open_jobs, MANY)
        found = [(at, job) for job, at in zip(open_jobs, looked, strict=True) if at is not None]
        return [job for _, job in sorted(found, key=lambda pair: (pair[0], pair[1].id))]

    def _forget(self, known: set[str]) -> None:
        """Forget the jobs that are gone, one of which may come again."""
        self._done &= known
        for held in (self._left, self._gone):
            for gone in held.keys() - known:
                del held[gone]

    def _called(self, known: set[str]) -> set[str]:
        """Return the jobs that were left to watchers, and look at them again."""
        stats, _ = self._home.list_folder(_CALLS)
        found = {stat.key.rpartition("/")[2] for stat in stats}
        for gone in found - known:
            self._answer(gone)
        self._done -= found
        for job in found:
            self._left.pop(job, None)
        return found & known

    def _answer(self, job: str) -> None:
        """Forget that a job was left to watchers."""
        self._home.delete(f"{_CALLS}/{job}")

    def _due(self, job: str) -> bool:
        """Return whether to look at a job in this call."""
        if job not in self._left:
            return True
        self._left[job] -= 1
        return self._left[job] <= 0

    def _submitted(self, job: Job, now: float, called: set[str]) -> float | None:
        """Return when a job was submitted if it is one to finish, else None."""
        if job.folder.stat("result.json"):
            if job.id in called:
                return self._asked_again(job, now)
            self._done.add(job.id)
            return None
        listing = job.listing()
        if "spec.json" not in listing.sizes or listing.finished:
            # It is being written, or removed, or was finished just now.
            return None
        if drivers(job.folder, listing, now):
            self._gone.pop(job.id, None)
            return None
        last = last_word(job, listing)
        if self._is_left(last, listing) or not job.folder.load_if_whole("spec.json", JobSpec):
            self._left[job.id] = SELDOM
            if job.id in called:
                self._answer(job.id)
            return None
        self._left.pop(job.id, None)
        if isinstance(last, Detached) or self._settled(job.id, last, listing, now):
            return listing.times["spec.json"]
        return None

    def _asked_again(self, job: Job, now: float) -> float | None:
        """Return when a job that is done was submitted, if what failed in it is to be tried."""
        listing = job.listing()
        if drivers(job.folder, listing, now):
            return None
        last = last_word(job, listing)
        if isinstance(last, Detached) and last.retry:
            return listing.times.get("spec.json")
        self._done.add(job.id)
        self._answer(job.id)
        return None

    @staticmethod
    def _is_left(last: Event | None, listing: Listing) -> bool:
        """Return whether a job is left to people, or to its cluster."""
        return "cancel" in listing.sizes or isinstance(last, Stopped | Submitted)

    def _settled(self, job: str, last: Event | None, listing: Listing, now: float) -> bool:
        """Return whether the driver of a job has certainly gone without a word."""
        if last is None and not listing.drivers:
            return now - listing.times["spec.json"] >= SETTLE
        if listing.drivers:
            # A driver that ends takes this object with it, so this one was killed.
            return True
        # It has ended, and may be about to say why.
        seen = frozenset(listing.times.items())
        since, before = self._gone.setdefault(job, (now, seen))
        if before != seen:
            self._gone[job] = (now, seen)
            return False
        return now - since >= SETTLE
