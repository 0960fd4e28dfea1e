"""Pictures with 16 bits per sample keep them, wherever that can be."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from impasto import JobSpec, Settings
from impasto.driver import api
from impasto.media import deep, images
from impasto.media.frame import About
from support import inprocess

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from impasto.schema.outcome import Result

    Codes = NDArray[np.uint16]

INVERT = """
class Invert:
    def score(self, batch):
        return 255 - batch
"""


def noise(*shape: int) -> Codes:
    return np.random.default_rng(len(shape)).integers(0, 1 << 16, shape, dtype=np.uint16)


def by_opencv(picture: Codes, suffix: str) -> bytes:
    """A file with all 16 bits; OpenCV's order of colours is the other way round."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
    stored = picture if picture.ndim == 2 else picture[..., order[picture.shape[2]]]
    done, data = cv2.imencode(suffix, stored)
    assert done
    return data.tobytes()


def seen_by_opencv(data: bytes) -> Codes:
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored is not None
    assert stored.dtype == np.uint16
    return stored[..., [2, 1, 0, 3][: stored.shape[2]]].astype(np.uint16)


def scored(tmp_path: Path, source: Path, output: str, **fields: Any) -> Result:
    fields = {"scorer": "identity"} | fields
    spec = JobSpec(source=str(source), output=str(tmp_path / output), **fields)
    return api.run(spec, settings=Settings(home=str(tmp_path / "home")))


@pytest.mark.parametrize(
    ("suffix", "shape"),
    [
        (".png", (21, 34)),
        (".png", (21, 34, 3)),
        (".png", (21, 34, 4)),
        (".tiff", (21, 34)),
        (".tiff", (21, 34, 3)),
    ],
)
def test_every_bit_is_read(suffix: str, shape: tuple[int, ...]) -> None:
    picture = noise(*shape)
    frame = images.read(by_opencv(picture, suffix), "x", deep=True)
    assert frame.layout.depth == 16
    colours = picture[..., :3] if picture.ndim == 3 else np.dstack([picture] * 3)
    assert np.array_equal(frame.planes[0], colours)
    if len(frame.planes) > 1:
        assert np.array_equal(frame.planes[1], picture[..., 3])


def test_who_does_not_ask_for_16_bits_gets_8() -> None:
    picture = noise(20, 30, 3)
    data = by_opencv(picture, ".png")
    frame = images.read(data, "x")
    assert (frame.layout.depth, frame.planes[0].itemsize) == (8, 1)
    with Image.open(io.BytesIO(data)) as seen:
        assert np.array_equal(frame.planes[0], np.asarray(seen))


@pytest.mark.parametrize("alpha", [None, noise(20, 31), noise(20, 31).astype(np.uint8)])
def test_what_is_written_is_what_others_read(alpha: NDArray[Any] | None) -> None:
    exif = Image.Exif()
    exif[0x013B] = "A. Painter"
    about = About(exif=exif.tobytes(), dpi=(300.0, 72.0))
    picture = noise(20, 31, 3)
    data = images.write(picture, alpha, ".png", about)
    assert data == images.write(picture, alpha, ".png", about)
    seen = seen_by_opencv(data)
    assert np.array_equal(seen[..., :3], picture)
    if alpha is not None:
        wide = alpha if alpha.dtype == np.uint16 else alpha.astype(np.uint16) * 257
        assert np.array_equal(seen[..., 3], wide)
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif()[0x013B] == "A. Painter"
        assert image.info["dpi"] == pytest.approx((300, 72), abs=0.02)
    assert data.count(b"pHYs") == 1


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_formats_of_8_bits_get_8(suffix: str) -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint16) * 1000, (64, 1))
    opaque = np.full_like(ramp, 0xFFFF)
    data = images.write(np.dstack([ramp] * 3), opaque, suffix)
    with Image.open(io.BytesIO(data)) as image:
        found = np.asarray(image.convert("RGB"), int)[..., 0]
    assert np.abs(found - ramp / 257).max() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_turned_as_pillow_turns_it(orientation: int) -> None:
    picture = noise(20, 31, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = images.write(picture, None, ".png", About(exif=exif.tobytes()))
    frame = images.read(data, "x", deep=True)
    with Image.open(io.BytesIO(data)) as image:
        upright = np.asarray(ImageOps.exif_transpose(image), int)
    assert np.abs(deep.to_eight(frame.planes[0]) - upright).max() <= 1


def test_a_job_keeps_all_bits_of_png_and_tiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    folder = tmp_path / "in"
    folder.mkdir()
    pictures = {"a.png": noise(24, 32, 3), "b.tiff": noise(24, 32, 3), "c.png": noise(24, 32, 4)}
    for name, picture in pictures.items():
        (folder / name).write_bytes(by_opencv(picture, name[1:]))
    result = scored(tmp_path, folder, "out")
    assert result.warnings == (
        "images that become PNG, since their kind is not written: 1 (b.tiff)",
    )
    for name, picture in pictures.items():
        made = (tmp_path / "out" / name).with_suffix(".png").read_bytes()
        assert np.array_equal(seen_by_opencv(made), picture)


@pytest.mark.parametrize(
    ("output", "fields", "said"),
    [
        ("out.jpg", {}, "images with over 8 bits per sample, which are written with 8 bits: 1"),
        ("out", {"frames": "jpg"}, "sample, which are written with 8 bits: 1 (a.png)"),
        ("out.png", {"scorer": "python"}, "sample, which scorer python takes as 8 bits: 1 (a.png)"),
    ],
)
def test_bits_that_a_job_drops_are_told(
    output: str,
    fields: dict[str, Any],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inprocess.install(monkeypatch)
    (tmp_path / "a.png").write_bytes(by_opencv(noise(24, 32, 3), ".png"))
    (tmp_path / "invert.py").write_text(INVERT)
    if "scorer" in fields:
        fields = {"scorer": f"python:{tmp_path / 'invert.py'}:Invert"}
    (warning,) = scored(tmp_path, tmp_path / "a.png", output, **fields).warnings
    assert said in warning


@pytest.mark.parametrize(
    ("output", "fields", "samples", "said"),
    [
        ("o.mp4", {}, "yuv420p10le", "which are written with 10 bits: 2 (1.png, 2.png)"),
        ("o.mp4", {"codec": "h264"}, "yuv420p", "which are written with 8 bits: 2"),
        ("o.mkv", {"codec": "ffv1"}, "yuv444p16le", ""),
    ],
)
def test_a_video_of_16_bit_images_has_the_bits_of_its_codec(
    output: str,
    fields: dict[str, Any],
    samples: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inprocess.install(monkeypatch)
    (tmp_path / "in").mkdir()
    ramp = np.tile(np.arange(64, dtype=np.uint16) * 1000 + 77, (48, 1))
    for name in ("1.png", "2.png"):
        (tmp_path / "in" / name).write_bytes(by_opencv(np.dstack([ramp] * 3), ".png"))
    warnings = " ".join(scored(tmp_path, tmp_path / "in", output, fps=24, **fields).warnings)
    assert said in warnings
    assert bool(said) == ("over 8 bits" in warnings)
    with av.open(str(tmp_path / output)) as container:
        frame = next(container.decode(video=0))
    assert frame.format.name == samples
    if samples == "yuv444p16le":
        # Limited range has 219 of 256 codes for luma.
        luma = np.frombuffer(bytes(frame.planes[0]), "<u2")[: ramp.shape[1]].astype(float)
        assert np.abs(luma - (16 * 256 + ramp[0] / 65535 * 219 * 256)).max() <= 1


def test_a_profile_that_only_8_bits_can_be_converted_from_is_told() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    kept = {}
    for name, profile in {"sRGB": srgb, "other": lab}.items():
        buffer = io.BytesIO()
        plain = Image.open(io.BytesIO(by_opencv(noise(8, 8, 3), ".png")))
        plain.save(buffer, "PNG", icc_profile=profile)
        # The profile of one file before the samples of the other.
        data = by_opencv(noise(8, 8, 3), ".png")
        start = buffer.getvalue().index(b"iCCP") - 4
        size = int.from_bytes(buffer.getvalue()[start : start + 4], "big")
        chunk = buffer.getvalue()[start : start + size + 12]
        kept[name] = images.keeps_depth(io.BytesIO(data[:33] + chunk + data[33:]))
    assert kept == {"sRGB": True, "other": False}
