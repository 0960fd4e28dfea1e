"""Who runs a job now: each driver keeps a small object in the job's folder fresh while it lives.

    drivers/<nonce>.json

A crash leaves the object behind. It then goes stale, and on the driver's own machine the missing
process tells at once.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from impasto.errors import ImpastoError
from impasto.schema.driver import Driver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.jobs.folder import JobFolder
    from impasto.jobs.listing import Listing

BEAT = 30.0
"""Seconds between two signs of life."""
STALE = 4 * BEAT
"""Seconds without one after which a driver counts as gone; clocks of stores may be off."""


@contextmanager
def present(folder: JobFolder, engine: str, *, claimed: bool = False) -> Iterator[None]:
    """Make this process known as a driver of a job until the end of the block.

    Args:
        folder: the job's.
        engine: where it has shards scored.
        claimed: whether a watcher's claim says that it may.

    Raises:
        Unavailable: the store does not answer at first; later, nobody is told.
    """
    key = f"drivers/{uuid4().hex[:8]}.json"
    driver = Driver(
        host=os.uname().nodename,
        pid=os.getpid(),
        engine=engine,
        began=time.time(),
        claimed=claimed,
    )
    data = driver.model_dump_json().encode()
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT):
            with suppress(ImpastoError):
                folder.put(key, data)

    folder.put(key, data)
    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        # A request to a dead network may take minutes.
        beating.join(1.0)
        with suppress(ImpastoError):
            folder.delete(key)


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
