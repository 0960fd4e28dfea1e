"""What a picture's file holds beyond one opaque picture of 8 bits is known without decoding it."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.media.traits import Traits, is_lossless_webp, may_matter, traits

PAGES = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
DEEP = Image.fromarray(np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def found(data: bytes, suffix: str) -> Traits:
    return traits(f"a{suffix}", io.BytesIO(data))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".avif"])
def test_several_pictures_are_told_from_one(suffix: str) -> None:
    kind = {".tif": "TIFF"}.get(suffix, suffix[1:].upper())
    several = saved(PAGES[0], kind, save_all=True, append_images=PAGES[1:])
    assert found(several, suffix) == Traits(several=True)
    assert found(saved(PAGES[0], kind), suffix) == Traits()


@pytest.mark.parametrize("order", ["<u2", ">u2"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_deep_samples_are_told(suffix: str, order: str) -> None:
    deep = np.asarray(DEEP).astype(order)
    image = Image.frombytes({"<u2": "I;16", ">u2": "I;16B"}[order], (8, 6), deep.tobytes())
    assert found(saved(image, {".tif": "TIFF"}.get(suffix, "PNG")), suffix) == Traits(deep=True)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_transparency_is_told(suffix: str, options: dict[str, Any]) -> None:
    options = options if suffix == ".webp" else {}
    kind = {".tif": "TIFF"}.get(suffix, suffix[1:].upper())
    clear = Image.linear_gradient("L").resize((32, 16)).convert("RGBA")
    clear.putalpha(clear.getchannel("R"))
    assert found(saved(clear, kind, **options), suffix) == Traits(clear=True)
    assert found(saved(clear.convert("RGB"), kind, **options), suffix) == Traits()


def test_a_colour_of_a_png_may_be_transparent() -> None:
    palette = PAGES[0].convert("P")
    assert found(saved(palette, "PNG", transparency=0), ".png") == Traits(clear=True)
    assert found(saved(palette, "PNG"), ".png") == Traits()


def test_a_tiff_with_several_samples_a_pixel_keeps_their_bits_elsewhere() -> None:
    head = struct.pack("<2sHI", b"II", 42, 8)
    entries = struct.pack("<HHHII", 1, 258, 3, 3, 26) + struct.pack("<I", 0)
    assert found(head + entries + struct.pack("<3H", 16, 16, 16), ".tif") == Traits(deep=True)
    assert found(head + entries + struct.pack("<3H", 8, 8, 8), ".tif") == Traits()


def test_a_big_tiff_is_read() -> None:
    image = Image.new("RGB", (8, 6))
    data = saved(image, "TIFF", big_tiff=True, save_all=True, append_images=[image])
    assert found(data, ".tif") == Traits(several=True)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("data", [b"", b"II", b"\x89PNG\r\n\x1a\n", b"RIFF", bytes(99), b"x" * 999])
def test_what_is_no_picture_has_no_traits(suffix: str, data: bytes) -> None:
    assert found(data, suffix) == Traits()


def test_a_damaged_head_has_no_traits() -> None:
    for kind, suffix in (("PNG", ".png"), ("TIFF", ".tif"), ("WEBP", ".webp"), ("AVIF", ".avif")):
        data = saved(PAGES[0], kind)
        for end in range(0, min(len(data), 120), 7):
            found(data[:end], suffix)


def test_other_kinds_need_no_look() -> None:
    assert not may_matter("a.jpg")
    assert may_matter("folder/A.TIFF")


def test_lossless_webp_is_told_from_lossy() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    assert is_lossless_webp(saved(PAGES[0], "WEBP", lossless=True))
    assert is_lossless_webp(saved(PAGES[0], "WEBP", lossless=True, exif=exif))
    several = {"save_all": True, "append_images": PAGES[1:]}
    assert is_lossless_webp(saved(PAGES[0], "WEBP", lossless=True, **several))
    assert not is_lossless_webp(saved(PAGES[0], "WEBP", **several))
    assert not is_lossless_webp(saved(PAGES[0], "WEBP", exif=exif))
    assert not is_lossless_webp(saved(PAGES[0], "PNG"))
