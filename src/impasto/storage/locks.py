"""Locks on files and folders that are in use, which the system releases when a process ends.

A process id says nothing to another container or machine that sees the same folder; a lock does.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def held(make: Callable[[], Path]) -> Iterator[Path]:
    """Make a file or folder and hold it until the end of the block.

    Where the file system knows no locks, nobody can take it either.

    Args:
        make: makes a new one and returns its path; called again if a sweep was faster.
    """
    while True:
        path = make()
        handle = _open(path)
        if handle is None:
            continue
        try:
            if _lock(handle) is not False and _is_at(handle, path):
                yield path
                return
        finally:
            os.close(handle)


@contextmanager
def taken(path: Path) -> Iterator[bool]:
    """Yield whether nobody holds a file or folder; if so, hold it until the end of the block."""
    handle = _open(path)
    try:
        yield handle is not None and _lock(handle) is True and _is_at(handle, path)
    finally:
        if handle is not None:
            os.close(handle)


def _open(path: Path) -> int | None:
    """Open a file or folder, but no link; returns None if that is impossible."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None


def _lock(handle: int) -> bool | None:
    """Lock an open file; returns whether it is locked now, or None where there are no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(handle: int, path: Path) -> bool:
    """Return whether an open file is still what has this name."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False
