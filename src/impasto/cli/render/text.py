"""Text on a terminal: results on stdout, notes on stderr."""

from __future__ import annotations

import json
import math
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.cli.render.wording import worded
from impasto.schema.words import plain
from impasto.secrecy import redact

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 80
"""Columns of a terminal that says it has none."""


@cache
def console(*, stderr: bool) -> Console:
    """Return the console of a stream. It takes long to import, and plain results need none."""
    from rich.console import Console

    # No emoji: a name such as a:key:b is none.
    made = Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)
    if not made.width:
        made.width = WIDTH
    return made


def say(text: str, end: str = "\n") -> None:
    """Print text on stdout; what a terminal would obey is shown as question marks."""
    print(_plain_lines(text), end=end, flush=True)


def warn(text: str) -> None:
    """Print text on stderr; what a terminal would obey is shown as question marks."""
    console(stderr=True).print(_plain_lines(redact(text)), markup=False)


def note(line: str) -> None:
    """Print a remark of Impasto's own on stderr."""
    warn(f"note: {worded(plain(line))}")


def roughly(seconds: float) -> str:
    """Write an estimated time, no more exactly than it is known."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s" if seconds < 20 else f"{round(seconds / 5) * 5} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(round(minutes / 10) * 10, 60)
    return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"


def minutes(seconds: float, *, up: bool = False) -> str:
    """Write whole seconds as h:mm:ss or m:ss, rounded down or up."""
    whole = math.ceil(seconds) if up else int(seconds)
    least, rest = divmod(whole, 60)
    hours, least = divmod(least, 60)
    return f"{hours}:{least:02d}:{rest:02d}" if hours else f"{least}:{rest:02d}"


def ratio(value: float) -> str:
    """Write a ratio with two digits that count, such as 0.25, 3.1 or 45."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def nearby(path: str) -> str:
    """Return a path as it is shortest to type from here; a URL as it is."""
    place = Path(path)
    return str(place.relative_to(Path.cwd())) if place.is_relative_to(Path.cwd()) else path


def objects(count: int) -> str:
    """Write a number of objects."""
    return f"{count:,} object{'s' if count != 1 else ''}"


def fact_lines(facts: dict[str, Any], *, as_json: bool) -> None:
    """Print facts that are not empty, one line each with its name; or all as one JSON line."""
    if as_json:
        json_line(facts)
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {part}" for key, part in value.items() if part is not None)
        if isinstance(value, list):
            for n, part in enumerate(value):
                say(f"{'' if n else name:<16} {worded(str(part))}")
        if value not in (None, "", []) and not isinstance(value, list):
            say(f"{name:<16} {value}")


def _plain_lines(text: str) -> str:
    """Return text, in which only tabs and ends of lines may move a terminal's cursor."""
    return "\n".join("\t".join(map(plain, line.split("\t"))) for line in text.split("\n"))


def json_line(value: object) -> None:
    """Print a value as one JSON line on stdout."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
