"""Whole jobs that change nothing, over every kind of video: the output keeps all that it can."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from impasto import JobSpec, Settings
from impasto.driver import api
from impasto.media.read import decode, index
from impasto.media.write.segment import SegmentWriter
from impasto.media.write.target import target
from impasto.schema.plan import Encoding
from impasto.schema.source import Colour
from support import inprocess
from support.clips import real_clip
from support.remake import verify
from support.retimed import make_slides

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip

CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "plain with sound": (".mp4", ".mp4", {"audio": ("aac",)}),
    "two sound tracks": (
        ".mkv",
        ".mkv",
        {"audio": ("aac", "ac3"), "languages": ("eng", "fra")},
    ),
    "odd size": (".mp4", ".mp4", {"size": (97, 65), "pix_fmt": "yuv444p"}),
    "NTSC rate": (".mp4", ".mp4", {"rate": Fraction(30000, 1001), "audio": ("aac",)}),
    "film rate": (".mov", ".mov", {"rate": Fraction(24000, 1001)}),
    "variable rate with a gap": (
        ".mp4",
        ".mp4",
        {
            "time_base": Fraction(1, 600),
            "pts": tuple(24 * n + n % 3 * 7 + (1500 if n > 20 else 0) for n in range(48)),
            "audio": ("aac",),
        },
    ),
    "10 bits": (".mp4", ".mp4", {"codec": "libx265", "pix_fmt": "yuv420p10le"}),
    "4:2:2 10 bits": (".mov", ".mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    "full range": (".mp4", ".mp4", {"colour": Colour(matrix=1, full_range=True)}),
    "BT.601": (".mp4", ".mp4", {"colour": Colour(matrix=6, primaries=6, transfer=6)}),
    "rotated": (".mp4", ".mp4", {"rotation": 90}),
    "wide pixels": (".mp4", ".mp4", {"sample_aspect": Fraction(4, 3)}),
    "late start": (".mp4", ".mp4", {"start": 50, "audio": ("aac",)}),
    "late sound": (".mp4", ".mp4", {"audio": ("aac",), "audio_start": Fraction(1, 2)}),
    "chapters, subtitles and tags": (
        ".mp4",
        ".mp4",
        {
            "audio": ("aac",),
            "chapters": ((0, 1, "one"), (1, 2, "two")),
            "subtitles": ((0, 1, "hello"), (1, 2, "world")),
            "metadata": {"title": "a clip"},
            "cover": True,
        },
    ),
    "Matroska into MP4": (".mkv", ".mp4", {"audio": ("aac",)}),
    "MP4 into Matroska": (".mp4", ".mkv", {"audio": ("aac",)}),
    "WebM": (".webm", ".webm", {"codec": "libvpx-vp9", "audio": ("libopus",)}),
    "transport stream": (".ts", ".mp4", {"audio": ("aac",)}),
    "AVI": (".avi", ".mp4", {"codec": "mpeg4", "bframes": 0}),
    "raw stream that cannot be cut": (".h264", ".mp4", {}),
    "one frame": (".mp4", ".mp4", {"frames": 1}),
}

SYNTHETIC, REAL = 24, 42
"""The least PSNR of luma, dB. Synthesised colours leave RGB's gamut and cannot all come back."""


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


def luma(path: Path) -> list[np.ndarray[Any, Any]]:
    with av.open(str(path)) as container:
        return [frame.reformat(format="gray").to_ndarray() for frame in container.decode(video=0)]


def psnr(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    error = float(np.mean((a.astype(float) - b) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))


def check(source: Path, output: Path, home: Path, floor: float, **fields: Any) -> None:
    spec = JobSpec(source=str(source), output=str(output), scorer="identity", crf=8, **fields)
    result = api.run(spec, settings=Settings(home=str(home)))
    report = verify(str(source), str(output))
    assert report.ok, [check for check in report.checks if check.ok is False]
    before, after = luma(source), luma(output)
    assert result.items == len(before) == len(after)
    worst = min(psnr(a, b[: a.shape[0], : a.shape[1]]) for a, b in zip(before, after, strict=True))
    assert worst > floor, f"a frame differs: {worst:.1f} dB"


@pytest.mark.parametrize("case", CASES)
def test_identity_keeps_all_that_the_container_can_carry(
    case: str, tmp_path: Path, clip: MakeClip
) -> None:
    suffix, output, fields = CASES[case]
    source = clip(suffix, **fields)
    check(source, tmp_path / f"o{output}", tmp_path / "home", SYNTHETIC, shard_frames=16)


@pytest.mark.parametrize("name", ["carphone_pristine", "bikes", "bigbuckbunny"])
def test_identity_keeps_real_clips(name: str, tmp_path: Path) -> None:
    check(real_clip(name), tmp_path / "o.mp4", tmp_path / "home", REAL)


@pytest.mark.parametrize("name", ["carphone_pristine", "bikes"])
def test_a_job_that_changes_nothing_loses_no_more_than_its_codec(name: str, tmp_path: Path) -> None:
    source, home = real_clip(name), tmp_path / "home"
    check(source, tmp_path / "job.mp4", home, REAL)
    scanned = index.scan(str(source), name)
    bare = target(scanned.facts, ".mp4", scanned.facts.width, scanned.facts.height)
    cut = index.cut(scanned, 0, len(scanned))
    with SegmentWriter(tmp_path / "bare.mp4", bare, Encoding(crf=8)) as writer:
        for frame in decode.read(str(source), name, scanned.facts, cut, 0):
            writer.write(frame.planes, cut.pts[frame.index])
    before = luma(source)
    job, codec = (
        np.mean([psnr(a, b) for a, b in zip(before, luma(tmp_path / path), strict=True)])
        for path in ("job.mp4", "bare.mp4")
    )
    assert job > codec - 0.1


def test_the_last_picture_of_a_gif_stands_as_long(tmp_path: Path) -> None:
    source, output = make_slides(tmp_path / "slides.gif"), tmp_path / "o.mp4"
    spec = JobSpec(source=str(source), output=str(output), scorer="identity")
    api.run(spec, settings=Settings(home=str(tmp_path / "home")))
    assert verify(str(source), str(output)).ok
    with av.open(str(output)) as container:
        assert container.duration == 8_000_000
