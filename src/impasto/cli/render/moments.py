"""Points in time, as people write them, in the time zone of this machine."""

from __future__ import annotations

import time

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""In English, whatever the locale."""
HALF_A_YEAR = 180 * 86400.0
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def short(moment: float, now: float) -> str:
    """Write a moment in twelve columns: with the time of day, or the year if it is long ago."""
    local = time.localtime(moment)
    day = f"{local.tm_mday:2d} {MONTHS[local.tm_mon - 1]}"
    if abs(now - moment) > HALF_A_YEAR:
        return f"{day}  {local.tm_year:04d}"
    return f"{day} {local.tm_hour:02d}:{local.tm_min:02d}"


def stamp(moment: float) -> str:
    """Write a moment to the second, so that it sorts."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def full(moment: float, now: float) -> str:
    """Write a moment to the second, and how long ago it was."""
    for seconds, unit in _UNITS:
        if now - moment >= seconds:
            return f"{stamp(moment)} ({int((now - moment) // seconds)} {unit} ago)"
    return f"{stamp(moment)} (just now)"
