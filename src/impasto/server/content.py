"""A file or an object that is sent to a client: one version of it, by ranges, in bounded memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from impasto.errors import Missing
from impasto.storage import inside

if TYPE_CHECKING:
    from impasto.schema.url import Url
    from impasto.storage.store import Store
    from impasto.storage.stores import Stores

PIECE, LOCAL_PIECE = 1 << 20, 256 << 10
"""Bytes that are read and sent at once, from a store and from this machine."""


@dataclass(frozen=True)
class Content:
    """One version of a file or an object.

    Attributes:
        name: what to call it, without folders.
        size: its bytes.
        version: changes whenever it does: a store's etag, or what stands for one.
        modified: its last change, seconds since 1970.
        part: yields the bytes of a half-open range, a piece at a time, and then closes it; raises
            Changed or Unavailable.
        close: lets go of it without reading.
    """

    name: str
    size: int
    version: str
    modified: float
    part: Callable[[int, int], Generator[bytes | memoryview]]
    close: Callable[[], None]

    @property
    def etag(self) -> str:
        """Its version as HTTP writes it."""
        return f'"{hashlib.sha256(self.version.encode()).hexdigest()[:32]}"'


def open_content(stores: Stores, root: Url, key: str) -> Content:
    """Open a file or an object.

    Args:
        stores: what may be opened.
        root: the folder or prefix that the key counts from; on this machine, no link is followed
            below it.
        key: the file or object.

    Raises:
        Missing: there is none.
        BadInput: it is a link, in a folder that is one, or no file.
        Unavailable: its store does not answer.
    """
    if root.local:
        return _file(root, key)
    return of_object(stores.open(root), key)


def of_object(store: Store, key: str) -> Content:
    """Open an object of a store that nobody else writes to; raises as `open_content` does."""
    stat = store.stat(key)
    if stat is None:
        raise Missing(f"{store.where(key)}: no such object", "it was removed")

    def part(start: int, stop: int) -> Generator[memoryview]:
        for begin in range(start, stop, PIECE):
            yield store.read_range(key, begin, min(begin + PIECE, stop), stat.etag)

    name = key.rpartition("/")[2]
    return Content(name, stat.size, stat.etag, stat.modified, part, lambda: None)


def _file(root: Url, key: str) -> Content:
    if not root.path.is_dir():
        raise Missing(f"{root}: no such folder", "it was removed")
    file = inside.open_file(root.path, key)
    facts = os.fstat(file.fileno())
    version = f"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}"

    def part(start: int, stop: int) -> Generator[bytes]:
        return _pieces(file, start, stop)

    name = key.rpartition("/")[2]
    return Content(name, facts.st_size, version, facts.st_mtime, part, file.close)


def _pieces(file: BinaryIO, start: int, stop: int) -> Generator[bytes]:
    with closing(file):
        while start < stop:
            piece = os.pread(file.fileno(), min(LOCAL_PIECE, stop - start), start)
            if not piece:
                # It became shorter; the client sees that the answer is incomplete.
                return
            start += len(piece)
            yield piece
