"""Who runs a job now: each driver keeps a small object in the job's folder fresh while it lives.

    drivers/<nonce>.json

A crash leaves the object behind. It then goes stale, and on the driver's own machine the missing
process tells at once. The object also says how far the job is.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from impasto.errors import ImpastoError
from impasto.schema.driver import Driver
from impasto.schema.live import SHOWN, Live, Workers
from impasto.storage.counts import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from impasto.jobs.folder import JobFolder
    from impasto.jobs.listing import Listing
    from impasto.schema.progress import Progress

BEAT = 30.0
"""Seconds between two signs of life."""
STALE = 4 * BEAT
"""Seconds without one after which a driver counts as gone; clocks of stores may be off."""
OFTEN = 1.0
"""Seconds between two looks for progress that is to be written into a folder."""
OFTEN_IN_STORES = 2.0
"""The same for object stores, where each costs a request."""

LONGEST = 1e9
"""Seconds left that are told at most."""


class Presence:
    """Keeps a driver's object in its job's folder fresh, in a thread of its own."""

    def __init__(self, folder: JobFolder, driver: Driver) -> None:
        """Write the object.

        Args:
            folder: the job's.
            driver: the driver.

        Raises:
            Unavailable: the store does not answer.
        """
        self._folder, self._driver = folder, driver
        self._key = f"drivers/{uuid4().hex[:8]}.json"
        self._told: Progress | None = None
        self._ended = threading.Event()
        self._put(None)
        self._beating = threading.Thread(target=self._beat, name="presence", daemon=True)
        self._beating.start()

    def tell(self, progress: Progress) -> None:
        """Have the object say how far the job is; this takes no time, and nothing is ever raised.

        It is written soon. Of several in a row, only the last one is.
        """
        self._told = progress

    def end(self) -> None:
        """Remove the object; nobody is told if that fails."""
        self._ended.set()
        # A request to a dead network may take minutes.
        self._beating.join(1.0)
        self._delete()

    def _beat(self) -> None:
        """Write what is new now and then, and sometimes what is not, one request at a time."""
        often = OFTEN if self._folder.local(self._key) else OFTEN_IN_STORES
        last, since = None, time.monotonic()
        while not self._ended.wait(min(often, BEAT)):
            told = self._told
            if told is last and time.monotonic() - since < BEAT:
                continue
            # Whatever is wrong with it, it must not harm the job.
            with suppress(Exception):
                self._put(told)
            last, since = told, time.monotonic()
            if self._ended.is_set():
                # What waited for this may have given up, and has deleted what was before.
                self._delete()

    def _put(self, progress: Progress | None) -> None:
        driver = self._driver
        if progress:
            driver = driver.model_copy(update={"live": live(progress)})
        self._folder.put(self._key, driver.model_dump_json(exclude_none=True).encode())

    def _delete(self) -> None:
        with suppress(ImpastoError):
            self._folder.delete(self._key)


def live(progress: Progress) -> Live:
    """Return how far a job is now, for everyone who looks into its folder."""
    (done, shards), left = progress.shards, progress.seconds_left
    requests, errors = REQUESTS.totals()
    return Live(
        stage=progress.stage,
        items=progress.done,
        total=progress.total,
        noun=progress.items,
        rate=progress.rate,
        seconds_left=None if left is None else min(left, LONGEST),
        shards_done=done,
        shards=shards,
        running=progress.running[:SHOWN],
        workers=Workers(**asdict(progress.workers)),
        requests=requests,
        errors=errors,
        at=time.time(),
    )


@contextmanager
def present(folder: JobFolder, engine: str, *, claimed: bool = False) -> Iterator[Presence]:
    """Make this process known as a driver of a job until the end of the block.

    Args:
        folder: the job's.
        engine: where it has shards scored.
        claimed: whether a watcher's claim says that it may.

    Raises:
        Unavailable: the store does not answer at first; later, nobody is told.
    """
    here = os.uname().nodename
    driver = Driver(host=here, pid=os.getpid(), engine=engine, began=time.time(), claimed=claimed)
    presence = Presence(folder, driver)
    try:
        yield presence
    finally:
        presence.end()


def drivers(folder: JobFolder, listing: Listing, now: float | None = None) -> list[Driver]:
    """Return the drivers that run a job now.

    Args:
        folder: the job's.
        listing: what is in it.
        now: the time by the store's clock, seconds since 1970; None takes this machine's.
    """
    now = time.time() if now is None else now
    fresh = (key for key in listing.drivers if now - listing.times[key] < STALE)
    known = (folder.load_if_whole(key, Driver) for key in fresh)
    return [each for each in known if each and not has_ended(each.host, each.pid)]


def newest(running: Iterable[Driver]) -> Live | None:
    """Return how far a job is, as the last one of its drivers to say so has it."""
    told = [driver.live for driver in running if driver.live]
    return max(told, key=lambda each: each.at, default=None)


def has_ended(host: str, pid: int) -> bool:
    """Return whether a process was on this machine, and is no more."""
    if host != os.uname().nodename:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Return whether a process has ended and only waits for its parent to notice."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        # There is no such file on other systems than Linux.
        return False
    return facts.rpartition(")")[2].split()[:1] == ["Z"]
