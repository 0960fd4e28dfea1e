"""A video whose timestamps are wrong here and there loses no frame, and no other frame's time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import pytest

from impasto.media.read import listing
from impasto.media.read.decode import read
from impasto.media.read.index import cut, scan
from impasto.media.read.packets import pictures
from support.clips import frame_number, make_clip
from support.remake import frame_times, remake, sounds, subtitles, verify
from support.retimed import retimed
from support.shards import assert_shards_equal_sequential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from av.packet import Packet

    from conftest import MakeClip
    from support.retimed import Change

MS = Fraction(1, 1000)
UNEVEN = tuple(20 * n if n < 16 else 320 + 80 * (n - 16) for n in range(48))
"""In milliseconds: at 50 frames a second, and then at 12.5."""

HOUR = 3600 * 1000


def at(place: int, time: Callable[[int], int | None]) -> Change:
    """Give the packet at a place another time, made of its own."""

    def change(number: int, packet: Packet[Any]) -> None:
        if number == place:
            packet.pts = packet.dts = time(packet.pts or 0)

    return change


def several(number: int, packet: Packet[Any]) -> None:
    if 30 <= number < 34:
        packet.pts = packet.dts = UNEVEN[30]


def late(number: int, packet: Packet[Any]) -> None:
    if number == 30:
        packet.pts = UNEVEN[30] + HOUR


KINDS: dict[str, tuple[Change, set[int]]] = {
    "twice": (at(30, lambda _: UNEVEN[29]), {30}),
    "several equal": (several, {31, 32, 33}),
    "hours late": (late, {30}),
    "a keyframe": (at(24, lambda _: UNEVEN[23]), {24}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_timestamp_costs_one_timestamp(clip: MakeClip, tmp_path: Path, kind: str) -> None:
    change, wrong = KINDS[kind]
    whole = clip(".mkv", time_base=MS, pts=UNEVEN, bframes=0)
    source = retimed(whole, tmp_path / "wrong.mkv", {"video": change})
    index = scan(str(source), kind)
    assert (index.whole, index.facts.sequential) == ("", "")
    assert f"moved between their neighbours: {len(wrong)}" in index.warnings[0]
    assert all(a < b for a, b in pairwise(index.pts))
    assert {n for n in range(48) if index.pts[n] != UNEVEN[n]} <= wrong
    assert_shards_equal_sequential(source, sizes=(1, 7, 37, 100))
    output = remake(source, tmp_path / "output.mp4")
    assert frame_times(output.path) == [time * MS for time in index.pts]


def test_timestamps_near_the_limits_of_64_bits_count_as_missing(
    clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def far(*given: Any) -> Iterator[Packet[Any]]:
        for number, packet in enumerate(pictures(*given)):
            packet.pts = packet.dts = (1 << 62) + number
            yield packet

    monkeypatch.setattr(listing, "pictures", far)
    index = scan(str(clip(".mkv", frames=8, bframes=0)), "far")
    assert index.whole == "some pictures have no timestamps"
    assert index.pts == tuple(range(8))


@pytest.mark.parametrize("place", [3, 30, 46])
@pytest.mark.parametrize("time", [7, -40, 30_000])
def test_a_timestamp_that_runs_backwards_or_ahead_costs_one(
    clip: MakeClip, tmp_path: Path, place: int, time: int
) -> None:
    whole = clip(".mkv", time_base=MS, pts=UNEVEN, bframes=0)
    source = restamped(whole, tmp_path / "wrong.mkv", place, time)
    index = scan(str(source), "wrong")
    assert index.whole == ""
    assert index.warnings == ("wrong timestamps, moved between their neighbours: 1",)
    assert {n for n in range(48) if index.pts[n] != UNEVEN[n]} <= {place}
    assert_shards_equal_sequential(source, sizes=(1, 7, 37, 100))


def restamped(source: Path, target: Path, place: int, time: int) -> Path:
    """A copy of a Matroska file of one cluster, in which a block has another time."""
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        packets = [bytes(p) for p in container.demux(video=0) if p.size]
    start = data.index(packets[place][:60])
    data[start - 3 : start - 1] = time.to_bytes(2, "big", signed=True)
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_b_frames_with_a_wrong_timestamp_keep_their_order(
    clip: MakeClip, tmp_path: Path, suffix: str
) -> None:
    """Only a decoder knows where such a frame belongs."""
    whole = clip(suffix, time_base=MS, pts=UNEVEN, bframes=2)
    late = HOUR if suffix == ".mkv" else 16 * HOUR

    def change(number: int, packet: Packet[Any]) -> None:
        if number == 31:
            packet.pts = (packet.pts or 0) + late

    index = scan(str(source := retimed(whole, tmp_path / f"w{suffix}", {"video": change})), "w")
    assert index.whole == ""
    assert index.warnings == ("wrong timestamps, moved between their neighbours: 1",)
    assert index.pts == scan(str(whole), "whole").pts
    assert_shards_equal_sequential(source, sizes=(1, 7, 37))
    frames = read(str(source), "w", index.facts, cut(index, 20, 48), 20)
    assert [frame_number(f.planes[0]) for f in frames] == list(range(20, 48))


def test_missing_timestamps_are_made_up(tmp_path: Path) -> None:
    """Program streams may leave them out; here a transport stream's headers lose theirs."""
    path = make_clip(tmp_path / "a.ts", bframes=0, frames=48, audio=())
    data = bytearray(path.read_bytes())
    headers = [n for n in range(len(data)) if data[n : n + 4] == b"\0\0\1\xe0"]
    for start in headers[20:23]:
        length = data[start + 8]
        data[start + 7] &= 0x3F
        data[start + 9 : start + 9 + length] = b"\xff" * length
    path.write_bytes(data)
    index = scan(str(path), "a.ts")
    assert index.whole == ""
    assert index.pts == scan(str(make_clip(tmp_path / "b.ts", bframes=0, frames=48)), "b").pts
    assert_shards_equal_sequential(path, sizes=(7, 100))


def test_frames_without_room_between_ticks_get_finer_ones(clip: MakeClip, tmp_path: Path) -> None:
    def one_too_many(number: int, packet: Packet[Any]) -> None:
        packet.pts = packet.dts = number - (number >= 30)

    whole = clip(".mkv", time_base=MS, pts=tuple(range(48)), bframes=0)
    source = retimed(whole, tmp_path / "a.mkv", {"video": one_too_many})
    index = scan(str(source), "a")
    assert (index.facts.time_base, index.whole) == (MS / 2, "")
    right = [*range(30), Fraction(59, 2), *range(30, 47)]
    assert [time * index.facts.time_base for time in index.pts] == [time * MS for time in right]
    assert_shards_equal_sequential(source, sizes=(1, 7, 100))
    output = remake(source, tmp_path / "output.mp4")
    assert frame_times(output.path) == [time * MS for time in right]


@pytest.mark.parametrize("by", [-60_000, 10 * HOUR * 90])
def test_a_clock_set_anew_goes_on(clip: MakeClip, tmp_path: Path, by: int) -> None:
    """As a recorder's does, back to its start or hours ahead."""
    unit = Fraction(1, 90000)
    first, second = (
        make_clip(
            tmp_path / f"{start}.ts",
            time_base=unit,
            pts=tuple(3600 * n + n % 3 * 200 for n in range(48)),
            start=start,
            audio=("ac3",),
            audio_start=Fraction(start, 90_000),
        )
        for start in (90_000, 90_000 + by)
    )
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    index = scan(str(path), "joined")
    assert "the video has no gap: 1" in index.whole
    half = scan(str(first), "first").pts
    steps = [b - a for a, b in pairwise(half)]
    found = [b - a for a, b in pairwise(index.pts)]
    assert found[: len(steps)] == found[len(steps) + 1 :] == steps
    assert 0 < found[len(steps)] <= 2 * max(steps)
    assert_shards_equal_sequential(path, sizes=(100,))
    for suffix in (".mp4", ".mkv"):
        output = remake(path, tmp_path / f"output{suffix}", shard=100).path
        assert verify(str(path), str(output)).ok


def delayed(by: Mapping[int, int]) -> Change:
    """Move packets at some places by seconds, there and back within the stream's order."""

    def change(number: int, packet: Packet[Any]) -> None:
        if number in by:
            packet.pts = (packet.pts or 0) + round(by[number] / packet.time_base)

    return change


@pytest.mark.parametrize("after", [".mp4", ".mkv"])
@pytest.mark.parametrize("kind", ["audio", "subtitle"])
def test_a_wrong_time_of_sound_or_subtitles_costs_one(
    clip: MakeClip, tmp_path: Path, kind: str, after: str
) -> None:
    texts = tuple((n, n + 1, f"text {n}") for n in range(9))
    whole = clip(".mkv", frames=250, audio=("ac3",), subtitles=texts, gop=50)
    place = 5 if kind == "subtitle" else 50
    source = retimed(whole, tmp_path / "wrong.mkv", {kind: delayed({place: 3600})})
    warnings = scan(str(source), "wrong").warnings
    assert [w.rsplit(":", 1)[1] for w in warnings if "wrong times of" in w] == [" 1"]
    output = remake(source, tmp_path / f"output{after}", shard=125).path
    slack = MS + Fraction(32, 1000) * (kind == "audio")
    right = remake(whole, tmp_path / f"right{after}", shard=125).path
    (found,), (wanted,) = sounds(output), sounds(right)
    assert found.payloads == wanted.payloads
    off = [abs(a - b) for a, b in zip(found.times, wanted.times, strict=True)]
    assert sum(o > MS for o in off) <= (kind == "audio")
    assert max(off) <= slack
    assert len(subtitles(output)) == 9
    assert verify(str(source), str(output)).ok


def test_packets_in_fragments_with_equal_times_are_carried(clip: MakeClip, tmp_path: Path) -> None:
    """FFmpeg writes such fragments, and hides what comes second."""
    whole = clip(".mp4", audio=("aac",), bframes=0)
    options = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}
    path = retimed(whole, tmp_path / "fragments.mp4", {}, options)
    data = bytearray(path.read_bytes())
    # The header of each fragment states its first decoding time (ISO 14496-12, tfdt).
    times = [n for n in range(len(data)) if data[n : n + 4] == b"tfdt"]
    for earlier, later in ((10, 11), (60, 61), (62, 63)):
        data[times[later] + 8 : times[later] + 16] = data[times[earlier] + 8 : times[earlier] + 16]
    path.write_bytes(data)
    index = scan(str(path), "fragments")
    assert len(index) == 48
    assert index.whole == ""
    frames = read(str(path), "fragments", index.facts, cut(index, 0, 48), 0)
    assert [frame_number(f.planes[0]) for f in frames] == list(range(48))
    output = remake(path, tmp_path / "output.mp4").path
    assert len(frame_times(output)) == 48
    assert sounds(output)[0].payloads == sounds(whole)[0].payloads
    assert verify(str(path), str(output)).ok
