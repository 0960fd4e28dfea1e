"""Moments and lengths of time, as people type them."""

from __future__ import annotations

import re
from fractions import Fraction

UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
"""Seconds in a unit of time, by its name."""
_LENGTH = re.compile(rf"(\d{{1,12}}(?:\.\d{{1,6}})?)\s*({'|'.join(UNITS)})")


def clock(seconds: Fraction | float) -> str:
    """Write a moment of a video as m:ss or h:mm:ss, with hundredths if there are any."""
    hundredths = max(0, round(seconds * 100))
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 100:02d}.{rest % 100:02d}".removesuffix(".00")
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def length(text: str) -> float:
    """Return the seconds of a text such as ``2s``, ``1min``, ``12h`` or ``30d``.

    Raises:
        ValueError: it is a text of another form.
    """
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a number of seconds, or a length such as 2s, 1min, 12h or 30d")
    return float(match[1]) * UNITS[match[2]]


def duration(value: object) -> object:
    """Return the seconds of a text, as `length` does; anything else unchanged.

    Raises:
        ValueError: it is a text of another form.
    """
    return length(value) if isinstance(value, str) else value
