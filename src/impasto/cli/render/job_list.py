"""The list of jobs, in columns that fit the terminal."""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from impasto.cli.render import moments
from impasto.cli.render.live import in_short
from impasto.cli.render.text import WIDTH, json_line, note, say
from impasto.jobs.summary import JobSummary
from impasto.schema.words import plain, shortened, size

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
    said = [in_short(row.live) for row in rows]
    # Only while something runs is there anything to say of now.
    wide = max(map(len, said))
    now_title = f"{'now':<{wide}}  " if wide else ""
    say(f"{'job':<{length}}  {'state':<10}  done  {size_title}{'started':<12}  {now_title}what")
    width = get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else 0
    for row, pace in zip(rows, said, strict=True):
        many = f"{size(row.bytes):>8}  " if sizes else ""
        line = f"{row.job[:length]:<{length}}  {row.state:<10}  {row.percent:>3}%  {many}"
        line += f"{moments.short(row.started, now)}  "
        line += f"{pace:<{wide}}  " if wide else ""
        line += f"{row.items_failed:,} failed, " if row.items_failed else ""
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
    """Say what becomes of what, in this many columns; 0 is any number.

    The names of files come first; what is left shows the folders that hold them.
    """
    source, output = plain(source), plain(output)
    if room and len(source) + len(output) + len(ARROW) > room:
        names = _shortest(source), _shortest(output)
        room = max(4, room - len(ARROW))
        left = min(len(names[0]), max(room // 2, room - len(names[1])))
        spare = max(0, room - left - len(names[1]))
        wide = _within(source, left + spare // 2)
        output = _within(output, max(2, room - len(wide)))
        # The output may be short.
        source = _within(source, max(len(wide), room - len(output)))
    return f"{source}{ARROW}{output}"


def _shortest(path: str) -> str:
    """Return the name alone of a file or folder, if that is shorter."""
    name = path.rstrip("/").rpartition("/")[2]
    return min(f"…/{name}", path, key=len)


def _within(path: str, width: int) -> str:
    """Leave out the first folders of a path, and if its name is too long, the name's middle."""
    if len(path) <= width:
        return path
    parts = path.rstrip("/").split("/")
    ends = (f"…/{'/'.join(parts[n:])}" for n in range(1, len(parts)))
    fitting = (end for end in ends if len(end) <= width)
    return next(fitting, "") or shortened(parts[-1], width)


def _common(one: str, other: str) -> int:
    """Return how many characters two ids begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
