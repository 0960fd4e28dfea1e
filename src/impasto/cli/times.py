"""Exact times and rates, parsed from what people type."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from datetime import datetime
from fractions import Fraction

from impasto.errors import BadInput
from impasto.schema.moments import length

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(min|h|d|w)")
_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")


def seconds(text: str, option: str) -> Fraction:
    """Parse ``12.5``, ``1:02.5`` or ``1:00:02.5`` as seconds; raises BadInput."""
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        raise BadInput(
            f"{option} {text}: is not a time", "write seconds or hh:mm:ss, such as 1:02.5"
        )
    hours, minutes, rest = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + Fraction(rest)


def since_moment(text: str, option: str) -> float:
    """Parse ``2d``, ``12h``, ``30min`` (ago) or ``2026-11-01`` as seconds since 1970.

    Raises:
        BadInput: it is neither.
    """
    with suppress(ValueError):
        return time.time() - length(text)
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        remedy = "write 2d, 12h, 30min or a date such as 2026-11-01"
        raise BadInput(f"{option} {text}: is not a time", remedy) from None


def fraction(text: str, option: str) -> Fraction:
    """Parse ``24``, ``23.976`` or ``24000/1001`` as a rate; raises BadInput."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise BadInput(f"{option} {text}: is not a frame rate", "write 25 or 24000/1001") from None
