"""Patterns of names: * and ? within a name, [ab] one of these, ** any folders."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WILD = re.compile(r"[*?\[]")
"""What makes a name a pattern."""


def matches(name: str, pattern: Sequence[str]) -> bool:
    """Return whether a relative path matches the parts of a pattern."""
    return len(pattern) in reached(name.split("/"), pattern)


def reached(parts: Sequence[str], pattern: Sequence[str]) -> set[int]:
    """Return how many parts of a pattern a path's parts may have used up."""
    places = _skipped({0}, pattern)
    for part in parts:
        after = set()
        for at in places:
            if at < len(pattern) and pattern[at] == "**":
                # A ``**`` that ends the pattern matches files, too.
                after |= {at, at + 1} if at + 1 == len(pattern) else {at}
            elif at < len(pattern) and fnmatchcase(part, pattern[at]):
                after.add(at + 1)
        places = _skipped(after, pattern)
    return places


def _skipped(places: set[int], pattern: Sequence[str]) -> set[int]:
    """Add the places past a ``**`` that matches no folder; one at the end matches at least one."""
    for at in range(len(pattern) - 1):
        if at in places and pattern[at] == "**":
            places = places | {at + 1}
    return places
