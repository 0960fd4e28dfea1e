"""Freeing of disk space, on this machine and in a home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.jobs.removal import Removal, remove_jobs, remove_staged
from impasto.storage.scratch import left_over

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from impasto.jobs.state import State
    from impasto.storage.store import Store


def clean(
    home: Store, states: Collection[State], before: float, *, dry_run: bool
) -> Iterator[Removal]:
    """Remove temporary folders that nobody holds, jobs, and staged files that no job names.

    Args:
        home: the jobs' home.
        states: the states of the jobs to remove; empty removes none.
        before: when these jobs must have changed last, seconds since 1970.
        dry_run: whether to remove nothing.

    Yields:
        What is removed, or would be; also jobs that stay although they were asked for.

    Raises:
        BadInput: the folder of temporary folders is not the user's alone.
        Unavailable: the store does not answer.
    """
    for folder, size in left_over(dry_run=dry_run):
        yield Removal("temporary folder", str(folder), size)
    gone: set[str] = set()
    for each in remove_jobs(home, states, before, dry_run=dry_run) if states else ():
        if not each.kept:
            gone.add(each.job)
        yield each
    yield from remove_staged(home, dry_run=dry_run, without=gone)
