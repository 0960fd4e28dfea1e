"""Still pictures of every kind come out upright and in sRGB, or with one clear line."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from impasto.errors import BadInput
from impasto.media import images
from impasto.planning import output_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RAMP = np.linspace(0, 255, 48).astype(np.uint8).reshape(6, 8)
"""Small enough to compare by hand, with a corner that tells every orientation apart."""


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def rgb(data: bytes) -> NDArray[Any]:
    return np.asarray(images.read(data, "a.png").planes[0])


def alpha(data: bytes) -> NDArray[Any] | None:
    planes = images.read(data, "a.png").planes
    return np.asarray(planes[1]) if len(planes) > 1 else None


def grey_of(data: bytes) -> NDArray[Any]:
    found = rgb(data)
    assert found.dtype == np.uint8
    assert (found == found[:, :, :1]).all()
    return found[:, :, 0]


def refusal(data: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        images.read(data, "a.png")
    with pytest.raises(BadInput):
        images.size(data, "a.png")
    message = str(caught.value)
    assert message.startswith("a.png: ")
    assert "\n" not in message
    assert " at 0x" not in message
    return message


@pytest.mark.parametrize("order", ["<u2", ">u2"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled(kind: str, order: str) -> None:
    deep = (RAMP.astype(np.uint16) * 257).astype(order)
    mode = {"<u2": "I;16", ">u2": "I;16B"}[order]
    image = Image.frombytes(mode, (8, 6), deep.tobytes())
    assert (grey_of(saved(image, kind)) == RAMP).all()


def test_sixteen_bit_grey_is_rounded_to_the_nearest() -> None:
    deep = np.array([[128, 129, 385, 386, 65535 - 128, 65535 - 129]], np.uint16)
    assert grey_of(saved(Image.fromarray(deep))).tolist() == [[0, 1, 1, 2, 255, 254]]


def test_sixteen_bit_grey_keeps_its_transparent_colour() -> None:
    deep = np.array([[7, 7 * 257, 8]], np.uint16)
    found = alpha(saved(Image.fromarray(deep), transparency=7))
    assert found is not None
    assert found.tolist() == [[0, 255, 255]]


def test_wide_integers_are_taken_as_sixteen_bits_or_refused() -> None:
    deep = RAMP.astype(np.int32) * 257
    assert (grey_of(saved(Image.fromarray(deep), "TIFF")) == RAMP).all()
    assert "over 16 bits" in reading_refusal(saved(Image.fromarray(deep * 3), "TIFF"))
    assert "over 16 bits" in reading_refusal(saved(Image.fromarray(-deep), "TIFF"))


def test_floating_point_is_refused() -> None:
    data = saved(Image.fromarray(RAMP.astype(np.float32) / 255), "TIFF")
    assert "floating-point" in reading_refusal(data)


def reading_refusal(data: bytes) -> str:
    with pytest.raises(BadInput, match=r"a\.png: its samples") as caught:
        images.read(data, "a.png")
    return str(caught.value)


def test_plain_grey_colour_and_bilevel_pictures() -> None:
    grey = Image.fromarray(RAMP)
    assert (grey_of(saved(grey)) == RAMP).all()
    assert alpha(saved(grey)) is None
    bits = grey.point(lambda v: 255 * (v > 100), "1")
    assert (grey_of(saved(bits)) == np.where(RAMP > 100, 255, 0)).all()
    colour = np.dstack([RAMP, 255 - RAMP, RAMP // 2])
    assert (rgb(saved(Image.fromarray(colour))) == colour).all()


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_transparency_is_a_plane_of_its_own(mode: str, kind: str) -> None:
    image = Image.fromarray(RAMP).convert(mode)
    image.putalpha(Image.fromarray(255 - RAMP))
    data = saved(image, kind)
    assert (grey_of(data) == RAMP).all()
    found = alpha(data)
    assert found is not None
    assert (found == 255 - RAMP).all()


@pytest.mark.parametrize("clear", [3, bytes([255, 0, 128])])
def test_a_palette_with_transparency(clear: int | bytes) -> None:
    places = np.array([[0, 1, 2, 3]], np.uint8)
    image = Image.fromarray(places, "L").convert("P")
    image.putpalette([9, 8, 7, 20, 30, 40, 1, 2, 3, 200, 100, 50])
    data = saved(image, transparency=clear)
    assert rgb(data).tolist() == [[[9, 8, 7], [20, 30, 40], [1, 2, 3], [200, 100, 50]]]
    found = alpha(data)
    assert found is not None
    assert found.tolist() == [[255, 255, 255, 0] if clear == 3 else [255, 0, 128, 255]]


def test_cmyk_becomes_rgb() -> None:
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[:, :, 0] = 255
    assert np.abs(rgb(saved(Image.fromarray(ink, "CMYK"), "TIFF")) - [0, 255, 255]).max() == 0


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "MPO"])
def test_the_first_of_several_pictures_is_taken(kind: str) -> None:
    pages = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    lossless = {"lossless": True} if kind == "WEBP" else {}
    data = saved(pages[0], kind, save_all=True, append_images=pages[1:], **lossless)
    assert np.abs(rgb(data).astype(int) - [255, 0, 0]).max() <= (2 if kind == "MPO" else 0)


TURNED: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: a[::-1].T,
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: a.T[::-1],
}
"""What a viewer does to the stored samples, by EXIF orientation."""


@pytest.mark.parametrize("profiled", [False, True])
@pytest.mark.parametrize("orientation", TURNED)
def test_pictures_are_turned_upright(orientation: int, profiled: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    profile: dict[str, Any] = {"icc_profile": srgb()} if profiled else {}
    data = saved(Image.fromarray(np.dstack([RAMP] * 3)), exif=exif, **profile)
    upright = TURNED[orientation](RAMP)
    assert np.abs(rgb(data)[:, :, 0].astype(int) - upright).max() <= 1
    assert images.size(data, "a.png") == upright.shape[::-1]
    layout = images.read(data, "a.png").layout
    assert (layout.width, layout.height) == upright.shape[::-1]


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped() -> bytes:
    """An RGB profile whose red and blue primaries are exchanged: conversion swaps channels."""
    data = bytearray(srgb())
    count = struct.unpack(">I", data[128:132])[0]
    entries = {bytes(data[p : p + 4]): p for p in range(132, 132 + 12 * count, 12)}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    places = bytes(data[red + 4 : red + 12]), bytes(data[blue + 4 : blue + 12])
    data[blue + 4 : blue + 12], data[red + 4 : red + 12] = places
    return bytes(data)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_colour_profile_is_converted_to_srgb(mode: str) -> None:
    colour = Image.new("RGB", (8, 6), (200, 100, 50))
    image = colour.quantize(4) if mode == "P" else colour.convert(mode)
    if mode == "RGBA":
        image.putalpha(77)
    data = saved(image, icc_profile=swapped())
    assert np.abs(rgb(data).astype(int) - [50, 100, 200]).max() <= 2
    found = alpha(data)
    assert (found is None) == (mode != "RGBA")
    assert found is None or (found == 77).all()
    untouched = saved(image, icc_profile=srgb())
    assert np.abs(rgb(untouched).astype(int) - [200, 100, 50]).max() <= 1


def test_a_transparent_colour_survives_a_profile() -> None:
    data = saved(
        Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)),
        icc_profile=swapped(),
        transparency=(4, 5, 6),
    )
    found = alpha(data)
    assert found is not None
    assert found.tolist() == [[255, 0]]


def test_a_damaged_profile_is_left_aside() -> None:
    data = saved(Image.new("RGB", (8, 6), (200, 100, 50)), icc_profile=b"nonsense" * 20)
    assert (rgb(data) == [200, 100, 50]).all()


KINDS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {},
    "WEBP": {},
    "TIFF": {"compression": "tiff_lzw"},
    "BMP": {},
}


@pytest.mark.parametrize("share", [1, 10, 50, 90])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_off_file_is_refused(kind: str, share: int) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), kind, **KINDS[kind])
    assert images.size(data, "a.png") == (64, 64)
    assert "not a readable picture" in refusal(data[: len(data) * share // 100])


@pytest.mark.parametrize("content", [b"Dear diary,\n" * 400, bytes(5000)])
def test_text_and_zeros_are_no_picture(content: bytes) -> None:
    assert "cannot identify image file" in refusal(content)


def test_an_empty_file_is_called_empty() -> None:
    assert "it is empty" in refusal(b"")


@pytest.mark.parametrize("side", [11_600, 60_000])
@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_a_bomb_is_refused_by_its_header(kind: str, side: int) -> None:
    if kind == "BMP":
        data = bytearray(saved(Image.new("RGB", (8, 6)), "BMP"))
        data[18:26] = struct.pack("<ii", side, side)
    else:
        header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        data = bytearray(saved(Image.new("RGB", (8, 6))))
        data[12:33] = header + struct.pack(">I", zlib.crc32(header))
    assert f"over {images.MAX_PIXELS} pixels; scale it down" in refusal(bytes(data))


def test_formats_that_run_other_programs_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    Image.init()
    for kind, (factory, accept) in list(Image.OPEN.items()):

        def spy(*args: Any, kind: str = kind, factory: Any = factory) -> ImageFile.ImageFile:
            tried.append(kind)
            made: ImageFile.ImageFile = factory(*args)
            return made

        monkeypatch.setitem(Image.OPEN, kind, (spy, accept))
    eps = saved(Image.new("RGB", (8, 6)), "EPS")
    for data in (eps, saved(Image.new("RGB", (8, 6)), "GIF"), saved(Image.new("RGB", (8, 6)))):
        if data[:4] == b"\x89PNG":
            images.read(data, "a.png")
        else:
            assert "cannot identify image file" in refusal(data)
    assert tried == ["PNG"]


FAILURES = [struct.error("unpack requires 4 bytes"), KeyError(7), ZeroDivisionError("by\nzero")]


@pytest.mark.parametrize("error", FAILURES)
@pytest.mark.parametrize("where", ["load", "convert"])
def test_whatever_a_decoder_raises_is_about_the_picture(
    monkeypatch: pytest.MonkeyPatch, error: Exception, where: str
) -> None:
    data = saved(Image.fromarray(RAMP))

    def fail(*_: object, **__: object) -> None:
        raise error

    owner = ImageFile.ImageFile if where == "load" else Image.Image
    monkeypatch.setattr(owner, where, fail)
    with pytest.raises(BadInput, match=r"^a\.png: not a readable picture \([^\n]+\); replace"):
        images.read(data, "a.png")


def test_want_of_memory_is_not_put_down_to_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(MemoryError):
        images.read(saved(Image.fromarray(RAMP)), "a.png")


@pytest.mark.parametrize(
    ("names", "frames", "expected"),
    [
        ("a.bmp a.png a.bmp.png", None, "a.bmp.2.png a.png a.bmp.png"),
        ("a.bmp a.tif", None, "a.bmp.png a.tif.png"),
        ("a.png A.PNG b.png", None, "a.png A.PNG.PNG b.png"),
        ("A.bmp a.png", None, "A.bmp.png a.png"),
        ("A.bmp a.tif A.BMP.png", None, "A.bmp.2.png a.tif.png A.BMP.png"),
        ("a.jpg a.png a.tif", "png", "a.jpg.png a.png a.tif.png"),
    ],
)
def test_no_two_outputs_share_a_name(names: str, frames: Any, expected: str) -> None:
    assert output_names.output_names(tuple(names.split()), frames) == tuple(expected.split())


def test_naming_many_pictures_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    renamed = output_names._renamed

    def counted(*args: Any) -> str:
        nonlocal calls
        calls += 1
        return renamed(*args)

    monkeypatch.setattr(output_names, "_renamed", counted)
    names = tuple(f"{n // 2}.{'bmp' if n % 2 else 'tif'}" for n in range(100_000))
    found = output_names.output_names(names, "png")
    assert calls == len(names)
    assert len({name.casefold() for name in found}) == len(names)
