"""Names, numbers and lengths of time, as people read them in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED = 5
"""Names that a line holds."""


def plain(text: str) -> str:
    """Return a name or a line that is safe to print on terminals."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown.encode(errors="replace").decode()


def clock(seconds: float) -> str:
    """Write seconds as h:mm:ss or m:ss, or with a decimal when there are few."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size(count: int) -> str:
    """Write bytes in the unit that fits."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def counted(count: int, noun: str) -> str:
    """Write a number of things, which are named in the plural."""
    return f"{count:,} {noun.removesuffix('s') if count == 1 else noun}"


def first_few(names: Sequence[str]) -> str:
    """Write the first of many names."""
    shown = [plain(name) for name in names[:NAMED]]
    return ", ".join([*shown, "..."] if len(names) > NAMED else shown)


def shortened(text: str, width: int) -> str:
    """Shorten a text in its middle, so that the end of a file's name stays."""
    if len(text) <= width:
        return text
    end = max(1, 2 * (width - 1) // 3)
    return f"{text[: width - 1 - end]}…{text[-end:]}"
