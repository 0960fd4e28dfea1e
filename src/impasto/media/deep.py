"""Still pictures with 16 bits per sample, which Pillow reads and writes with 8.

FFmpeg decodes and encodes them; all else about a file is as Pillow says.
"""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from impasto.media.frame import About

_CHANNELS = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}
"""Samples of a pixel, by FFmpeg's name of the layout without its byte order."""
_BITS, _COMPRESSION, _PHOTOMETRIC, _PLANAR, _TILED, _EXTRA, _FORMAT = (
    *(258, 259, 262, 284, 322, 338, 339),
)
"""Tags of TIFF 6.0."""
_COMPRESSIONS = {1, 5, 8, 32773, 32946}
"""None, LZW, Deflate, PackBits, and Deflate's older number."""
_GREY, _RGB, _UNASSOCIATED = 1, 2, 2
_METRE = Fraction(10000, 254)
"""Inches in a metre."""
_HEADER = 33
"""Bytes of a PNG file up to the end of its first chunk."""
_RESOLUTION = 21
"""Bytes of a chunk that states the resolution."""
_LEVEL = 3


def is_deep(image: Image) -> bool:
    """Return whether all 16 bits of a picture can be read; it must not be loaded yet.

    False also for a colour profile other than sRGB, from which only 8 bits can be converted.
    """
    grey = image.mode.startswith("I;16")
    if image.info.get("icc_profile") and not (grey or _is_srgb(image)):
        return False
    if image.format == "PNG":
        clear = image.info.get("transparency")
        tiles = getattr(image, "tile", [])
        return any(";16" in str(tile[3]) for tile in tiles) and (grey or not clear)
    return image.format == "TIFF" and _is_plain(image)


def decode(data: bytes) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Decode the picture of a file for which `is_deep` is true, as it is stored.

    Returns:
        RGB (H, W, 3), and transparency (H, W) or None.

    Raises:
        ValueError: FFmpeg reads it in another layout.
        Exception: whatever FFmpeg finds wrong with it.
    """
    import av

    with av.open(io.BytesIO(data), "r") as container:
        frame = next(container.decode(video=0))
    kind, order = frame.format.name[:-2], frame.format.name[-2:]
    if kind not in _CHANNELS or order not in {"le", "be"}:
        raise ValueError(f"its layout is {frame.format.name}")
    count, plane = _CHANNELS[kind], frame.planes[0]
    lines = np.frombuffer(bytes(plane), np.uint8).reshape(frame.height, plane.line_size)
    packed = np.ascontiguousarray(lines[:, : 2 * count * frame.width])
    codes = packed.view("<u2" if order == "le" else ">u2").astype(np.uint16)
    pixels = codes.reshape(frame.height, frame.width, count)
    alpha = np.ascontiguousarray(pixels[..., -1]) if count in {2, 4} else None
    colours = pixels[..., :3] if count > 2 else np.repeat(pixels[..., :1], 3, axis=2)
    return np.ascontiguousarray(colours), alpha


def upright(plane: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn a picture as its EXIF orientation, 1 to 8, asks; other numbers leave it."""
    if orientation in {5, 6, 7, 8}:
        plane = plane.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        plane = plane[::-1]
    if orientation in {2, 3, 6, 7}:
        plane = plane[:, ::-1]
    return np.ascontiguousarray(plane)


def to_eight(plane: NDArray[Any]) -> NDArray[np.uint8]:
    """Return samples of 8 or 16 bits with 8, rounded to the nearest."""
    if plane.dtype == np.uint8:
        return plane
    return ((plane.astype(np.uint32) + 128) // 257).astype(np.uint8)


def encode(rgb: NDArray[np.uint16], alpha: NDArray[Any] | None, about: About) -> bytes:
    """Encode a picture as PNG with 16 bits per sample.

    Args:
        rgb: (H, W, 3).
        alpha: (H, W) of 8 or 16 bits, or None.
        about: facts to keep of the file that the picture was made from.

    Returns:
        The file's bytes, the same for the same pixels and facts.
    """
    import av

    height, width = rgb.shape[:2]
    kind, pixels = "rgb48", rgb
    if alpha is not None:
        wide = alpha if alpha.dtype == np.uint16 else alpha.astype(np.uint16) * 257
        kind, pixels = "rgba64", np.dstack((rgb, wide))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=f"{kind}le")
    context: Any = av.CodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt = width, height, f"{kind}be"
    context.time_base = Fraction(1)
    context.options = {"compression_level": str(_LEVEL), "pred": "paeth"}
    packets = [*context.encode(frame.reformat(format=f"{kind}be")), *context.encode(None)]
    data = b"".join(map(bytes, packets))
    # FFmpeg states a resolution of its own, which says nothing.
    rest = data[_HEADER + _RESOLUTION :] if data[_HEADER + 4 :][:4] == b"pHYs" else data[_HEADER:]
    return data[:_HEADER] + _facts(about) + rest


def _facts(about: About) -> bytes:
    """Return the chunks that hold resolution and EXIF data (W3C PNG, third edition)."""
    chunks = b""
    if about.dpi:
        across, down = (round(Fraction(each) * _METRE) for each in about.dpi)
        chunks += _chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if about.exif:
        chunks += _chunk(b"eXIf", about.exif.removeprefix(b"Exif\0\0"))
    return chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _is_plain(image: Image) -> bool:
    """Return whether FFmpeg reads a TIFF file's samples as they are."""
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (1,))
    bits = bits if isinstance(bits, tuple) else (bits,)
    formats = tags.get(_FORMAT, (1,))
    formats = formats if isinstance(formats, tuple) else (formats,)
    extra = tags.get(_EXTRA, ())
    extra = extra if isinstance(extra, tuple) else (extra,)
    colours = len(bits) - len(extra)
    return (
        set(bits) == {16}
        and set(formats) == {1}
        and (tags.get(_PHOTOMETRIC), colours) in {(_GREY, 1), (_RGB, 3)}
        and (not extra or (extra == (_UNASSOCIATED,) and colours == 3))
        and tags.get(_COMPRESSION, 1) in _COMPRESSIONS
        and (colours == 1 or tags.get(_PLANAR, 1) == 1)
        and _TILED not in tags
    )


def _is_srgb(image: Image) -> bool:
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        return "srgb" in ImageCms.getProfileDescription(profile).lower()
    except (ImageCms.PyCMSError, OSError):
        # It says nothing about the picture.
        return True
