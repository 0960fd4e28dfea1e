"""Pictures keep what their files say about them, as far as it is still true."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from impasto import JobSpec, Settings
from impasto.driver import api
from impasto.media import images
from impasto.media.traits import is_lossless_webp
from support import inprocess

if TYPE_CHECKING:
    from pathlib import Path

MAKE, ORIENTATION, CAMERA, GPS = 0x010F, 0x0112, 0x8769, 0x8825
TAKEN, WIDTH, NOTES, COLOURS = 0x9003, 0xA002, 0x927C, 0xA001
TURNED = 6
"""To be turned by a quarter when it is shown."""
SIZE = (48, 32)
GIVEN: dict[str, dict[str, Any]] = {
    "png": {"dpi": (300, 150)},
    "jpg": {"dpi": (300, 150)},
    "webp": {"lossless": True},
    "tif": {"dpi": (300, 150)},
}


def picture(**more: Any) -> tuple[Image.Image, Image.Exif]:
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION] = "Maker", TURNED
    exif[CAMERA] = {TAKEN: "2020:01:01 10:00:00", WIDTH: 48, NOTES: b"notes", COLOURS: 65535}
    exif[GPS] = {1: "N", 2: (52.0, 30.0, 0.0)}
    for tag, value in more.items():
        exif[int(tag)] = value
    return Image.fromarray(np.full((*SIZE[::-1], 3), 120, np.uint8)), exif


@pytest.mark.parametrize("suffix", GIVEN)
def test_a_picture_keeps_its_exif_data_and_is_turned_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    inprocess.install(monkeypatch)
    (tmp_path / "in").mkdir()
    image, exif = picture()
    if suffix == "webp":
        exif[0x011A], exif[0x011B], exif[0x0128] = 300, 150, 2
    stored = Image.Exif()
    stored.load(exif.tobytes())
    image.save(tmp_path / "in" / f"a.{suffix}", exif=stored, **GIVEN[suffix])
    spec = JobSpec(source=str(tmp_path / "in"), output=str(tmp_path / "out"), scorer="identity")
    api.run(spec, settings=Settings(home=str(tmp_path / "home")))
    output = next((tmp_path / "out").iterdir())
    assert is_lossless_webp(output.read_bytes()) is (suffix == "webp")
    with Image.open(output) as made:
        found, camera = made.getexif(), made.getexif().get_ifd(CAMERA)
        dpi = made.info.get("dpi") or (found[0x011A], found[0x011B])
        assert made.size == SIZE[::-1]
        assert found[MAKE] == "Maker"
        assert ORIENTATION not in found
        assert camera == {TAKEN: "2020:01:01 10:00:00", COLOURS: 1}
        assert found.get_ifd(GPS)[1] == "N"
        # The picture was turned, so across is down.
        assert [round(float(value)) for value in dpi] == [150, 300]


def test_a_picture_without_facts_gets_none(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", SIZE).save(buffer, "PNG")
    frame = images.read(buffer.getvalue(), "a.png")
    again = images.write(np.asarray(frame.planes[0], np.uint8), None, ".png", frame.about)
    assert again == images.write(np.asarray(frame.planes[0], np.uint8), None, ".png")


@pytest.mark.parametrize("damage", [b"nonsense", b"Exif\x00\x00II*\x00\xff\xff\xff\x7f", b""])
def test_damaged_exif_data_is_left_out(damage: bytes) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", SIZE).save(buffer, "JPEG", exif=damage)
    frame = images.read(buffer.getvalue(), "a.jpg")
    assert frame.about.exif == b""
    assert images.write(np.asarray(frame.planes[0], np.uint8), None, ".jpg", frame.about)


def test_exif_data_that_jpeg_could_not_hold_is_left_out() -> None:
    image, exif = picture(**{"270": "x" * 70_000})
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    frame = images.read(buffer.getvalue(), "a.png")
    assert frame.about.exif == b""
    assert images.write(np.asarray(frame.planes[0], np.uint8), None, ".jpg", frame.about)
