"""Removal of jobs, and of staged files that no job names."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from impasto.errors import BadInput
from impasto.jobs import find
from impasto.jobs.job import Job
from impasto.jobs.state import State, standing
from impasto.jobs.summary import JobSummary, summaries
from impasto.schema.url import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from impasto.storage.store import Stat, Store

STAGED = "staged/"
FRESH = 86400.0
"""Seconds for which a staged file is kept that no job names: its job may be about to begin."""
_STAGED = re.compile(rb"staged/([0-9a-f]{64})/")


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that is removed, or would be.

    Attributes:
        kind: what it is.
        name: which one, for people.
        bytes: how large it is.
        kept: why it stays after all; "" if it does not.
        job: the job's id, if it is one.
        count: how many things they are, if they are told together.
    """

    kind: Literal["job", "staged file", "temporary folder", "record"]
    name: str
    bytes: int
    kept: str = ""
    job: str = ""
    count: int = 1


def remove(job: Job) -> int:
    """Remove a job from its home; its output stays.

    Returns:
        The bytes that are free now.

    Raises:
        BadInput: a driver works on it, or there is no such job.
        Unavailable: the store does not answer.
    """
    listing = job.listing()
    running = standing(job, listing).drivers
    if running:
        where = f"process {running[0].pid} on {running[0].host}"
        raise BadInput(f"job {job.id}: is running ({where})", f"`impasto cancel {job.id}` first")
    job.folder.clear()
    return sum(listing.sizes.values())


def remove_jobs(
    home: Store, states: Collection[State], before: float, *, dry_run: bool
) -> Iterator[Removal]:
    """Remove the jobs of a home that are in a state and have not changed for long.

    One that is running stays, and so does a finished one whose output is missing from this machine,
    since only the job can make it again quickly.

    Args:
        home: the home.
        states: the states.
        before: when they must have changed last, seconds since 1970.
        dry_run: whether to remove nothing.
    """
    for each in summaries(find.jobs(home)):
        if not isinstance(each, JobSummary) or each.state not in states or each.changed >= before:
            continue
        kept, freed = _why_kept(each), each.bytes
        if not (kept or dry_run):
            try:
                freed = remove(Job(home, each.job))
            except BadInput as error:
                kept = error.fact
        name = f"{each.job} ({each.state}): {each.source} → {each.output}"
        yield Removal("job", name, freed, kept, each.job)


def _why_kept(found: JobSummary) -> str:
    """Return why a job stays, or ""."""
    output = parse(found.output)
    if found.state == "running":
        return "it is running"
    if found.state == "done" and output.local and not output.path.exists():
        return "its output is missing, and it can make it again"
    return ""


def remove_staged(
    home: Store, *, dry_run: bool, without: Collection[str] = ()
) -> Iterator[Removal]:
    """Remove the copies of local files in a home that no job names.

    Args:
        home: the home.
        dry_run: whether to remove nothing.
        without: ids of jobs that count as removed.
    """
    found: dict[str, list[Stat]] = {}
    for stat in home.list_ours(STAGED):
        if match := _STAGED.match(stat.key.encode()):
            found.setdefault(match[1].decode(), []).append(stat)
    # Specs are read after that, so that a copy whose job has just begun is named by one.
    named: set[str] = set()
    for job in find.jobs(home) if found else ():
        if job.id not in without:
            spec = job.folder.find("spec.json") or b""
            named |= {digest.decode() for digest in _STAGED.findall(spec)}
    for digest, stats in found.items():
        if digest in named or max(stat.modified for stat in stats) > time.time() - FRESH:
            continue
        if not dry_run:
            home.delete(*(stat.key for stat in stats))
        name = stats[0].key.removeprefix(f"{STAGED}{digest}/").partition("/")[0]
        yield Removal("staged file", f"{name} ({digest[:12]})", sum(stat.size for stat in stats))
