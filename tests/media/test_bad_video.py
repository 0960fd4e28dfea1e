"""Bad input ends in one clear line, or in every frame that can be had; never in a hang."""

from __future__ import annotations

import io
import random
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import av
import pytest

from impasto.errors import BadInput
from impasto.media.read import listing
from impasto.media.read.container import open_source
from impasto.media.read.decode import read
from impasto.media.read.index import cut, scan
from impasto.media.read.probe import agree
from support.clips import frame_number, make_clip
from support.retimed import make_slides

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from impasto.media.frame import Frame

    MakeClip = Callable[..., Path]

CONTAINERS = {
    "header at the start": (".mp4", {"movflags": "+faststart"}),
    "matroska": (".mkv", {}),
    "transport stream": (".ts", {}),
}
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{path}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{path}'\n"
DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet><Representation>
<BaseURL>{path}</BaseURL></Representation></AdaptationSet></Period></MPD>"""
LARGEST = 600 * 1024  # KiB of memory that a refused bomb may take, libraries included


def refusal(source: str | io.BytesIO, name: str = "holiday.mp4") -> str:
    """The message with which a scan refuses; it must be one prompt line about the thing."""
    began = time.monotonic()
    with pytest.raises(BadInput) as caught:
        scan(source, name)
    message = str(caught.value)
    assert time.monotonic() - began < 5
    assert message.startswith(name)
    assert "\n" not in message
    assert "Errno" not in message
    return message


def everything(path: Path) -> list[Frame]:
    index = scan(str(path), path.name)
    return list(read(str(path), path.name, index.facts, cut(index, 0, len(index)), 0))


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    assert "is empty" in refusal(str(path))
    assert "is empty" in refusal(io.BytesIO())


@pytest.mark.parametrize("content", [b"Dear diary,\n" * 400, random.Random(1).randbytes(50_000)])
def test_text_and_random_bytes_are_no_known_format(content: bytes) -> None:
    assert "not in a known media format" in refusal(io.BytesIO(content))


def test_a_missing_file_and_a_folder_are_named_as_such(tmp_path: Path) -> None:
    assert "No such file" in refusal(str(tmp_path / "nothing.mp4"))
    assert "is a folder" in refusal(str(tmp_path))


def test_sound_alone_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=48000)
        sound = av.AudioFrame("s16", "stereo", 2048)
        sound.sample_rate = 48000
        for packet in stream.encode(sound) + stream.encode(None):
            out.mux(packet)
    assert "no video stream, only audio" in refusal(str(path))


def test_a_cover_picture_is_not_the_video(clip: MakeClip) -> None:
    container, stream = open_source(str(clip(".mp4", cover=True)), "clip")
    with container:
        assert len(container.streams.video) == 2
        assert (stream.width, stream.height) == (96, 64)


def test_an_address_on_the_network_is_not_opened() -> None:
    assert "No such file" in refusal("http://127.0.0.1:9/clip.mp4")


@pytest.mark.parametrize("share", [20, 40, 60, 80, 95])
@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_cut_off_file_gives_the_frames_that_are_there(
    clip: MakeClip, tmp_path: Path, kind: str, share: int
) -> None:
    suffix, muxing = CONTAINERS[kind]
    whole = clip(suffix, muxing=muxing, frames=96, noise=8.0).read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: len(whole) * share // 100])
    frames = everything(path)
    assert share / 2 < len(frames) < 96
    sound = [frame_number(f.planes[0]) == f.index for f in frames[: len(frames) - 4]]
    assert all(sound)
    warnings = " ".join(scan(str(path), "cut").warnings)
    assert suffix != ".mp4" or f"{len(frames)} of 96 pictures" in warnings
    assert suffix != ".mkv" or share > 60 or "of 3.8 s" in warnings


@pytest.mark.parametrize("share", range(30, 80, 7))
def test_a_picture_that_a_fragmented_file_ends_within_is_not_counted(
    clip: MakeClip, tmp_path: Path, share: int
) -> None:
    muxing = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}
    whole = clip(".mp4", muxing=muxing, frames=48, bframes=0, noise=8.0).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) * share // 100])
    frames = everything(path)
    assert not any(f.concealed for f in frames)
    assert [frame_number(f.planes[0]) for f in frames] == list(range(len(frames)))


def test_a_cut_off_file_with_its_header_at_the_end_is_refused(clip: MakeClip) -> None:
    whole = clip(".mp4").read_bytes()
    for _ in range(2):
        assert "moov atom not found" in refusal(io.BytesIO(whole[: len(whole) * 6 // 10]))


def test_pictures_that_only_begin_late_do_not_end_early(clip: MakeClip, tmp_path: Path) -> None:
    assert scan(str(clip(".mkv", start=2500)), "late").warnings == ()
    assert scan(str(make_slides(tmp_path / "slides.mkv")), "slides").warnings == ()


@pytest.mark.parametrize("damage", ["one burst", "many bursts", "a hole"])
@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_corrupted_file_keeps_its_count_of_frames(
    clip: MakeClip, tmp_path: Path, kind: str, damage: str
) -> None:
    suffix, muxing = CONTAINERS[kind]
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(damaged(clip(suffix, muxing=muxing, frames=96).read_bytes(), damage))
    index = scan(str(path), path.name)
    assert [f.index for f in everything(path)] == list(range(len(index)))
    assert len(index) > 40
    for start in range(0, len(index) - 13, 13):
        part = read(str(path), path.name, index.facts, cut(index, start, start + 13), start)
        assert [f.index for f in part] == list(range(start, start + 13))


def test_pictures_lost_to_damage_are_marked_as_concealed(clip: MakeClip, tmp_path: Path) -> None:
    data = bytearray(clip(".mp4", codec="mjpeg", pix_fmt="yuvj420p", bframes=0).read_bytes())
    starts = [i for i in range(len(data)) if data[i : i + 3] == b"\xff\xd8\xff"]
    for start in starts[20:23]:
        data[start : start + 600] = bytes(600)
    path = tmp_path / "bad.mp4"
    path.write_bytes(data)
    frames = everything(path)
    assert [f.index for f in frames if f.concealed] == [20, 21, 22]
    assert [frame_number(f.planes[0]) for f in frames[18:25]] == [18, 19, 19, 19, 19, 23, 24]


EARLY = {"one": range(1, 2), "seven": range(1, 8), "fifteen": range(1, 16)}
CODECS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264": (".mp4", {}),
    "h264 without b-frames": (".mp4", {"bframes": 0}),
    "h264 in matroska": (".mkv", {}),
    "mpeg4": (".mp4", {"codec": "mpeg4", "bframes": 0}),
    "mpeg4 in avi": (".avi", {"codec": "mpeg4"}),
    "vp9": (".mkv", {"codec": "libvpx-vp9", "bframes": 0}),
}


@pytest.mark.parametrize("early", EARLY)
@pytest.mark.parametrize("codec", CODECS)
def test_damage_in_the_first_pictures_costs_no_frame(
    clip: MakeClip, tmp_path: Path, codec: str, early: str
) -> None:
    suffix, fields = CODECS[codec]
    whole = clip(suffix, frames=24, gop=20, **fields)
    path = blanked(whole, tmp_path / f"bad{suffix}", EARLY[early])
    index = scan(str(path), path.name)
    assert index.facts.sequential == ""
    assert index.pts == scan(str(whole), "whole").pts
    frames = everything(path)
    assert [f.index for f in frames] == list(range(24))
    lost = {f.index for f in frames if f.concealed}
    # A picture's packet may come up to three places before or after its turn.
    assert len(EARLY[early]) <= len(lost) <= len(EARLY[early]) + 3
    # H.264's decoder gives the first picture late, and so in vain, after 15 are lost.
    assert lost <= set(range(early != "fifteen", EARLY[early][-1] + 4))
    assert all(frame_number(f.planes[0]) == f.index for f in frames[20:])


@pytest.mark.parametrize("codec", CODECS)
def test_damage_to_the_first_keyframe_costs_no_frame(
    clip: MakeClip, tmp_path: Path, codec: str
) -> None:
    suffix, fields = CODECS[codec]
    whole = clip(suffix, frames=24, gop=12, **fields)
    path = blanked(whole, tmp_path / f"bad{suffix}", range(1))
    index = scan(str(path), path.name)
    assert index.pts == scan(str(whole), "whole").pts
    frames = everything(path)
    assert [f.index for f in frames] == list(range(24))
    assert {f.index for f in frames if f.concealed} <= set(range(12))
    assert frames[0].concealed
    assert all(frame_number(f.planes[0]) == f.index for f in frames[12:])
    later = read(str(path), path.name, index.facts, cut(index, 14, 20), 14)
    assert [frame_number(f.planes[0]) for f in later] == list(range(14, 20))


@pytest.mark.parametrize("bframes", [2, 3])
def test_wrong_timestamps_are_not_taken_for_damage(tmp_path: Path, bframes: int) -> None:
    """AVI tells of no order but that of its packets, which H.264's B-frames upset."""
    path = make_clip(tmp_path / "b.avi", frames=24, bframes=bframes)
    for bad in (range(0), range(1, 2), range(1, 8)):
        found = blanked(path, tmp_path / "bad.avi", bad)
        assert "do not match" in scan(str(found), "bad.avi").whole


def blanked(source: Path, target: Path, places: range) -> Path:
    """A copy whose packets at some places, in file order, are all zeros."""
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        for number, packet in enumerate(p for p in container.demux(video=0) if p.size):
            if number in places:
                start = data.index(bytes(packet)[:60])
                data[start : start + packet.size] = bytes(packet.size)
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("times", [[0, 2, 4, 6, 8, 10, 12, 14, 16], [None] * 16])
def test_frames_for_every_second_packet_or_without_times_are_counted(
    times: list[int | None],
) -> None:
    assert not agree(list(range(32)), 2, times)


@pytest.mark.parametrize("kind", ["gif", "mjpeg", "h264", "ts"])
def test_a_picture_too_large_is_refused_in_little_memory(
    clip: MakeClip, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(bomb(clip, kind))
    code = f"""
from impasto.errors import BadInput
from impasto.media.read.index import scan
try:
    scan({str(path)!r}, "bomb")
except BadInput as error:
    # Unlike getrusage, this forgets what the process that started this one had.
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(peak.split()[1], error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    memory, _, message = done.stdout.strip().partition(" ")
    assert message.startswith("bomb")
    assert "limit of 67 megapixels" in message or kind == "mjpeg"
    assert int(memory) < LARGEST


def test_too_many_frames_are_refused(clip: MakeClip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_FRAMES", 47)
    assert "over 47 frames" in refusal(str(clip(".mp4")))


@pytest.mark.parametrize("playlist", [HLS, CONCAT, DASH])
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8"])
def test_a_playlist_opens_no_other_file(
    clip: MakeClip, tmp_path: Path, playlist: str, suffix: str
) -> None:
    path = tmp_path / f"holiday{suffix}"
    path.write_text(playlist.format(path=clip(".ts")))
    message = refusal(str(path))
    assert "is a playlist" in message
    assert refusal(io.BytesIO(path.read_bytes())) == message


def test_reading_a_damaged_file_with_threads_and_stopping_early_never_hangs(
    clip: MakeClip, tmp_path: Path
) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(damaged(clip(".mp4", frames=96).read_bytes(), "many bursts"))
    code = f"""
from impasto.media.read.decode import read
from impasto.media.read.index import cut, scan
from impasto.media.read.probe import agree
from impasto.errors import BadInput
for turn in range(100):
    index = scan({str(path)!r}, "bad")
    frames = read({str(path)!r}, "bad", index.facts, cut(index, turn % 50, 96), turn % 50, 4)
    for _ in range(turn % 7):
        next(frames)
    frames.close()
    try:
        scan(__file__ if "__file__" in globals() else "/dev/null", "bad")
    except BadInput:
        pass
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "done"


def test_closing_a_reader_closes_its_file(clip: MakeClip) -> None:
    path = clip(".mp4")
    index = scan(str(path), "clip")
    frames = read(str(path), "clip", index.facts, cut(index, 0, 48), 0)
    next(frames)
    assert str(path) in open_files()
    frames.close()
    assert str(path) not in open_files()


def open_files() -> str:
    code = "import os, sys; d = f'/proc/{os.getppid()}/fd'; "
    code += "print([os.readlink(f'{d}/{n}') for n in os.listdir(d)])"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def damaged(data: bytes, damage: str) -> bytes:
    """Data with bytes replaced in its middle half, away from headers at either end."""
    chance = random.Random(7)
    found = bytearray(data)
    low, high = len(data) // 4, len(data) * 3 // 4
    if damage == "a hole":
        found[low : low + 2000] = bytes(2000)
    for _ in range({"one burst": 1, "many bursts": 40}.get(damage, 0)):
        start = chance.randrange(low, high)
        found[start : start + 16] = chance.randbytes(16)
    return bytes(found)


def bomb(clip: MakeClip, kind: str) -> bytes:
    """A small file whose header claims a picture of gigabytes."""
    if kind == "gif":
        gif = clip(".gif", codec="gif", pix_fmt="rgb8", bframes=0, frames=2).read_bytes()
        return gif[:6] + b"\xff\xff\xff\xff" + gif[10:]
    if kind == "mjpeg":
        data = clip(".avi", codec="mjpeg", pix_fmt="yuvj420p", bframes=0, frames=2).read_bytes()
        size = (64).to_bytes(2) + (96).to_bytes(2)
        return data.replace(size, (60000).to_bytes(2) * 2)
    if kind == "h264":
        data = clip(".h264", container="h264", frames=8, bframes=0).read_bytes()
        return huge(data)
    buffer = io.BytesIO()
    with (
        av.open(str(clip(".ts", frames=8, bframes=0))) as given,
        av.open(buffer, "w", "mpegts") as out,
    ):
        copy = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                other = av.Packet(huge(bytes(packet)))
                other.pts, other.dts, other.time_base = packet.pts, packet.dts, packet.time_base
                other.stream, other.is_keyframe = copy, packet.is_keyframe
                out.mux(other)
    return buffer.getvalue()


def huge(h264: bytes) -> bytes:
    """H.264 whose sequence parameter sets claim 16384 x 16384 pixels."""
    bits = f"{66:08b}{0:08b}{51:08b}"  # Baseline, level 5.1
    for value in (0, 0, 2, 1):  # its number, frame numbers, order, reference frames
        bits += golomb(value)
    bits += "0" + golomb(1023) * 2 + "1100" + "1"
    bits += "0" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8)
    units = re.split(b"\0\0\0?\1", h264)
    return b"".join(
        b"\0\0\0\1" + (b"\x67" + body if unit[0] & 31 == 7 else unit) for unit in units if unit
    )


def golomb(value: int) -> str:
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code
