"""The cost of an action as a number of calls, which is the same on any machine."""

from __future__ import annotations

import cProfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def calls_of(act: Callable[[], object]) -> int:
    """Count the calls that an action makes, of Python's functions and of those in C."""
    profile = cProfile.Profile()
    profile.runcall(act)
    return sum(entry.callcount for entry in profile.getstats())
