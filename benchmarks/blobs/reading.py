"""The work of child processes: plan and read videos, images and folders of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast
from unittest.mock import patch

import av

from blobs.child import Cost, measure
from blobs.client_impasto import stores
from impasto.media.frame import Frame
from impasto.planning import planner
from impasto.schema.job import JobSpec
from impasto.schema.plan import Encoding
from impasto.sources import images
from impasto.sources.open import open_planned, open_source
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    from blobs.child import Place
    from impasto.schema.plan import Plan, Shard
    from impasto.schema.source import VideoCut
    from impasto.storage.store import Stat, Store

FOLDER, VIDEO = "/nowhere/pictures/", "/nowhere/video.mp4"
PLAIN = 256 << 10


def seed(place: Place, first: int, stop: int, bodies: Sequence[bytes]) -> None:
    """Write small blobs named ``000000.png`` and so on, with contents in turn."""
    store = stores(place).open(place.url)
    numbers = range(first, stop)
    for _ in in_order(lambda n: store.put(f"{n:06d}.png", bodies[n % len(bodies)]), numbers, MANY):
        pass


def upload(place: Place, file: Path) -> None:
    """Write a blob of the same name and content as a file."""
    stores(place).open(place.url).put_file(file.name, file)


def plan(place: Place, name: str, shard: int) -> Plan:
    """Plan a video as the source of a video."""
    url = f"{place.url}/{name}"
    spec = JobSpec(source=url, output=VIDEO, shard_frames=shard)
    return planner.plan(open_source(stores(place), url), spec, "video", Encoding())


def read_shard(place: Place, name: str, planned: Plan, shard: Shard) -> int:
    """Read a shard as a worker does; returns its frames."""
    opened = open_planned(stores(place), f"{place.url}/{name}", planned)
    return sum(isinstance(frame, Frame) for frame in opened.read(planned, shard, 1))


def read_plainly(place: Place, name: str, cut: VideoCut) -> int:
    """Read a shard as a script would: open, seek to its keyframe and decode; returns its frames."""
    store = stores(place).open(place.url)
    stat = store.stat(name)
    assert stat
    found = 0
    with av.open(cast("BinaryIO", Plain(store, stat)), "r") as container:
        video = container.streams.video[0]
        container.seek(cut.pts[0], stream=video)
        for frame in container.decode(video):
            found += cut.pts[0] <= (frame.pts or 0) <= cut.pts[-1]
            if found == len(cut.pts):
                break
    return found


class Plain(io.RawIOBase):
    """An object as a file: requests 256 KiB at the reader's position, and keeps just those."""

    def __init__(self, store: Store, stat: Stat) -> None:
        super().__init__()
        self._store, self._stat = store, stat
        self._place = self._start = 0
        self._kept = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._stat.size}[whence]
        self._place = base + offset
        return self._place

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        """Fill a buffer from what is kept, or from the next request."""
        if self._place >= self._stat.size:
            return 0
        if not self._start <= self._place < self._start + len(self._kept):
            self._start, stop = self._place, min(self._place + PLAIN, self._stat.size)
            self._kept = self._store.read_range(self._stat.key, self._start, stop, self._stat.etag)
        offset = self._place - self._start
        part = self._kept[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)


def read_images(place: Place, many: int, count: int) -> Cost:
    """Read the first images of a folder, shard by shard, with this many requests in flight."""
    url = f"{place.url}/"
    opened = open_source(stores(place), url)
    planned = planner.plan(opened, JobSpec(source=url, output=FOLDER), "folder", Encoding())
    shards = [shard for shard in planned.shards if shard.start < count]

    def read() -> int:
        frames = (frame for shard in shards for frame in opened.read(planned, shard, 1))
        return sum(isinstance(frame, Frame) for frame in frames)

    with patch.object(images, "MANY", many):
        return measure(read)


def plan_folder(place: Place) -> Cost:
    """List and plan a folder of images; the first request is not counted."""
    url = f"{place.url}/"
    given = stores(place)
    given.open(url).stat("none")
    spec = JobSpec(source=url, output=FOLDER)
    held: list[Plan] = []

    def work() -> int:
        held.append(planner.plan(open_source(given, url), spec, "folder", Encoding()))
        return held[0].count

    return measure(work)
