"""Tracebacks of scorers, as users want to see them: the lines of their own files."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from impasto.cli import debugging
from impasto.schema.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

_FRAME = re.compile(r'\s*File "(?P<file>.*)", line (?P<line>\d+)(?:, in (?P<name>.*))?$')
_IMPASTO = r"/impasto/(?:cli|driver|engines|media|outputs|scorers|sources|storage|tables|worker)/"
_JUDGES = re.compile(_IMPASTO)
_OTHERS = re.compile(rf"^<frozen |/(?:site|dist)-packages/|/lib/python\d[\d.]*/|{_IMPASTO}")
"""Files that are Python's, a library's or Impasto's, on whatever machine."""


def lines(traceback: str) -> list[str]:
    """Return the lines of a traceback to show below its error.

    These are the frames in the user's own files, one line each; with --debug, or if there are no
    such frames, all of it; but none where Impasto alone has judged a value.
    """
    found = traceback.splitlines()
    own = [] if debugging.asked else list(_own(found))
    if not (own or debugging.asked) and _judged(found):
        return []
    return own or [plain(line) for line in found]


def is_own(file: str) -> bool:
    """Return whether a traceback's file is the user's own."""
    return not _OTHERS.search(file)


def _judged(found: list[str]) -> bool:
    """Return whether a traceback is that of a ValueError with which Impasto refuses a value."""
    files = [match["file"] for line in found if (match := _FRAME.match(line))]
    raised = any(line.startswith("ValueError: ") for line in found)
    return raised and bool(files) and all(map(_JUDGES.search, files))


def _own(found: list[str]) -> Iterator[str]:
    for line, after in zip_longest(found, found[1:], fillvalue=""):
        match = _FRAME.match(line)
        if not match or not is_own(match["file"]):
            continue
        name = f", in {match['name']}" if match["name"] else ""
        code = "" if _FRAME.match(after) else after.strip()
        yield plain(f"{match['file']}, line {match['line']}{name}" + (f": {code}" if code else ""))
