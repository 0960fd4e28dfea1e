"""Frames read in ranges are the frames decoded from start to end."""

from __future__ import annotations

import io
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest

from impasto.errors import BadInput, Unavailable
from impasto.media.read.decode import read
from impasto.media.read.index import cut, scan, select
from impasto.schema.source import Colour
from support.clips import frame_number, make_clip, real_clip
from support.retimed import make_slides
from support.shards import assert_shards_equal_sequential, hashes, sequential

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


OPEN_GOP = {"x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0"}
X265_OPEN = {"x265-params": "open-gop=1:keyint=12:bframes=3:log-level=none"}
INTRA_REFRESH = {"x264-params": "intra-refresh=1:keyint=30"}
GAP = tuple(i if i < 20 else i + 100 for i in range(48))
VARIABLE = tuple(400 * i + (i * i * 7) % 397 for i in range(48))
ALT_REF = {"deadline": "good", "cpu-used": "5", "lag-in-frames": "16", "auto-alt-ref": "1"}
NEAR_WRAP = {"start": 2**33 - 90000, "pts": tuple(i * 3600 for i in range(48))}

INPUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "long GOP with B-frames": (".mp4", {"frames": 120, "gop": 120, "bframes": 3}),
    "open GOP in mp4": (".mp4", {"options": OPEN_GOP, "bframes": 3}),
    "open GOP in mkv": (".mkv", {"options": OPEN_GOP, "bframes": 3}),
    "open GOP in ts": (".ts", {"options": OPEN_GOP, "bframes": 3}),
    "HEVC with CRA in mp4": (".mp4", {"codec": "libx265", "options": X265_OPEN, "bframes": 3}),
    "HEVC with CRA in ts": (".ts", {"codec": "libx265", "options": X265_OPEN, "bframes": 3}),
    "MPEG-2 in a transport stream": (".ts", {"codec": "mpeg2video"}),
    "MPEG-2 in a program stream": (".mpg", {"codec": "mpeg2video"}),
    "VP8 with hidden frames": (".webm", {"codec": "libvpx", "options": ALT_REF, "bframes": 0}),
    "VP9 with hidden frames": (".webm", {"codec": "libvpx-vp9", "options": ALT_REF, "bframes": 0}),
    "AV1": (".mp4", {"codec": "libsvtav1", "options": {"preset": "12"}, "bframes": 0}),
    "ProRes": (".mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le", "bframes": 0}),
    "AVI": (".avi", {"codec": "mpeg4", "bframes": 0}),
    "AVI with B-frames": (".avi", {"codec": "mpeg4", "bframes": 2}),
    "Motion JPEG": (".avi", {"codec": "mjpeg", "pix_fmt": "yuvj422p", "bframes": 0}),
    "raw RGB": (".avi", {"codec": "rawvideo", "pix_fmt": "bgr24", "bframes": 0}),
    "GIF": (".gif", {"codec": "gif", "pix_fmt": "rgb8", "bframes": 0, "frames": 20}),
    "FLV": (".flv", {}),
    "odd size": (".mkv", {"codec": "ffv1", "size": (95, 63), "bframes": 0}),
    "grey": (".mp4", {"pix_fmt": "gray"}),
    "10-bit 4:4:4": (".mkv", {"codec": "ffv1", "pix_fmt": "yuv444p10le", "bframes": 0}),
    "variable rate in mp4": (".mp4", {"pts": VARIABLE, "time_base": Fraction(1, 10000)}),
    "variable rate in ts": (".ts", {"pts": VARIABLE, "time_base": Fraction(1, 10000)}),
    "gap of four seconds in mp4": (".mp4", {"pts": GAP}),
    "gap of four seconds in ts": (".ts", {"pts": GAP}),
    "delayed start in mp4": (".mp4", {"start": 75}),
    "delayed start in mkv": (".mkv", {"start": 75}),
    "negative start in mp4": (".mp4", {"start": -20}),
    "clock that wraps in ts": (".ts", {**NEAR_WRAP, "time_base": Fraction(1, 90000)}),
    "intra-refresh in mp4": (".mp4", {"options": INTRA_REFRESH, "bframes": 0, "frames": 90}),
    "intra-refresh in ts": (".ts", {"options": INTRA_REFRESH, "bframes": 0, "frames": 90}),
    "fragmented mp4": (".mp4", {"muxing": {"movflags": "frag_keyframe+empty_moov"}}),
    "one frame": (".mp4", {"frames": 1}),
    "six frames": (".ts", {"frames": 6}),
    "interlaced": (".mp4", {"options": {"x264-params": "interlaced=1"}}),
    "with sound": (".mkv", {"audio": ("aac", "libopus")}),
}


@pytest.mark.parametrize("case", INPUTS)
def test_every_shard_equals_the_sequential_decode(clip: Callable[..., Path], case: str) -> None:
    suffix, fields = INPUTS[case]
    path = clip(suffix, **fields)
    assert scan(str(path), case).facts.sequential == ""
    assert_shards_equal_sequential(path, sizes=(1, 7, 37, 100))


@pytest.mark.parametrize("name", ["bigbuckbunny", "bikes", "carphone_pristine"])
def test_shards_of_real_clips_equal_the_sequential_decode(name: str) -> None:
    assert_shards_equal_sequential(real_clip(name), sizes=(37, 100))


@pytest.mark.parametrize("suffix", [".ts", ".mp4", ".mkv"])
@pytest.mark.parametrize("dropped", [5, 12])
def test_a_clip_cut_by_copying_packets_is_read_exactly(
    clip: Callable[..., Path], tmp_path: Path, suffix: str, dropped: int
) -> None:
    path = copied(clip(suffix, options=OPEN_GOP, bframes=3), tmp_path / f"cut{suffix}", dropped)
    assert "left out" in " ".join(scan(str(path), "cut").warnings)
    assert_shards_equal_sequential(path, sizes=(1, 7, 37))


def test_frames_hidden_by_an_edit_list_are_not_read(
    clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = copied(clip(".mp4", bframes=2), tmp_path / "edit.mp4", shift=-17 * 512)
    with av.open(str(path)) as container:
        assert sum(p.size > 0 for p in container.demux(video=0)) > len(scan(str(path), "edit"))
    assert_shards_equal_sequential(path, sizes=(1, 7, 37))


@pytest.mark.parametrize("threads", [2, 4])
def test_decoder_threads_do_not_change_frames(clip: Callable[..., Path], threads: int) -> None:
    path = clip(".ts", options=OPEN_GOP, bframes=3)
    assert_shards_equal_sequential(path, sizes=(7,), threads=threads)


def test_a_file_object_reads_as_its_path_does(clip: Callable[..., Path]) -> None:
    path = clip(".ts", options=OPEN_GOP, bframes=3)
    index = scan(str(path), "clip")
    data = io.BytesIO(path.read_bytes())
    data.seek(999)
    assert scan(data, "clip") == index
    frames = read(data, "clip", index.facts, cut(index, 20, 31), 20)
    assert hashes(f.planes for f in frames) == sequential(path, index)[20:31]
    assert not data.closed


@pytest.mark.parametrize("kind", ["raw", "joined", "b-frames in avi"])
def test_a_video_without_usable_timestamps_is_read_as_one_piece(tmp_path: Path, kind: str) -> None:
    path = untimed(tmp_path, kind)
    index = scan(str(path), kind)
    frames = list(read(str(path), kind, index.facts, cut(index, 0, len(index)), 0))
    assert index.whole
    assert index.whole in " ".join(index.warnings)
    assert index.facts.sequential == (index.whole if kind != "joined" else "")
    times = [time * index.facts.time_base * index.facts.rate for time in index.pts]
    assert [time - times[0] for time in times] == list(range(len(frames)))
    assert hashes(f.planes for f in frames) == sequential(path, index)
    part = read(str(path), kind, index.facts, cut(index, 9, 12), 9)
    assert [f.index for f in part] == [9, 10, 11]


def test_frames_carry_their_place_in_the_source(clip: Callable[..., Path]) -> None:
    index = scan(str(path := clip(".mp4")), "clip")
    frames = list(read(str(path), "clip", index.facts, cut(index, 17, 29), 17))
    assert [f.index for f in frames] == list(range(17, 29))
    assert [frame_number(f.planes[0]) for f in frames] == list(range(17, 29))
    assert not any(f.concealed for f in frames)


def test_facts_tell_size_tags_rotation_and_aspect(clip: Callable[..., Path]) -> None:
    colour = Colour(matrix=1, full_range=False, primaries=1, transfer=1)
    path = clip(".mp4", colour=colour, rotation=90, sample_aspect=Fraction(4, 3))
    facts = scan(str(path), "clip").facts
    assert (facts.width, facts.height, facts.pixel_format) == (96, 64, "yuv420p")
    assert (facts.colour, facts.sample_aspect) == (colour, Fraction(4, 3))
    assert (facts.rate, facts.time_base) == (Fraction(25), Fraction(1, 12800))
    assert facts.display_matrix == (0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".gif"])
def test_facts_tell_how_long_the_last_frame_stands(tmp_path: Path, suffix: str) -> None:
    facts = scan(str(make_slides(tmp_path / f"slides{suffix}")), "slides").facts
    assert facts.last_duration * facts.time_base == 5


def test_untagged_colour_stays_untagged(clip: Callable[..., Path]) -> None:
    assert scan(str(clip(".mp4")), "clip").facts.colour == Colour()


@pytest.mark.parametrize(
    ("pixel_format", "shapes"),
    [
        ("yuv420p", [(63, 95), (32, 48), (32, 48)]),
        ("yuv422p", [(63, 95), (63, 48), (63, 48)]),
        ("yuv411p", [(63, 95), (63, 24), (63, 24)]),
        ("yuv444p16le", [(63, 95), (63, 95), (63, 95)]),
        ("gray", [(63, 95), (32, 48), (32, 48)]),
        ("bgra", [(63, 95, 3)]),
    ],
)
def test_planes_have_the_shapes_of_their_layout(
    clip: Callable[..., Path], pixel_format: str, shapes: list[tuple[int, ...]]
) -> None:
    path = clip(".mkv", codec="ffv1", size=(95, 63), pix_fmt=pixel_format, bframes=0, frames=2)
    index = scan(str(path), "clip")
    frame = next(read(str(path), "clip", index.facts, cut(index, 0, 2), 0))
    assert [p.shape for p in frame.planes] == shapes
    assert all(p.flags.c_contiguous for p in frame.planes)
    assert {p.itemsize for p in frame.planes} == {1 + (frame.layout.depth > 8)}


def test_a_range_of_time_is_half_open_and_relative_to_the_first_frame(
    clip: Callable[..., Path],
) -> None:
    index = scan(str(clip(".mp4", start=75)), "clip")
    assert select(index) == (0, 48)
    assert select(index, Fraction(1), Fraction(8, 5)) == (25, 40)
    assert select(index, Fraction(1, 1000), Fraction(41, 1000)) == (1, 2)
    assert select(index, last_time=Fraction(1, 25)) == (0, 1)
    assert select(index, Fraction(2), Fraction(1)) == (48, 48)


def test_a_missing_frame_repeats_the_one_before_it(clip: Callable[..., Path]) -> None:
    index = scan(str(path := clip(".mp4")), "clip")
    wanted = cut(index, 10, 14)
    late = wanted.pts[1] + 1
    wanted = wanted.model_copy(update={"pts": (*wanted.pts[:2], late, *wanted.pts[2:])})
    frames = list(read(str(path), "clip", index.facts, wanted, 10))
    assert [f.concealed for f in frames] == [False, False, True, False, False]
    assert [frame_number(f.planes[0]) for f in frames] == [10, 11, 11, 12, 13]


def test_a_source_that_ends_early_while_reading_is_unavailable(clip: Callable[..., Path]) -> None:
    path = clip(".mkv", frames=96)
    index = scan(str(path), "clip")
    short = io.BytesIO(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Unavailable, match="early"):
        list(read(short, "clip", index.facts, cut(index, 0, 96), 0))


def test_errors_of_a_file_object_pass_unchanged(clip: Callable[..., Path]) -> None:
    path = clip(".mkv", frames=96, noise=20.0, size=(320, 240))
    index = scan(str(path), "clip")

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 300_000:
                raise ConnectionError("reset by peer")
            return super().read(size)

    assert path.stat().st_size > 700_000
    with pytest.raises(ConnectionError, match="reset by peer"):
        list(read(Broken(path.read_bytes()), "clip", index.facts, cut(index, 0, 96), 0))


def test_a_change_of_picture_size_is_refused(tmp_path: Path) -> None:
    parts = [
        make_clip(tmp_path / f"{width}.h264", frames=8, size=(width, 64), container="h264")
        for width in (96, 128)
    ]
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(p.read_bytes() for p in parts))
    index = scan(str(path), "both.h264")
    with pytest.raises(BadInput, match="changes to 128x64 at frame 8"):
        list(read(str(path), "both.h264", index.facts, cut(index, 0, len(index)), 0))


def test_scanning_does_not_load_torch() -> None:
    modules = "impasto.media.read.decode, impasto.media.read.index"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def copied(source: Path, target: Path, dropped: int = 0, shift: int = 0) -> Path:
    """A packet copy of ``source`` without its first ``dropped`` packets, moved in time."""
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        stream = given.streams.video[0]
        copy = out.add_stream_from_template(stream)
        for number, packet in enumerate(given.demux(stream)):
            if number >= dropped and packet.pts is not None and packet.dts is not None:
                packet.pts += shift
                packet.dts += shift
                packet.stream = copy
                out.mux(packet)
    return target


def untimed(folder: Path, kind: str) -> Path:
    if kind == "raw":
        return make_clip(folder / "raw.h264", container="h264", frames=30)
    if kind == "b-frames in avi":
        return make_clip(folder / "b.avi", frames=30, bframes=2)
    path = make_clip(folder / "once.ts", frames=30)
    joined = folder / "joined.ts"
    joined.write_bytes(path.read_bytes() * 2)
    return joined
