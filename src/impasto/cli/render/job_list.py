"""The list of jobs, in columns that fit the terminal."""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from impasto.cli.render import moments
from impasto.cli.render.text import WIDTH, json_line, note, say, shortened, size
from impasto.cli.render.wording import plain
from impasto.jobs.summary import JobSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from impasto.jobs.summary import Unreadable

SHORTEST = 6
"""Characters of an id that are shown at least."""
ARROW = " → "


def jobs(
    found: Iterable[JobSummary | Unreadable],
    ids: Sequence[str],
    home: str,
    *,
    sizes: bool,
    as_json: bool,
) -> None:
    """Print a table of jobs, or one JSON line per job; notes name those that cannot be read.

    Args:
        found: the jobs.
        ids: the ids of all jobs of the home.
        home: the home, for people.
        sizes: whether to print how large they are.
        as_json: whether to print for a program.
    """
    rows: list[JobSummary] = []
    for each in found:
        if isinstance(each, JobSummary):
            rows.append(each)
        else:
            note(each.why)
    if as_json:
        for row in rows:
            json_line(row.model_dump(mode="json"))
        return
    if not rows:
        note(f"no such jobs in {home}" if ids else f"no jobs in {home}")
        return
    now, length = time.time(), shortest(ids)
    size_title = f"{'size':>8}  " if sizes else ""
    say(f"{'job':<{length}}  {'state':<10}  done  {size_title}{'started':<12}  what")
    width = get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else 0
    for row in rows:
        many = f"{size(row.bytes):>8}  " if sizes else ""
        line = f"{row.job[:length]:<{length}}  {row.state:<10}  {row.percent:>3}%  {many}"
        line += f"{moments.short(row.started, now)}  "
        room = width - len(line) if width else 0
        say(line + what(row.source, row.output, room))
    if sizes:
        total = sum(row.bytes for row in rows)
        say(f"{len(rows):,} job{'s' if len(rows) != 1 else ''}, {size(total)} in {home}")


def shortest(ids: Sequence[str]) -> int:
    """Return how many characters tell all ids from each other."""
    ordered = sorted(ids)
    common = (_common(*pair) for pair in pairwise(ordered))
    return max(SHORTEST, 1 + max(common, default=0))


def what(source: str, output: str, room: int) -> str:
    """Say what becomes of what, in this many columns; 0 is any number."""
    source, output = plain(source), plain(output)
    if room and len(source) + len(output) + len(ARROW) > room:
        half = max(1, (room - len(ARROW)) // 2)
        left = min(len(source), max(half, room - len(ARROW) - len(output)))
        source = shortened(source, left)
        output = shortened(output, max(1, room - len(ARROW) - left))
    return f"{source}{ARROW}{output}"


def _common(one: str, other: str) -> int:
    """Return how many characters two ids begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
