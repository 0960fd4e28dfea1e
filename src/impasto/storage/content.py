"""Versions of local files by their content.

A copy that keeps times leaves the size and the time as they were, and a touch changes the time of
the same content. So the version of a file is a digest of all that it holds. A file that is too
large for that is known by its size, its time, its head and tail, and some pieces between.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from typing import TYPE_CHECKING

from impasto.storage.local import etag, mapped

if TYPE_CHECKING:
    from pathlib import Path

PIECES, PIECE = 8, 1 << 14
"""How many pieces of a file that is too large are read, and the bytes of each."""
SMALL = PIECES * PIECE
"""Bytes of the largest of many files that is read whole."""
LARGE = 1 << 30
"""Bytes of the largest single source that is read whole: some seconds for each process."""
SETTLED = 2_000_000_000
"""Nanoseconds after which a further change of a file surely changes its change time."""
FORMER = re.compile(r"[0-9a-f]+-[0-9a-f]+-[0-9a-f]+")
"""The form of versions in jobs that began before content was looked at."""
MOST_KNOWN = 1 << 18

_known: dict[tuple[int, ...], str] = {}


def version(path: Path, whole: int = SMALL) -> str:
    """Return a tag of a file's content.

    The content is not read again while nothing has changed the file, not even within its times. A
    file that may not be read is known by its size and time.

    Args:
        path: the file.
        whole: bytes of the largest file whose tag is of all its content.

    Raises:
        BadInput, Unavailable: the file system refuses.
    """
    with mapped(str(path)):
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode) or not os.access(path, os.R_OK):
            return etag(path)
        size, time_ns = facts.st_size, facts.st_mtime_ns
        key = (facts.st_dev, facts.st_ino, size, time_ns, facts.st_ctime_ns, size <= whole)
        if key in _known:
            return _known[key]
        found = f"{size:x}.{_digest(path)}" if size <= whole else _sample(path, size, time_ns)
    if time.time_ns() - facts.st_ctime_ns > SETTLED:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = found
    return found


def is_version(path: Path, known: str, whole: int = SMALL) -> bool:
    """Return whether a file is the version with this tag, also in its former form."""
    return known == (etag(path) if FORMER.fullmatch(known) else version(path, whole))


def _digest(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _sample(path: Path, size: int, time_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        for n in range(PIECES):
            file.seek((size - PIECE) * n // (PIECES - 1))
            digest.update(file.read(PIECE))
    return f"{size:x}.{digest.hexdigest()[:32]}.{time_ns:x}"
