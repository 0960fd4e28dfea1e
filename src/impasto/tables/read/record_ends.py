"""Where the records of well-formed CSV end, found in a block of bytes at once."""

from __future__ import annotations

from typing import Any

import numpy as np

_LINE, _RETURN, _QUOTE = b'\n\r"'


def record_ends(data: bytes, delimiter: str, width: int) -> Any:
    """Find where records end, or None where a block must be examined record by record.

    Args:
        data: whole lines that begin with a record; the last record may be cut off.
        delimiter: the character between fields.
        width: fields of every record.

    Returns:
        The ends of the whole records, blank lines left out, as int64 of shape (records,), none
        where the first one is cut off. None for what RFC 4180 has no place for: records of another
        width, quotes within plain fields, bare carriage returns, text that is not UTF-8.
    """
    if b"\0" in data or not (_returns_end_lines(data) and _decodes(data)):
        return None
    codes = np.frombuffer(data, np.uint8)
    found = (codes == _LINE) | (codes == ord(delimiter))
    quoted = b'"' in data
    marks = np.flatnonzero(found | (codes == _QUOTE) if quoted else found)
    kinds = codes[marks]
    if quoted:
        quotes = kinds == _QUOTE
        if not _well_quoted(codes, marks[quotes], ord(delimiter)):
            return None
        outside = ~quotes & (np.cumsum(quotes) % 2 == 0)
        marks, kinds = marks[outside], kinds[outside]
    lines = np.flatnonzero(kinds == _LINE)
    if not len(lines):
        return marks[:0]
    marks, kinds = marks[: lines[-1] + 1], kinds[: lines[-1] + 1]
    kept = ~_blank(codes, marks, kinds)
    marks, kinds = marks[kept], kinds[kept]
    if (
        len(marks) % width
        or not ((kinds == _LINE) == (np.arange(len(kinds)) % width == width - 1)).all()
    ):
        return None
    return marks[width - 1 :: width] + 1


def _returns_end_lines(data: bytes) -> bool:
    return b"\r" not in data or data.count(b"\r") == data.count(b"\r\n")


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _well_quoted(codes: Any, quotes: Any, delimiter: int) -> bool:
    """Return whether quotes open at a field's start and close at its end, except doubled ones."""
    # The index before the first byte wraps to the last one, which is a line end too.
    before = codes[quotes[::2] - 1]
    begins = (before == delimiter) | (before == _LINE) | (before == _QUOTE)
    after = codes[quotes[1::2] + 1]
    ends = (after == delimiter) | (after == _LINE) | (after == _RETURN) | (after == _QUOTE)
    return bool(begins.all() and ends.all())


def _blank(codes: Any, marks: Any, kinds: Any) -> Any:
    """Find the line ends that have nothing but a carriage return before them on their line."""
    ends = kinds == _LINE
    after = np.r_[True, ends[:-1]]
    gaps = np.diff(marks, prepend=-1)
    bare = (gaps == 1) | ((gaps == 2) & (codes[marks - 1] == _RETURN))
    return ends & after & bare
