"""Versions of local files by their content.

A copy that keeps times leaves the size and the time as they were, and a touch changes the time of
the same content. So a version is a digest of the size, the head, the tail and some pieces between.
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
"""How many pieces of a large file are read, and the bytes of each."""
SETTLED = 2_000_000_000
"""Nanoseconds after which a further change of a file surely changes its change time."""
FORMER = re.compile(r"[0-9a-f]+-[0-9a-f]+-[0-9a-f]+")
"""The form of versions in jobs that began before content was looked at."""
MOST_KNOWN = 1 << 18

_known: dict[tuple[int, ...], str] = {}


def version(path: Path) -> str:
    """Return a tag of a file's content; raises BadInput or Unavailable.

    The content is not read again while nothing has changed the file, not even within its times. A
    file that may not be read is told by its size and time.
    """
    with mapped(str(path)):
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode) or not os.access(path, os.R_OK):
            return etag(path)
        key = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        if key in _known:
            return _known[key]
        found = f"{facts.st_size:x}.{_sample(path, facts.st_size)}"
    if time.time_ns() - facts.st_ctime_ns > SETTLED:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = found
    return found


def is_version(path: Path, known: str) -> bool:
    """Return whether a file is the version with this tag, also in its former form."""
    return known == (etag(path) if FORMER.fullmatch(known) else version(path))


def _sample(path: Path, size: int) -> str:
    """Return a digest of a file's head, tail and pieces between, or of all of a small one."""
    last = max(0, size - PIECE)
    starts = sorted({last * n // (PIECES - 1) for n in range(PIECES)})
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        for start in [0] if size <= PIECES * PIECE else starts:
            file.seek(start)
            digest.update(file.read(PIECES * PIECE if size <= PIECES * PIECE else PIECE))
    return digest.hexdigest()[:32]
