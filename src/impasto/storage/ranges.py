"""Files and objects that a user names, opened for libraries that read files and seek in them."""

from __future__ import annotations

import io
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from impasto.storage.store import Stat, Store

BLOCK = 64 << 10
"""Bytes of a block, the unit of requests and of what is kept."""
FIRST, WINDOW = 2, 128
"""Blocks of the smallest request and of the largest one: 128 KiB and 8 MiB."""
TAIL = 16
"""Blocks at an object's end that are fetched at once, since a container's index is read whole."""
KEPT = 2 * WINDOW + 4 * TAIL
"""Blocks kept: those of the request being read and of the next one, and a container's index."""


class RangeReader(io.RawIOBase):
    """Reads one version of an object by ranges, ahead of a sequential reader.

    A request is small after a seek, and twice as long each time that reading continues where the
    last one ended, up to `WINDOW` blocks. In a range that was announced (`will_read`), requests
    have full length from the start, none goes past the range, and the next one is in flight while
    the current one is used. Not safe to use from several threads at once.

    Attributes:
        requests: how many were sent.
        fetched: bytes they returned.
    """

    def __init__(self, store: Store, stat: Stat) -> None:
        """Prepare to read the object that ``stat`` describes; nothing is fetched yet."""
        super().__init__()
        self._store, self._stat = store, stat
        self._blocks: OrderedDict[int, memoryview] = OrderedDict()
        self._last = -(-stat.size // BLOCK)
        self._place = 0
        self._window = FIRST
        self._next = -1
        self._expected = range(0)
        self._pool = ThreadPoolExecutor(1, "ahead")
        self._ahead: tuple[range, Future[memoryview]] | None = None
        self.requests = 0
        self.fetched = 0

    def will_read(self, start: int, stop: int) -> None:
        """Announce that just the bytes from ``start`` up to ``stop`` will be read, in order."""
        self._expected = range(start // BLOCK, -(-min(stop, self._stat.size) // BLOCK))

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        self._check_open()
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset; fetches nothing."""
        self._check_open()
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._stat.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        """Fill a buffer up to the end of the object, or of the announced range.

        Raises:
            Changed: the object has changed.
            Unavailable: the store does not answer.
        """
        self._check_open()
        wanted = max(0, min(len(buffer), self._stat.size - self._place))
        if self._place // BLOCK in self._expected:
            # Libraries ask for more than they need; a short answer keeps them from fetching it.
            wanted = min(wanted, self._expected.stop * BLOCK - self._place)
        done = 0
        while done < wanted:
            number, offset = divmod(self._place, BLOCK)
            part = self._block(number)[offset : offset + wanted - done]
            buffer[done : done + len(part)] = part
            done += len(part)
            self._place += len(part)
        return done

    def close(self) -> None:
        """Close the reader and drop what was read."""
        if not self.closed:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._blocks.clear()
        super().close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def _block(self, number: int) -> memoryview:
        if number not in self._blocks:
            self._load(number)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _load(self, number: int) -> None:
        """Load a block: from the request in flight if that has it, else from a new one."""
        going_on = number == self._next and number in self._expected
        coming, self._ahead = self._ahead, None
        if coming and (number in coming[0] or coming[1].done()):
            self._keep(coming[0], coming[1].result())
            coming = None
        if number not in self._blocks:
            blocks = self._extent(number)
            self._keep(blocks, self._fetch(blocks))
        if going_on and self._next == self._last:
            # All was read in order, as announced; a reader that goes back now needs few bytes.
            self._expected = range(0)
        if coming:
            self._ahead = coming
        elif self._next in self._expected and self._next not in self._blocks:
            following = self._extent(self._next)
            self._ahead = following, self._pool.submit(self._fetch, following)

    def _extent(self, number: int) -> range:
        """Choose the blocks to request when one is missing."""
        if number in self._expected:
            return range(number, min(number + WINDOW, self._expected.stop))
        self._window = min(2 * self._window, WINDOW) if number == self._next else FIRST
        length = TAIL if self._last - number <= TAIL else self._window
        return range(number, min(number + length, self._last))

    def _fetch(self, blocks: range) -> memoryview:
        start, stop = blocks.start * BLOCK, min(blocks.stop * BLOCK, self._stat.size)
        data = self._store.read_range(self._stat.key, start, stop, self._stat.etag)
        self.requests += 1
        self.fetched += len(data)
        return data

    def _keep(self, blocks: range, data: memoryview) -> None:
        for place, number in enumerate(blocks):
            self._blocks[number] = data[place * BLOCK : (place + 1) * BLOCK]
            self._blocks.move_to_end(number)
        self._next = blocks.stop
        while len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)


def open_object(store: Store, stat: Stat, span: tuple[int, int] | None = None) -> BinaryIO:
    """Open an object of which all, or one range, will be read in order."""
    reader = RangeReader(store, stat)
    reader.will_read(*(span or (0, stat.size)))
    return cast("BinaryIO", reader)
