"""When a video's sounds and subtitles are due, where the file gives some a wrong time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from impasto.media.read.mend import ascending, jumps, usual_step
from impasto.schema.bounds import LATEST
from impasto.schema.source import Shift

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.packet import Packet

    from impasto.media.read.settle import Picture, Settled


def believable(time: int | None) -> int | None:
    """Return a packet's timestamp, or None for one with which 64 bits cannot reckon."""
    return None if time is None or abs(time) >= LATEST else time


def given_time(packet: Packet[Any]) -> int | None:
    """Return when a packet of sound or subtitles is due, as the file says."""
    dts = believable(packet.dts)
    return believable(packet.pts) if dts is None else dts


@dataclass(slots=True)
class _Track:
    """One stream: its packets' times and durations, and how many pictures come before each."""

    unit: Fraction
    sound: bool
    times: list[int | None] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)
    durations: Counter[int] = field(default_factory=Counter)

    def step(self) -> int:
        """Return the usual time from one packet to the next."""
        usual = self.durations.most_common(1)
        return usual[0][0] if self.sound and usual else usual_step(self.times)

    def in_doubt(self) -> bool:
        """Return whether some time is missing or too early; subtitles may share one."""
        least = 1 if self.sound else 0
        if any(time is None for time in self.times):
            return True
        known = [time for time in self.times if time is not None]
        return any(later - earlier < least for earlier, later in pairwise(known))


class Beside:
    """The times of all sounds and subtitles, gathered while a file's pictures are listed."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}

    def note(self, packet: Packet[Any], pictures: int) -> None:
        """Take down a packet that comes after so many pictures."""
        kind = packet.stream.type
        if not packet.size or kind not in {"audio", "subtitle"}:
            return
        track = self._tracks.get(packet.stream_index)
        if track is None:
            unit = packet.stream.time_base or Fraction(1)
            track = self._tracks[packet.stream_index] = _Track(unit, kind == "audio")
        track.times.append(given_time(packet))
        track.behind.append(pictures)
        if packet.duration:
            track.durations[packet.duration] += 1

    def shifts(
        self, given: Sequence[Picture], settled: Settled, unit: Fraction
    ) -> tuple[tuple[Shift, ...], list[str]]:
        """Return how to move wrong times, and what to tell, one line each.

        Args:
            given: the pictures as they are in the file.
            settled: the same with right timestamps.
            unit: seconds per tick of the latter.
        """
        found: list[Shift] = []
        notes = []
        for stream, track in sorted(self._tracks.items()):
            if settled.jumps or track.in_doubt():
                moved = list(_continued(track, given, settled, unit))
                right = _rising(moved, track)
                wrong = sum(a != b for a, b in zip(moved, right, strict=True))
                if wrong:
                    what = "sound" if track.sound else "subtitles"
                    notes.append(f"wrong times of {what} in track {stream}, moved: {wrong}")
                found += _runs(stream, track.times, right)
        return tuple(found), notes


def _continued(
    track: _Track, given: Sequence[Picture], settled: Settled, unit: Fraction
) -> Iterator[int | None]:
    """Yield times on the pictures' clock where that was reset, or else on the track's own."""
    if not settled.jumps:
        added = jumps(track.times, track.step()) if track.sound else None
        for place, time in enumerate(track.times):
            yield time if added is None or time is None else time + added[place]
        return
    offsets = [0, *settled.jumps]
    ticks = [round(by * unit / track.unit) for by in offsets]
    scale = float(unit / track.unit)
    place_of = {by: place for place, by in enumerate(offsets)}
    for time, behind in zip(track.times, track.behind, strict=True):
        if time is None:
            yield None
            continue
        picture = max(0, behind - 1)
        old, new = _when(given[picture]), _when(settled.pictures[picture])
        here = place_of.get(new - old * settled.finer, 0)
        near = ticks[max(0, here - 1) : here + 2]
        yield time + min(near, key=lambda by: abs(time + by - new * scale))


def _when(picture: Picture) -> int:
    return (picture.pts if picture.dts is None else picture.dts) or 0


def _rising(times: list[int | None], track: _Track) -> list[int]:
    """Return times that ascend, or for subtitles do not descend, with as few moved as possible."""
    spread = 1 if track.sound else len(times) + 1
    wide = [None if t is None else t * spread + n % spread for n, t in enumerate(times)]
    found = ascending(wide, track.step() * spread)
    if found is None:
        right = [t if t is not None else 0 for t in times]
    else:
        right = [time // (spread * found.finer) for time in found.times]
    for place in range(1, len(right)):
        right[place] = max(right[place], right[place - 1] + track.sound)
    return right


def _runs(stream: int, given: list[int | None], right: list[int]) -> Iterator[Shift]:
    by = 0
    for place, (old, new) in enumerate(zip(given, right, strict=True)):
        if old is None or new - old != by:
            by = new - (old or 0)
            yield Shift(stream=stream, place=place, by=by)
