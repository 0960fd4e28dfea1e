"""What a still picture's file says about it, beyond its pixels, fit for a file made from it."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from impasto.media.frame import About
from impasto.media.traits import is_lossless_webp

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

LONGEST = 65_000
"""Bytes of EXIF data that every format holds; JPEG's segments are the shortest."""

_CAMERA, _GPS = 0x8769, 0x8825
"""Where EXIF keeps its further directories."""

_DESCRIPTIVE = (
    *(0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298, 0x4746, 0x4749),
    *range(0x9C9B, 0x9CA0),
)
"""Description, maker, model, software, dates, people, rights, rating; all else is structure."""

_OF_THE_FILE = {0x927C, 0xA002, 0xA003, 0xA005}
"""The maker's notes, which point into the file, and the size of its pixels."""

_COLOUR_SPACE, _SRGB = 0xA001, 1
_ACROSS, _DOWN, _UNIT, _INCH = 0x011A, 0x011B, 0x0128, 2
ORIENTATION = 0x0112

_HALF_TURNS = 4
"""The last orientation that leaves width and height as they are."""


def about_picture(image: Image, data: bytes, orientation: int) -> About:
    """Return what is kept of a picture's file; what is damaged there is left out.

    Args:
        image: the picture as Pillow holds it.
        data: the file.
        orientation: how a TIFF file's picture was turned when it was read.
    """
    lossless = is_lossless_webp(data)
    try:
        given = image.getexif()
        turned = max(orientation, given.get(ORIENTATION, 1)) > _HALF_TURNS
        dpi = _dpi(image, given, turned=turned)
        exif = _descriptive(given, dpi if image.format == "WEBP" else None)
    except Exception:  # noqa: BLE001 (Pillow raises whatever it runs into, as its decoders do)
        return About(lossless=lossless)
    return About(exif if len(exif) <= LONGEST else b"", dpi, lossless)


def _dpi(image: Image, given: Exif, *, turned: bool) -> tuple[float, float] | None:
    """Return the resolution of the upright picture, or None where the file states none."""
    if image.format == "WEBP" and given.get(_UNIT) == _INCH:
        found = given.get(_ACROSS), given.get(_DOWN)
    else:
        found = image.info.get("dpi") or (None, None)
    across, down = (float(value or 0) for value in found)
    if not (isfinite(across) and isfinite(down) and across > 0 and down > 0):
        return None
    return (down, across) if turned else (across, down)


def _descriptive(given: Exif, dpi: tuple[float, float] | None) -> bytes:
    """Return the EXIF data that is true of any file made from a picture."""
    from PIL.Image import Exif

    made = Exif()
    for tag in _DESCRIPTIVE:
        if tag in given:
            made[tag] = given[tag]
    camera = {k: v for k, v in given.get_ifd(_CAMERA).items() if k not in _OF_THE_FILE}
    if _COLOUR_SPACE in camera:
        camera[_COLOUR_SPACE] = _SRGB
    for tag, directory in ((_CAMERA, camera), (_GPS, dict(given.get_ifd(_GPS)))):
        if directory:
            made[tag] = directory
    if dpi:
        made[_ACROSS], made[_DOWN], made[_UNIT] = *dpi, _INCH
    return made.tobytes() if len(made) else b""
