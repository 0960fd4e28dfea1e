"""Transparency of a video is lost, but not without a word."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

from impasto import JobSpec, Settings
from impasto.driver import api
from impasto.media.read.index import scan
from impasto.media.verify import verify as checker
from impasto.media.write.target import OPAQUE_UNLESS
from impasto.sources.video import Video
from impasto.storage.named_file import File
from impasto.storage.stores import Stores
from support import inprocess
from support.remake import verify

if TYPE_CHECKING:
    from pathlib import Path

    from av.video.stream import VideoStream

    from impasto.schema.progress import Progress

CODECS = {
    "VP9": (".webm", "libvpx-vp9", "yuva420p"),
    "ProRes": (".mov", "prores_ks", "yuva444p10le"),
    "PNG": (".mov", "png", "rgba"),
}
CLEAR = 100


def write(path: Path, codec: str, pixels: str) -> Path:
    """Write a video of grey pictures that let a part of the ground through."""
    with av.open(str(path), "w") as out:
        stream: VideoStream = out.add_stream(codec, rate=25)  # type: ignore[assignment]
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixels
        if codec == "libvpx-vp9":
            stream.metadata["alpha_mode"] = "1"
        for number in range(4):
            grey = np.full((64, 64, 4), 20 * number, np.uint8)
            grey[..., 3] = CLEAR
            frame = av.VideoFrame.from_ndarray(grey, format="rgba").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("kind", CODECS)
def test_the_loss_is_said_before_scoring_and_proved_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    inprocess.install(monkeypatch)
    suffix, codec, pixels = CODECS[kind]
    source, output = write(tmp_path / f"a{suffix}", codec, pixels), tmp_path / "o.mkv"
    spec = JobSpec(source=str(source), output=str(output), scorer="identity")
    events: list[Progress] = []
    settings = Settings(home=str(tmp_path / "home"))
    result = api.run(spec, settings=settings, on_progress=events.append)
    first = next(event for event in events if event.stage == "scoring")
    assert first.done == 0
    assert OPAQUE_UNLESS in first.warnings
    assert [note for note in (*result.warnings, *result.notes) if "opaque" in note] == [
        OPAQUE_UNLESS
    ] * 2
    facts = Video(File(Stores({}), str(source))).facts()
    assert (facts["alpha"], facts["warnings"]) == (True, [])
    with av.open(str(output)) as container:
        assert "alpha_mode" not in {name.lower() for name in container.streams.video[0].metadata}
    fates = {check.detail: check.ok for check in verify(str(source), str(output)).checks}
    assert fates["transparent pictures become opaque"] is None
    asked = checker.verify(str(source), str(source), "a", source.name, asked=("auto", None))
    claimed = {check.item: check.ok for check in asked.checks}
    assert claimed["transparency"] is False


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("o/", {}, ["transparency is not read", "12-bit pictures become images of 8 bits"]),
        ("o", {"frames": "png"}, ["transparency is not read", "12-bit pictures become images"]),
        ("o", {"frames": "npy"}, ["transparency is not read"]),
        ("o.jsonl", {}, ["transparency is not read"]),
        ("o.mp4", {}, ["transparent pictures become opaque; "]),
        ("o.mov", {"codec": "prores"}, []),
    ],
)
def test_what_an_output_leaves_out_of_pictures_is_said_once_with_a_remedy(
    tmp_path: Path, name: str, fields: dict[str, Any], said: list[str]
) -> None:
    source = write(tmp_path / "a.mov", "prores_ks", "yuva444p10le")
    spec = JobSpec(source=str(source), output=str(tmp_path / name), scorer="identity", **fields)
    warnings = Video(File(Stores({}), str(source))).survey(spec, 10).warnings
    assert [line.startswith(begin) for line, begin in zip(warnings, said, strict=True)] == [
        True
    ] * len(said)


@pytest.mark.parametrize("transparent", [True, False])
def test_a_gif_is_transparent_only_where_its_pictures_are(
    tmp_path: Path, transparent: bool
) -> None:
    pixels = np.full((64, 64, 4), 200, np.uint8)
    pixels[..., 3] = 255
    pixels[:32, :, 3] = 0 if transparent else 255
    drawn = [Image.fromarray(pixels), Image.fromarray(pixels[::-1].copy())]
    if not transparent:
        drawn = [picture.convert("RGB") for picture in drawn]
    path = tmp_path / "a.gif"
    drawn[0].save(path, save_all=True, append_images=drawn[1:], duration=40, disposal=2)
    assert scan(str(path), "a.gif").facts.alpha is transparent
