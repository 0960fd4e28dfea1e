"""Exact times and rates, parsed from what people type."""

from __future__ import annotations

import re
from fractions import Fraction

from impasto.errors import BadInput

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


def fraction(text: str, option: str) -> Fraction:
    """Parse ``24``, ``23.976`` or ``24000/1001`` as a rate; raises BadInput."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise BadInput(f"{option} {text}: is not a frame rate", "write 25 or 24000/1001") from None
