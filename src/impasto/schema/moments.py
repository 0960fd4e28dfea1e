"""Moments of a video, as people type them."""

from __future__ import annotations

from fractions import Fraction


def clock(seconds: Fraction | float) -> str:
    """Write a moment of a video as m:ss or h:mm:ss, with hundredths if there are any."""
    hundredths = max(0, round(seconds * 100))
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 100:02d}.{rest % 100:02d}".removesuffix(".00")
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
