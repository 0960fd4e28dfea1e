"""The cost of fetching a shard of a video: requests and bytes, counted by the proxy."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

import av

from blobs.child import alone, child
from blobs.reading import plan, read_plainly, read_shard, upload
from blobs.server import Proxy, serving
from common import clip, loop

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ProcessPoolExecutor
    from pathlib import Path

    from blobs.child import Place
    from impasto.schema.plan import Plan, Shard

    Row = tuple[str, ...]
    Result = TypeVar("Result")

UNIT, GROUP = 100, 50
"""Frames of the part that is looped, and from keyframe to keyframe."""
FORMS = {
    "MP4, index at its end": ("end.mp4", {}),
    "MP4, faststart": ("faststart.mp4", {"movflags": "+faststart"}),
    "Matroska": ("clip.mkv", {}),
}
HEAD = (
    "file",
    "read",
    "payload, MB",
    "requests",
    "bytes over payload",
    "plainly: requests",
    "plainly: bytes over payload",
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """The requests that the service received.

    Attributes:
        requests: how many, of every kind.
        size: bytes of the answers' bodies.
    """

    requests: int
    size: int

    def cells(self, payload: int) -> Row:
        """Format both."""
        return str(self.requests), f"{self.size / payload:.2f}"


@dataclass(frozen=True, slots=True)
class Reading:
    """A process that reads one video through the counting proxy."""

    process: ProcessPoolExecutor
    proxy: Proxy
    place: Place
    name: str

    def counted(self, act: Callable[..., Result], *given: object) -> tuple[Result, Fetched]:
        """Do something with the video and count its requests."""
        self.proxy.clear()
        result = self.process.submit(act, self.place, self.name, *given).result()
        records = list(self.proxy.records)
        return result, Fetched(len(records), sum(record.down for record in records))

    def shard(self, planned: Plan, shard: Shard) -> tuple[Fetched, Fetched]:
        """Read a shard as Impasto does, and plainly; exits unless both return all its frames."""
        found, ours = self.counted(read_shard, planned, shard)
        same, plain = self.counted(read_plainly, shard.cut)
        if not found == same == len(shard):
            sys.exit(f"{self.name}: {found} and {same} of {len(shard)} frames were read")
        return ours, plain


def table(folder: Path, times: int, shard: int) -> list[Row]:
    """Fetch shards of every form of the clip; returns the rows of a table."""
    rows: list[Row] = []
    unit = keyed(clip(), folder / "unit.mp4")
    looped = loop(unit, folder / "looped.mp4", times)
    with serving(folder) as service:
        place = service.container()
        for title, (name, options) in FORMS.items():
            file = remux(looped, folder / name, options)
            alone(upload, place, file)
            with Proxy(place.endpoint, service.authority) as proxy, child() as process:
                reading = Reading(process, proxy, service.through(proxy, place), name)
                rows += of_file(reading, title, file, shard)
    return rows


def of_file(reading: Reading, title: str, file: Path, frames: int) -> list[Row]:
    """Plan a file and fetch its first, a middle and its last shard; returns their rows."""
    whole, sizes = file.stat().st_size, packet_sizes(file)
    planned, cost = reading.counted(plan, frames)
    rows: list[Row] = [(title, "planning", f"{whole / 1e6:.1f}", *cost.cells(whole), "", "")]
    last = len(planned.shards) - 1
    for n in (0, last // 2, last):
        shard = planned.shards[n]
        payload = needed(shard, sizes)
        ours, plain = reading.shard(planned, shard)
        what = f"frames {shard.start} to {shard.stop - 1}"
        both = (*ours.cells(payload), *plain.cells(payload))
        rows.append((title, what, f"{payload / 1e6:.1f}", *both))
    return rows


def needed(shard: Shard, sizes: list[int]) -> int:
    """Sum up the picture packets of a shard, from its keyframe on."""
    assert shard.cut
    return sum(sizes[shard.cut.keys[0].position : shard.cut.stop])


def packet_sizes(file: Path) -> list[int]:
    """List the sizes of a file's picture packets, in its order."""
    with av.open(file) as container:
        return [packet.size for packet in container.demux(video=0) if packet.size]


def keyed(source: Path, target: Path) -> Path:
    """Encode the first frames of a video anew, keyframes evenly apart, with their sound."""
    options = {"crf": "18", "preset": "veryfast", "x264-params": f"keyint={GROUP}:scenecut=0"}
    with av.open(source) as given, av.open(target, "w") as out:
        video, sound = given.streams.video[0], given.streams.audio[0]
        rate = video.average_rate or Fraction(25)
        picture = out.add_stream("libx264", rate, options=options)
        picture.width, picture.height, picture.pix_fmt = video.width, video.height, "yuv420p"
        copied, done = out.add_stream_from_template(sound), 0
        for packet in given.demux(video, sound):
            if packet.stream_index == sound.index:
                if packet.size and (packet.pts or 0) * packet.time_base < UNIT / rate:
                    packet.stream = copied
                    out.mux(packet)
                continue
            for frame in packet.decode()[: UNIT - done]:
                assert isinstance(frame, av.VideoFrame)
                frame.pict_type = 0
                out.mux(picture.encode(frame))
                done += 1
        out.mux(picture.encode(None))
    return target


def remux(source: Path, target: Path, options: dict[str, str]) -> Path:
    """Copy a video's packets into another container."""
    with av.open(source) as given, av.open(target, "w", options=options) as out:
        streams = {s.index: out.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return target
