"""Scorers that other packages offer, by the entry point group ``impasto.scorers``.

They are looked up only when a name is not in Impasto's own table, and when all are listed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from impasto.errors import BadInput
from impasto.schema.job import JobSpec
from impasto.scorers.entry import Entry

GROUP = "impasto.scorers"
NAME = re.compile("[a-z][a-z0-9_-]*")


@cache
def offered() -> dict[str, list[EntryPoint]]:
    """Return what installed packages offer, by name; nothing of them is imported."""
    found: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        found.setdefault(point.name, []).append(point)
    return found


def load(name: str) -> Entry:
    """Import the entry of an offered scorer.

    Raises:
        BadInput: two packages offer it, or it cannot be used.
    """
    points = offered()[name]
    if len(points) > 1:
        both = " and ".join(_distribution(point) for point in points)
        raise BadInput(f"scorer {name!r}: is offered by {both}", "uninstall all but one")
    (point,) = points
    try:
        entry = point.load()
    except Exception as error:  # noqa: BLE001 (another package's module may raise anything)
        raise _unusable(point, f"{type(error).__name__}: {' '.join(str(error).split())}") from None
    if not isinstance(entry, Entry):
        raise _unusable(point, f"{point.value} is not an impasto.scorers.entry.Entry")
    if not NAME.fullmatch(name):
        raise _unusable(point, "a name is lower-case letters, digits, _ and -")
    clash = entry.params.model_fields.keys() & JobSpec.model_fields.keys()
    if clash:
        raise _unusable(point, f"its parameter {min(clash)} is an option of every job")
    return replace(entry, distribution=_distribution(point))


def taken(point: EntryPoint) -> str:
    """Say that an offered name is one of Impasto's own, which takes precedence."""
    return str(_unusable(point, "the name is taken by Impasto's own scorer"))


def _unusable(point: EntryPoint, why: str) -> BadInput:
    return BadInput(
        f"scorer {point.name!r}: {_distribution(point)} cannot be used: {why}",
        "correct or uninstall that package",
    )


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
