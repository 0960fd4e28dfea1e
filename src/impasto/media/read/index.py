"""Find where the frames of a video are by reading its packets, without decoding them.

The sorted timestamps of the packets are the timestamps of the decoded frames, for every intact file
that has timestamps. So a range of frames can be named exactly before anything is decoded. Wrong
timestamps are put right (``settle``), and readers are told which (``VideoCut.moved``). Files where
too few are right are marked (``VideoFacts.sequential``): they are decoded once from start to end,
and their frames are counted.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice, pairwise
from math import ceil
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from impasto.errors import BadInput
from impasto.media.read.beside import believable
from impasto.media.read.container import open_source
from impasto.media.read.deinterlace import REACH
from impasto.media.read.listing import list_pictures
from impasto.media.read.packets import decoded, pictures, shown_order
from impasto.media.read.probe import agree, first_frames, video_facts
from impasto.media.read.settle import (
    MAX_REORDER,
    Picture,
    Settled,
    continued,
    doubt,
    in_order,
    mended,
)
from impasto.schema.bounds import FINEST
from impasto.schema.source import Keyframe, VideoCut, VideoFacts

if TYPE_CHECKING:
    from impasto.media.read.container import Source
    from impasto.media.read.listing import Listing

MANY = 1000
"""The most wrong timestamps with which a video is still read in ranges: each range knows them."""

SPARE_KEYS = 3
"""Earlier keyframes given to a reader, for containers that seek too late."""

NOTHING_MOVED: Mapping[int, int | None] = MappingProxyType({})


def _no_spans() -> array[int]:
    return array("q")


@dataclass(frozen=True, slots=True)
class VideoIndex:
    """The frames of a video.

    Attributes:
        facts: what is known of the picture stream.
        pts: presentation timestamps of all frames, ascending, in ``facts.time_base``.
        positions: for each frame, the position in the file, counted in picture packets, of the
            last packet that it needs: its own, or the file's last when ``facts.sequential``.
        keys: keyframes by timestamp; empty when the video is read as one piece.
        reorder: how many frames decoding order lags behind presentation order.
        moved: timestamps that are wrong in the file, by position; None is no frame's.
        whole: why the video is read as one piece, or "" when ranges of it can be.
        warnings: what a user should know about the source, one line each.
        spans: for each picture packet by position, the bytes of the file where it begins and ends,
            one after the other; empty where the container does not say.
    """

    facts: VideoFacts
    pts: tuple[int, ...]
    positions: tuple[int, ...]
    keys: tuple[Keyframe, ...] = ()
    reorder: int = 0
    moved: Mapping[int, int | None] = field(default_factory=dict)
    whole: str = ""
    warnings: tuple[str, ...] = ()
    spans: array[int] = field(default_factory=_no_spans)

    def __len__(self) -> int:
        return len(self.pts)

    def shown(self, key: Keyframe) -> int:
        """Return when a keyframe is shown, in ``facts.time_base``."""
        time = self.moved.get(key.position)
        return key.pts if time is None else time


class _Shown(NamedTuple):
    """A packet whose frame is shown."""

    pts: int
    position: int


def scan(source: Source, name: str, stream: int | None = None) -> VideoIndex:
    """Read a video's packets, and its first frames, into an index.

    Args:
        source: a local path or a binary file object that can seek.
        name: what messages call the video.
        stream: index of the picture stream; None chooses it.

    Raises:
        BadInput: the file cannot be opened, or holds no pictures or more than ``MAX_FRAMES``.
    """
    seen = list_pictures(source, name, stream)
    reason = doubt(seen.pictures, seen.longest)
    settled = _settle(source, name, seen) if reason else Settled(seen.pictures)
    found = settled and _timed(source, name, seen, settled)
    if settled and not found:
        reason = "the packets do not match the frames"
        settled = _as_decoded(source, name, seen)
        found = settled and _timed(source, name, seen, settled, whole=reason)
    return found or _sequential(source, name, seen, reason)


def _settle(source: Source, name: str, seen: Listing) -> Settled | None:
    """Put wrong timestamps right; None where too few can be used."""
    settled = continued(seen.pictures, seen.longest)
    if not doubt(settled.pictures, seen.longest):
        return settled
    pictures = settled.pictures
    order = [p.position for p in pictures if not p.discard]
    if not in_order(pictures):
        order = _decoded_order(source, name, seen)
    return mended(settled, order)


def _as_decoded(source: Source, name: str, seen: Listing) -> Settled | None:
    """Give the frames their timestamps in decoded order; None where these only count them."""
    order = _decoded_order(source, name, seen)
    settled = mended(Settled(seen.pictures), order)
    times = sorted(p.pts for p in settled.pictures if p.pts is not None) if settled else []
    return settled if len({b - a for a, b in pairwise(times)}) > 1 else None


def _decoded_order(source: Source, name: str, seen: Listing) -> list[int]:
    container, stream = open_source(source, name, seen.stream)
    with container:
        packets = islice(pictures(container, stream), len(seen.pictures))
        return shown_order(stream.codec_context, packets)


def _timed(
    source: Source, name: str, seen: Listing, settled: Settled, whole: str = ""
) -> VideoIndex | None:
    """Index frames by their timestamps; None where they are not those of the decoded frames."""
    shown = _shown(settled.pictures)
    reorder = _reorder(shown)
    moved = settled.moved(seen.pictures)
    facts, times = _facts(source, name, seen, reorder, moved)
    ordered = sorted(shown)
    if not agree([p.pts for p in ordered], reorder, times):
        return None
    unit = facts.time_base / settled.finer
    if unit.denominator > FINEST or any(believable(ordered[n].pts) is None for n in (0, -1)):
        return None
    if settled.jumps or len(moved) > MANY:
        whole = whole or settled.notes[0]
    notes = [note for note in settled.notes if note != whole]
    shifts, told = seen.beside.shifts(seen.pictures, settled, unit)
    warnings = [*seen.warnings, *notes, *told]
    warnings += [f"{whole}; it is read as one piece"] if whole else []
    early = sum(not p.discard and p.pts is not None for p in settled.pictures) - len(shown)
    if early:
        warnings.append(f"pictures before the first keyframe, left out: {early}")
    return VideoIndex(
        facts=facts.model_copy(
            update={
                "time_base": unit,
                "shifts": shifts,
                "last_duration": seen.last * settled.finer,
            }
        ),
        pts=tuple(p.pts for p in ordered),
        positions=tuple(p.position for p in ordered),
        keys=() if whole else _keys(seen.pictures, settled),
        reorder=reorder,
        moved=moved,
        whole=whole,
        warnings=tuple(warnings),
        spans=_spans(seen.pictures),
    )


def cut(index: VideoIndex, start: int, stop: int, lead: int = 0, trail: int = 0) -> VideoCut:
    """Return how to read the frames from ``start`` up to, not including, ``stop``.

    Args:
        index: the video's frames.
        start: the first frame.
        stop: one past the last.
        lead: how many frames before them are scored with them, of those that there are.
        trail: how many frames after them are.
    """
    beside = REACH if index.facts.deinterlace else 0
    low, high = max(start - lead - beside, 0), min(stop + trail + beside, len(index))
    positions = index.positions[low:high]
    first = min(positions)
    reach = bisect_right(index.keys, index.pts[low], key=index.shown)
    usable = (k for k in reversed(index.keys[:reach]) if k.position <= first)
    keys = tuple(islice(usable, 1 + SPARE_KEYS))
    end = max(positions) + 1
    begin = keys[0].position if keys else 0
    spans = index.spans[2 * begin : 2 * end]
    return VideoCut(
        pts=index.pts[start:stop],
        before=index.pts[low:start],
        after=index.pts[stop:high],
        lead=lead,
        trail=trail,
        keys=keys,
        stop=end,
        reorder=index.reorder,
        moved=tuple((place, time) for place, time in index.moved.items() if place < end),
        span=(min(spans[::2]), max(spans[1::2])) if spans else None,
    )


def select(
    index: VideoIndex, first_time: Fraction | None = None, last_time: Fraction | None = None
) -> tuple[int, int]:
    """Find the frames shown in a half-open range of time.

    Args:
        index: the video's frames.
        first_time: seconds after the first frame; None is the start.
        last_time: seconds after the first frame; None is the end.

    Returns:
        ``(start, stop)``: the frames with ``first_time <= time < last_time``.
    """

    def rank(time: Fraction) -> int:
        return bisect_right(index.pts, index.pts[0] + ceil(time / index.facts.time_base) - 1)

    start = 0 if first_time is None else rank(first_time)
    return start, len(index) if last_time is None else max(start, rank(last_time))


def _spans(packets: list[Picture]) -> array[int]:
    if any(p.start < 0 for p in packets):
        return array("q")
    return array("q", (edge for p in packets for edge in (p.start, p.start + p.size)))


def _facts(
    source: Source,
    name: str,
    seen: Listing,
    reorder: int = 0,
    moved: Mapping[int, int | None] = NOTHING_MOVED,
) -> tuple[VideoFacts, list[int | None]]:
    """Return the facts, and the timestamps of the first frames as the decoder returns them."""
    container, stream = open_source(source, name, seen.stream)
    with container:
        frame, times, interlaced = first_frames(container, stream, reorder, moved)
        if frame is None:
            raise BadInput(f"{name}: none of its pictures can be decoded", "copy it again")
        facts = video_facts(container, stream, frame)
        return facts.model_copy(update={"interlaced": interlaced}), times


def _shown(packets: list[Picture]) -> list[_Shown]:
    """Pick the packets that yield a frame, in file order: decoding starts at the first keyframe."""
    first = next((p.pts for p in packets if p.key and p.pts is not None), None)
    return [
        _Shown(p.pts, p.position)
        for p in packets
        if p.pts is not None and first is not None and p.pts >= first and not p.discard
    ]


def _keys(given: list[Picture], settled: Settled) -> tuple[Keyframe, ...]:
    """List the keyframes to seek to: those whose time in the file is right, and theirs alone."""
    times = Counter(p.pts for p in given if p.key)
    found = [
        (new.pts, Keyframe(pts=old.pts, dts=old.dts, position=old.position))
        for old, new in zip(given, settled.pictures, strict=True)
        if old.key and not old.discard and old.pts is not None and times[old.pts] == 1
        if new.pts == old.pts * settled.finer
    ]
    return tuple(key for _, key in sorted(found, key=itemgetter(0)))


def _reorder(shown: list[_Shown]) -> int:
    ranks = sorted(range(len(shown)), key=shown.__getitem__)
    return min(MAX_REORDER, max((i - rank for rank, i in enumerate(ranks)), default=0))


def _sequential(source: Source, name: str, seen: Listing, reason: str) -> VideoIndex:
    """Index a video whose frames must be counted by decoding them all."""
    facts, _ = _facts(source, name, seen)
    total = len(seen.pictures)
    container, stream = open_source(source, name, seen.stream)
    with container:
        packets = islice(pictures(container, stream), total)
        frames = sum(1 for _ in decoded(stream.codec_context, packets))
    # Counted frames show nothing of the file's clock, so each stream goes on by itself.
    shifts, told = seen.beside.shifts(seen.pictures, Settled(seen.pictures), facts.time_base)
    told.append(f"{reason}; it is read as one piece, and timed at its nominal rate")
    return VideoIndex(
        facts=facts.model_copy(
            update={"sequential": reason, "time_base": 1 / facts.rate, "shifts": shifts}
        ),
        pts=tuple(range(frames)),
        positions=(total - 1,) * frames,
        whole=reason,
        warnings=(*seen.warnings, *told),
    )
