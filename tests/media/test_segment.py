"""Segments: exact times, and bytes that depend on nothing but the pictures."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from impasto.errors import BadInput, Unavailable
from impasto.media.write.segment import SegmentWriter
from impasto.media.write.target import Target, target
from impasto.schema.plan import Encoding
from impasto.schema.source import Colour, VideoFacts
from support.clips import picture, real_clip
from support.remake import FAST, frame_times

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MIXED = Colour(matrix=1, full_range=True, primaries=1, transfer=1)


def aim(suffix: str = ".mp4", size: tuple[int, int] = (96, 64), **changes: Any) -> Target:
    given: dict[str, Any] = {
        "container": "mov,mp4",
        "stream": 0,
        "codec": "h264",
        "pixel_format": "yuv420p",
        "width": size[0],
        "height": size[1],
        "time_base": Fraction(1, 25),
        "rate": Fraction(25),
    }
    return target(VideoFacts(**given | changes), suffix, *size)


def planes(number: int, of: Target) -> list[NDArray[Any]]:
    y, u, v = picture(number, of.width, of.height)
    deep = np.uint16 if of.layout.depth > 8 else np.uint8
    shift = of.layout.depth - 8
    return [p.astype(deep) << shift for p in (y, u[::2, ::2], v[::2, ::2])]


def write(
    path: Path, of: Target, pts: Sequence[int], encoding: Encoding = FAST, first: int = 0
) -> int:
    with SegmentWriter(path, of, encoding) as writer:
        for number, time in enumerate(pts, first):
            writer.write(planes(number, of), time)
    return writer.close()


def extradata(path: Path) -> bytes | None:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.extradata


VARIANTS = [(".mp4", "yuv420p"), (".mkv", "yuv420p10le"), (".webm", "yuv420p")]


@pytest.mark.parametrize(("suffix", "pixels"), VARIANTS)
def test_segments_of_1_and_250_frames_share_their_headers(
    tmp_path: Path, suffix: str, pixels: str
) -> None:
    of = aim(suffix, pixel_format=pixels, colour=MIXED)
    write(tmp_path / "one.mp4", of, [7])
    write(tmp_path / "long.mp4", of, range(250), first=3)
    assert extradata(tmp_path / "one.mp4") == extradata(tmp_path / "long.mp4")
    assert (extradata(tmp_path / "one.mp4") is None) == (suffix == ".webm")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("suffix", "pixels"), VARIANTS)
def test_a_retry_gives_the_same_bytes(
    tmp_path: Path, suffix: str, pixels: str, threads: int
) -> None:
    of = aim(suffix, size=(192, 128), pixel_format=pixels)
    encoding = Encoding(threads=threads)
    for name in ("first", "retry"):
        write(tmp_path / name, of, range(40), encoding)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "retry").read_bytes()


@pytest.mark.parametrize(
    ("unit", "rate"),
    [
        (Fraction(1, 90000), Fraction(30000, 1001)),
        (Fraction(1001, 30000), Fraction(30000, 1001)),
        (Fraction(1001, 24000), Fraction(24000, 1001)),
        (Fraction(1, 1000), Fraction(25)),
        (Fraction(1, 10_240_000), Fraction(25)),
        (Fraction(1, 1_200_000), Fraction(1000)),
        (Fraction(1), Fraction(1, 5)),
        (Fraction(1, 25), Fraction(90000)),
    ],
)
@pytest.mark.parametrize(("suffix", "pixels"), VARIANTS)
def test_uneven_times_are_exact_in_every_time_base(
    tmp_path: Path, suffix: str, pixels: str, unit: Fraction, rate: Fraction
) -> None:
    step = max(1, int(1 / rate / unit))
    gaps = [step, step * 3, max(1, step // 2), step * 100, step + 1] * 4
    pts = [1000 + sum(gaps[:n]) for n in range(len(gaps))]
    of = aim(suffix, pixel_format=pixels, time_base=unit, rate=rate)
    assert write(tmp_path / "a.mp4", of, pts) == (tmp_path / "a.mp4").stat().st_size
    assert frame_times(tmp_path / "a.mp4") == [(t - pts[0]) * unit for t in pts]


def test_nanoseconds_round_to_a_tenth_of_a_microsecond(tmp_path: Path) -> None:
    unit = Fraction(1, 10**9)
    pts = [n * 33_333_333 for n in range(10)] + [9_000_000_001]
    write(tmp_path / "a.mp4", aim(time_base=unit), pts)
    found = frame_times(tmp_path / "a.mp4")
    off = [abs(a - t * unit) for a, t in zip(found, pts, strict=True)]
    assert max(off) <= Fraction(1, 20_000_000)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_odd_sizes_are_padded_by_repeating_the_edge(tmp_path: Path, suffix: str) -> None:
    of = aim(suffix, size=(97, 63))
    write(tmp_path / "a.mp4", of, [0], Encoding(crf=0))
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(container.streams.video[0]))
        plane = frame.planes[0]
        luma = np.frombuffer(bytes(plane), np.uint8).reshape(frame.height, plane.line_size)
    width, height = (97, 63) if suffix == ".webm" else (98, 64)
    assert (frame.width, frame.height) == (of.coded_width, of.coded_height) == (width, height)
    assert of.padding == (width - 97, height - 63)
    assert np.abs(luma[:63, :97].astype(int) - picture(0, 97, 63)[0]).max() <= 2
    assert np.abs(luma[:63, width - 1].astype(int) - luma[:63, 96]).max() <= 2
    assert np.abs(luma[height - 1, :97].astype(int) - luma[62, :97]).max() <= 2


def test_tags_and_aspect_are_in_the_segment(tmp_path: Path) -> None:
    of = aim(colour=MIXED, sample_aspect=Fraction(16, 11))
    write(tmp_path / "a.mp4", of, range(3))
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert stream.sample_aspect_ratio == Fraction(16, 11)
        assert (context.colorspace, context.color_range) == (1, 2)
        assert (context.color_primaries, context.color_trc) == (1, 1)


def test_deep_pictures_become_main_10(tmp_path: Path) -> None:
    of = aim(".mov", pixel_format="yuv422p10le")
    write(tmp_path / "a.mp4", of, range(3))
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.codec_tag) == ("hevc", "yuv420p10le", "hvc1")


def test_a_time_that_does_not_advance_is_refused(tmp_path: Path) -> None:
    of = aim()
    with SegmentWriter(tmp_path / "a.mp4", of, FAST) as writer:
        writer.write(planes(0, of), 5)
        with pytest.raises(BadInput, match="timestamp 5 is not after 5"):
            writer.write(planes(1, of), 5)


def test_a_segment_without_pictures_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(BadInput, match=r"a\.mp4: no picture was written"),
        SegmentWriter(tmp_path / "a.mp4", aim(), FAST) as writer,
    ):
        pass
    with pytest.raises(BadInput, match="no picture was written"):
        writer.close()
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "file/a.mp4", "folder"])
def test_a_name_that_cannot_be_written_is_bad_input(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match=r"cannot be written \(.*\); choose another name"):
        write(tmp_path / name, aim(), range(3))


@pytest.mark.parametrize(
    ("suffix", "size", "fact"),
    [
        (".mp4", (8193, 8192), "8194x8192 pictures is over the limit of 67 megapixels"),
        (".webm", (11585, 11585), "over the limit of 67 megapixels"),
        (".mp4", (16386, 16), "over libx264's 16384 pixels per side"),
        (".mp4", (16, 16385), "over libx264's 16384 pixels per side"),
        (".webm", (65536, 16), "over libvpx-vp9's 65535 pixels per side"),
    ],
)
def test_pictures_too_large_for_a_video_are_refused_early(
    suffix: str, size: tuple[int, int], fact: str
) -> None:
    with pytest.raises(BadInput, match=f"{fact}.*; scale it down"):
        aim(suffix, size)
    assert aim(suffix, (8192, 8192)).width == 8192


def test_a_full_disk_is_unavailable(tmp_path: Path) -> None:
    full = tmp_path / "a.mp4"
    full.symlink_to("/dev/full")
    of = aim()
    with pytest.raises(Unavailable, match="No space left"):
        write(full, of, range(300))


def test_an_unknown_suffix_names_those_supported() -> None:
    with pytest.raises(BadInput, match=r"'\.xyz'; use one of \.mp4, \.m4v, \.mov, \.mkv, \.webm"):
        aim(".xyz")


@pytest.mark.timeout(120)
def test_segments_of_the_default_length_cost_at_most_a_tenth(tmp_path: Path) -> None:
    """Real footage, there and back again so that it is longer than one segment."""
    with av.open(str(real_clip("bikes"))) as container:
        frames = [f.reformat(width=320, height=136) for f in container.decode(video=0)]
    there_and_back = [*frames, *frames[-2::-1]]
    of = aim(size=(320, 136))

    def encode(name: str, part: slice) -> int:
        with SegmentWriter(tmp_path / name, of, Encoding()) as writer:
            for number, frame in enumerate(there_and_back[part]):
                stacked = frame.to_ndarray().astype(np.uint8)
                chroma = stacked[136:].reshape(2, 68, 160)
                writer.write([stacked[:136], chroma[0], chroma[1]], number)
        return writer.close()

    whole = encode("whole", slice(None))
    cut = sum(encode(f"{n}", slice(n, n + 250)) for n in range(0, len(there_and_back), 250))
    assert len(there_and_back) > 400
    assert cut <= 1.10 * whole
