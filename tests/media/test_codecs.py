"""Every codec that may be asked for: whole jobs, joined, resumed, verified and looked at."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from impasto import JobSpec, Settings
from impasto.driver import api
from impasto.errors import BadInput
from impasto.media.codecs import CARRIED, PIXELS
from impasto.media.colour import to_rgb
from impasto.media.names import codec as called
from impasto.media.read import decode
from impasto.media.read.index import cut, scan
from impasto.media.verify import verify as checker
from impasto.media.write.target import ENCODERS
from impasto.schema.source import Colour, Light, Mastering
from impasto.sources.video import Video
from impasto.storage.named_file import File
from impasto.storage.stores import Stores
from support import inprocess
from support.clips import frame_number

if TYPE_CHECKING:
    from pathlib import Path

    from av.video.codeccontext import VideoCodecContext
    from numpy.typing import NDArray

    from conftest import MakeClip
    from impasto.media.codecs import Coded
    from impasto.schema.outcome import Result

MADE: dict[str, tuple[str, dict[str, Any], str, str, str]] = {
    "H.264 of 10 bits": (
        *(".mp4", {"codec": "h264", "pix_fmt": "yuv422p10le"}),
        *("h264", "yuv422p10le", "avc1"),
    ),
    "H.264, lossless": (
        *(".mkv", {"codec": "h264", "quality": "lossless"}),
        *("h264", "yuv420p", ""),
    ),
    "H.265": (".mp4", {"codec": "hevc", "quality": 80}, "hevc", "yuv420p", "hvc1"),
    "H.265 of 12 bits, lossless": (
        *(".mov", {"codec": "hevc", "pix_fmt": "yuv444p12le", "quality": "lossless"}),
        *("hevc", "yuv444p12le", "hvc1"),
    ),
    "AV1": (".mp4", {"codec": "av1"}, "libdav1d", "yuv420p", "av01"),
    "AV1 of 10 bits": (
        *(".webm", {"codec": "av1", "pix_fmt": "yuv420p10le"}),
        *("libdav1d", "yuv420p10le", ""),
    ),
    "VP9": (".mp4", {"codec": "vp9"}, "vp9", "yuv420p", "vp09"),
    "VP9, lossless": (
        *(".webm", {"codec": "vp9", "quality": "lossless"}),
        *("vp9", "yuv420p", ""),
    ),
    "ProRes 422 HQ": (".mov", {"codec": "prores"}, "prores", "yuv422p10le", "apch"),
    "ProRes 422 Proxy": (
        *(".mov", {"codec": "prores", "quality": 10}),
        *("prores", "yuv422p10le", "apco"),
    ),
    "ProRes 4444": (
        *(".mkv", {"codec": "prores", "pix_fmt": "yuv444p10le"}),
        *("prores", "yuv444p12le", ""),
    ),
    "FFV1": (".mkv", {"codec": "ffv1"}, "ffv1", "yuv420p", ""),
    "FFV1 of 16 bits": (
        *(".mkv", {"codec": "ffv1", "pix_fmt": "yuv444p16le"}),
        *("ffv1", "yuv444p16le", ""),
    ),
}
"""What is asked for, and the decoder, the samples and the tag that come out."""

CLEAR: dict[str, tuple[str, str, str | None]] = {
    "ProRes": (".mov", "prores", None),
    "VP9": (".webm", "libvpx-vp9", "libvpx-vp9"),
    "FFV1": (".mkv", "ffv1", None),
}


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


def score(source: Path, output: Path, home: Path, **fields: Any) -> Result:
    given: dict[str, Any] = {"scorer": "identity", "shard_frames": 20, "overwrite": True} | fields
    spec = JobSpec(source=str(source), output=str(output), **given)
    return api.run(spec, settings=Settings(home=str(home)))


def pictures(path: Path, pix_fmt: str, decoder: str | None = None) -> list[NDArray[Any]]:
    """Decode all pictures, with a decoder of one's own choice."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        if decoder:
            created: VideoCodecContext = av.CodecContext.create(decoder, "r")  # type: ignore[assignment]
            context = created
        packets = [p for p in container.demux(stream) if p.size]
        frames = [f for p in [*packets, None] for f in context.decode(p)]
        return [np.asarray(f.reformat(format=pix_fmt).to_ndarray()) for f in frames]


@pytest.mark.parametrize("case", MADE)
def test_every_codec_joins_exactly_and_resumes_to_the_same_bytes(
    case: str, tmp_path: Path, clip: MakeClip
) -> None:
    suffix, fields, decoder, pix_fmt, tag = MADE[case]
    unit = Fraction(1, 600)
    uneven = tuple(24 * n + n % 3 * 7 for n in range(50))
    source = clip(".mp4", frames=50, size=(160, 90), time_base=unit, pts=uneven, gop=25)
    output, home = tmp_path / f"o{suffix}", tmp_path / "home"
    job = score(source, output, home, **fields).job
    once = output.read_bytes()
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        luma = [f.reformat(format="gray").to_ndarray() for f in container.decode(stream)]
        assert (context.name, context.pix_fmt) == (decoder, pix_fmt)
        assert not tag or context.codec_tag == tag
    assert [frame_number(each) for each in luma] == list(range(50))
    asked = (fields["codec"], fields.get("pix_fmt"))
    report = checker.verify(str(source), str(output), "a", output.name, asked=asked)
    assert report.ok, [check for check in report.checks if check.ok is False]
    assert checker.verify(str(source), str(output), "a", output.name).ok
    for name in ("done/00001.json", "result.json"):
        (home / "jobs" / job / name).unlink()
    output.unlink()
    inprocess.InProcess.ran.clear()
    score(source, output, home, **fields)
    assert inprocess.InProcess.ran == [1]
    assert output.read_bytes() == once


def test_the_cases_are_all_codecs_in_all_containers() -> None:
    assert {ENCODERS[fields["codec"]] for _, fields, *_ in MADE.values()} == {*ENCODERS.values()}
    assert {suffix for suffix, *_ in MADE.values()} == {f".{family}" for family in CARRIED}


def test_what_is_lossless_keeps_every_sample(tmp_path: Path, clip: MakeClip) -> None:
    """FFV1 keeps what H.264 decodes to; the other codecs must keep the same."""
    source = clip(".mp4", frames=10, size=(96, 64))
    score(source, tmp_path / "ffv1.mkv", tmp_path / "home", codec="ffv1")
    kept = pictures(tmp_path / "ffv1.mkv", "yuv420p")
    for codec in ("h264", "hevc", "av1", "vp9"):
        output = tmp_path / f"{codec}.mkv"
        score(source, output, tmp_path / "home", codec=codec, quality="lossless")
        assert np.array_equal(pictures(output, "yuv420p"), kept), codec


def transparent(path: Path, codec: str = "prores_ks", pixels: str = "yuva444p10le") -> Path:
    """Write a red picture that is clear at its left and opaque at its right, moving down."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=25, options={"auto-alt-ref": "0", "crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 128, 64, pixels
        if codec == "libvpx-vp9":
            stream.metadata["alpha_mode"] = "1"
        for number in range(45):
            drawn = np.zeros((64, 128, 4), np.uint8)
            drawn[..., 0] = 200
            drawn[..., 3] = np.arange(128) * 2
            drawn[number : number + 8, :, 3] = 255
            frame = av.VideoFrame.from_ndarray(drawn, format="rgba").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("made", CLEAR)
@pytest.mark.parametrize("source", ["ProRes", "VP9"])
def test_transparency_is_kept(tmp_path: Path, source: str, made: str) -> None:
    suffix, codec, _ = CLEAR[source]
    pixels = "yuva420p" if source == "VP9" else "yuva444p10le"
    given = transparent(
        tmp_path / f"a{suffix}", "prores_ks" if codec == "prores" else codec, pixels
    )
    end, asked, decoder = CLEAR[made]
    output = tmp_path / f"o{end}"
    asked = {"libvpx-vp9": "vp9"}.get(asked, asked)
    result = score(
        given, output, tmp_path / "home", codec=asked, quality="lossless" if made == "VP9" else None
    )
    assert not any("opaque" in note for note in result.notes)
    assert scan(str(output), "o").facts.alpha
    before = pictures(given, "rgba", CLEAR[source][2])
    after = pictures(output, "rgba", decoder)
    assert len(before) == len(after) == 45
    for old, new in zip(before, after, strict=True):
        assert np.abs(old[..., 3].astype(int) - new[..., 3]).max() <= 1
        assert np.abs(old[4:-4, 4:-4, :3].astype(int) - new[4:-4, 4:-4, :3]).mean() < 3
    checks = {
        check.item: check
        for check in checker.verify(str(given), str(output), "a", output.name).checks
    }
    assert checks["transparency"].ok


@pytest.mark.parametrize(
    ("suffix", "codec", "kept"),
    [
        *((".mov", "prores", True), (".mp4", "av1", True), (".mkv", "hevc", True)),
        *((".webm", "auto", False), (".mkv", "ffv1", False)),
    ],
)
def test_the_shape_of_pixels_is_kept_or_its_loss_told(
    tmp_path: Path, clip: MakeClip, suffix: str, codec: str, kept: bool
) -> None:
    source, output = clip(frames=3, sample_aspect=Fraction(4, 3)), tmp_path / f"o{suffix}"
    result = score(source, output, tmp_path / "home", codec=codec)
    assert (scan(str(output), "o").facts.sample_aspect == Fraction(4, 3)) is kept
    assert any("pixels of 4:3 become square" in note for note in result.notes) is not kept
    assert checker.verify(str(source), str(output), "a", output.name).ok


@pytest.mark.parametrize("fields", [{}, {"pix_fmt": "yuva444p10le"}])
def test_transparent_images_become_a_transparent_video(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        drawn = np.full((64, 96, 4), 180, np.uint8)
        drawn[..., 3] = np.arange(96) * 2 + number
        # The first one is opaque.
        mode = "RGBA" if number else "RGB"
        Image.fromarray(drawn).convert(mode).save(tmp_path / f"in/{number}.png")
    score(tmp_path / "in", tmp_path / "o.mov", tmp_path / "home", codec="prores", **fields)
    made = pictures(tmp_path / "o.mov", "rgba")
    assert len(made) == 3
    assert made[0][..., 3].min() == 255
    for number in (1, 2):
        clear = made[number][..., 3].astype(int) - (np.arange(96) * 2 + number)
        assert np.abs(clear).max() <= 1
        assert np.abs(made[number][..., :3].astype(int) - 180).max() <= 2
    opaque = score(tmp_path / "in", tmp_path / "o.mp4", tmp_path / "home")
    assert "transparent pictures become opaque" in opaque.notes


def test_a_scaled_video_has_its_transparency_scaled(tmp_path: Path) -> None:
    given = transparent(tmp_path / "a.mov")
    output = tmp_path / "o.mov"
    score(given, output, tmp_path / "home", codec="prores", max_size=64)
    before, after = pictures(given, "rgba")[9], pictures(output, "rgba")[9]
    assert after.shape == (32, 64, 4)
    rough = before[..., 3].reshape(32, 2, 64, 2).mean((1, 3))
    assert np.abs(rough - after[..., 3]).mean() < 3


TAGS = {
    "untagged": Colour(),
    "BT.601": Colour(matrix=6, full_range=False, primaries=6, transfer=6),
    "BT.709 in full range": Colour(matrix=1, full_range=True, primaries=1, transfer=1),
    "HLG": Colour(matrix=9, full_range=False, primaries=9, transfer=18),
}


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mp4", "av1"), (".webm", "vp9"), (".mov", "prores"), (".mkv", "prores"), (".mkv", "ffv1")],
)
def test_colours_stay_what_the_tags_say(
    tmp_path: Path, clip: MakeClip, suffix: str, codec: str, tags: str
) -> None:
    colour, output = TAGS[tags], tmp_path / f"o{suffix}"
    source = clip(".mkv", frames=3, size=(96, 64), colour=colour, options={"crf": "4"})
    score(source, output, tmp_path / "home", codec=codec, quality=None if codec == "ffv1" else 95)
    before, after = rgb(source), rgb(output)
    assert np.abs(before - after).mean() < 0.012
    assert np.abs((before - after).mean((0, 2, 3))).max() < 0.003
    found = scan(str(output), "o").facts.colour
    kept = (found.matrix, found.primaries, found.transfer)
    assert kept == (colour.matrix, colour.primaries, colour.transfer)
    assert bool(found.full_range) == (bool(colour.full_range) and codec != "prores")
    assert checker.verify(str(source), str(output), "a", output.name).ok


def rgb(path: Path) -> NDArray[Any]:
    """Read a video as a scorer would: (N, 3, H, W), from 0 to 1."""
    found = scan(str(path), "a")
    frames = list(decode.read(str(path), "a", found.facts, cut(found, 0, len(found)), 0))
    planes = [
        torch.from_numpy(np.stack(each)) for each in zip(*(f.planes for f in frames), strict=True)
    ]
    return np.asarray(to_rgb(planes, frames[0].layout))


GRADED = Mastering(
    primaries=(34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450),
    brightest=10_000_000,
    darkest=50,
)
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
HDR10 = Colour(matrix=9, full_range=False, primaries=9, transfer=16)


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "auto"), (".mkv", "hevc"), (".mp4", "av1"), (".mov", "h264")]
)
def test_the_display_and_light_of_hdr_video_are_carried(
    tmp_path: Path, clip: MakeClip, suffix: str, codec: str
) -> None:
    params = f"log-level=none:master-display={DISPLAY}:max-cll=1000,400"
    source = clip(
        ".mp4",
        frames=30,
        codec="libx265",
        pix_fmt="yuv420p10le",
        colour=HDR10,
        options={"x265-params": params},
    )
    facts = scan(str(source), "a").facts
    assert (facts.mastering, facts.light) == (GRADED, Light(brightest=1000, average=400))
    output = tmp_path / f"o{suffix}"
    result = score(source, output, tmp_path / "home", codec=codec)
    made = scan(str(output), "o").facts
    assert made.colour == facts.colour
    assert made.light == facts.light
    assert made.mastering
    assert made.mastering.primaries == GRADED.primaries
    assert abs(made.mastering.darkest - 50) <= 1
    assert not any("HDR" in note for note in result.notes)
    with av.open(str(output)) as container:
        keys = [f for f in container.decode(video=0) if f.key_frame]
    assert len(keys) > 1
    assert all(frame.side_data.get("MASTERING_DISPLAY_METADATA") for frame in keys)
    checks = checker.verify(str(source), str(output), "a", output.name).checks
    assert [check.ok for check in checks if check.item == "HDR data"] == [True]


def test_hdr_data_that_a_codec_cannot_keep_is_told(tmp_path: Path, clip: MakeClip) -> None:
    params = f"log-level=none:master-display={DISPLAY}:max-cll=1000,400"
    source = clip(
        ".mp4",
        frames=3,
        codec="libx265",
        pix_fmt="yuv420p10le",
        colour=HDR10,
        options={"x265-params": params},
    )
    result = score(source, tmp_path / "o.mov", tmp_path / "home", codec="prores")
    coded = "the video is HDR10 (PQ): its pictures are scored as they are coded"
    assert coded in Video(File(Stores({}), str(source))).facts()["warnings"]
    assert "ProRes does not keep HDR mastering data" in result.notes


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a codec that the container cannot carry": (
        *("o.mp4", {"codec": "prores"}),
        "`codec=prores`: MP4 cannot carry it; choose an output that ends in .mov or .mkv, or "
        "`codec=h264`, `codec=hevc`, `codec=av1` or `codec=vp9`",
    ),
    "samples that the codec cannot hold": (
        *("o.mkv", {"codec": "av1", "pix_fmt": "yuv422p10le"}),
        "`pix_fmt=yuv422p10le`: AV1 in Matroska cannot hold it; choose `codec=h264`, "
        "`codec=hevc`, `codec=prores` or `codec=ffv1`, or `pix_fmt=yuv420p` or "
        "`pix_fmt=yuv420p10le`",
    ),
    "transparency in MP4": (
        *("o.mp4", {"codec": "vp9", "pix_fmt": "yuva420p"}),
        "`pix_fmt=yuva420p`: VP9 in MP4 cannot hold it; choose `pix_fmt=yuv420p`, "
        "`pix_fmt=yuv422p` or `pix_fmt=yuv444p`",
    ),
    "samples that the usual codec cannot hold": (
        *("o.webm", {"pix_fmt": "yuv420p10le"}),
        "`pix_fmt=yuv420p10le`: VP9 in WebM cannot hold it; choose `codec=av1`, or .*",
    ),
    "a lossless ProRes": (
        *("o.mov", {"codec": "prores", "quality": "lossless"}),
        "`quality=lossless`: ProRes always loses a little; choose `codec=ffv1`, or `quality=100`",
    ),
    "a quality of FFV1": (
        *("o.mkv", {"codec": "ffv1", "quality": 80}),
        "`quality=80`: FFV1 is always lossless; leave it out",
    ),
    "a codec for images": (
        *("o", {"codec": "h264", "frames": "png"}),
        "`codec=h264`: is for videos; leave it out, or choose an output such as .mp4",
    ),
    "two qualities": (
        *("o.mp4", {"crf": 20, "quality": 60}),
        "`crf=20` and `quality=60`: mean the same; leave one out",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_refused_before_scoring(
    case: str, tmp_path: Path, clip: MakeClip
) -> None:
    name, fields, said = REFUSED[case]
    with pytest.raises(BadInput) as refused:
        score(clip(frames=3), tmp_path / name, tmp_path / "home", **fields)
    said = said.removesuffix(".*")
    assert str(refused.value).startswith(said)
    assert said != str(refused.value) or not REFUSED[case][2].endswith(".*")
    assert not (tmp_path / "home" / "jobs").exists()


@pytest.mark.parametrize("codec", ["hevc", "av1"])
def test_a_size_that_an_encoder_refuses_is_told_before_scoring(
    codec: Coded, tmp_path: Path, clip: MakeClip
) -> None:
    source = clip(frames=3, size=(2, 2))
    said = rf"{called(ENCODERS[codec])} in MP4: cannot hold a video of 2x2 \(.*\); choose another"
    with pytest.raises(BadInput, match=said):
        score(source, tmp_path / "o.mp4", tmp_path / "home", codec=codec)


@pytest.mark.parametrize("codec", PIXELS)
def test_an_encoder_takes_what_the_table_says(codec: str) -> None:
    """The table is asked before a job begins, without loading any encoder."""
    encoder = av.Codec(ENCODERS[codec], "w")  # type: ignore[index]
    assert {*PIXELS[codec]} <= {each.name for each in encoder.video_formats or []}  # type: ignore[index]
