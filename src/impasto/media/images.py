"""Read and write still pictures: EXIF orientation, colour profiles and transparency handled.

Limits against decompression bombs hold for every picture read.
"""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from impasto.errors import BadInput, ImpastoError
from impasto.media.deep import decode, encode, is_deep, to_eight, upright
from impasto.media.exif import ORIENTATION, about_picture
from impasto.media.formats import WRITABLE
from impasto.media.frame import NOTHING, About, Frame, Layout
from impasto.schema.source import Colour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from PIL.Image import Image

    from impasto.media.frame import Plane

MAX_PIXELS = 1 << 27
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF")
"""Pillow's names of the formats tried; some of its others, such as EPS, run external programs.

MPO, several pictures in one JPEG, is opened as JPEG: Pillow cannot open it by its own name.
"""

_SRGB = Colour(matrix=0, full_range=True, primaries=1, transfer=13)
_QUALITY = {
    "PNG": {"compress_level": 3},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}


def read(data: bytes, name: str, index: int = 0, *, deep: bool = False) -> Frame:
    """Decode a picture, upright and in sRGB.

    Args:
        data: the file's bytes.
        name: what to call it in errors.
        index: place in the source.
        deep: whether samples of 16 bits are kept where `keeps_depth` says so, as uint16.

    Returns:
        A frame with one plane (H, W, 3) uint8, and a second (H, W) when it has transparency.

    Raises:
        BadInput: the file is not a picture, is damaged, or is larger than `MAX_PIXELS`.
    """
    with _opened(data, name) as (image, stored, orientation, is_deep):
        about = about_picture(stored, data, orientation)
        planes: tuple[Plane, ...]
        if deep and is_deep:
            planes = _sixteen(data, image, stored.getexif().get(ORIENTATION, orientation))
        else:
            alpha = _alpha(image)
            planes = (_rgb(image, name),) if alpha is None else (_rgb(image, name), alpha)
        depth = 8 * planes[0].itemsize
        layout = Layout(image.width, image.height, depth, None, _SRGB)
    return Frame(index, planes, layout, about=about)


def keeps_depth(file: BinaryIO) -> bool:
    """Return whether all 16 bits of a picture's samples are read; decodes no picture."""
    from PIL import Image

    with suppress(Exception), warnings.catch_warnings(), Image.open(file, formats=FORMATS) as image:
        warnings.simplefilter("ignore")
        return is_deep(image)
    return False


def size(data: bytes, name: str) -> tuple[int, int]:
    """Return a picture's upright width and height; raises BadInput as `read` does."""
    with _opened(data, name) as (image, *_):
        return image.width, image.height


def stated_size(file: BinaryIO, name: str) -> tuple[int, int]:
    """Return the width and height that a file states, as they are stored; decodes no picture.

    Args:
        file: the file, which is read as far as that takes.
        name: what to call it in errors.

    Raises:
        BadInput: the file is not a picture, or states far more than `MAX_PIXELS`.
    """
    from PIL import Image

    with _blamed(name), Image.open(file, formats=FORMATS) as image:
        return image.width, image.height


def write(rgb: Plane, alpha: Plane | None, suffix: str, about: About = NOTHING) -> bytes:
    """Encode a picture.

    Args:
        rgb: (H, W, 3); 16 bits per sample stay in PNG, and become 8 in other formats.
        alpha: (H, W), or None; dropped by formats without transparency.
        suffix: ``.png``, ``.jpg``, ``.jpeg`` or ``.webp``.
        about: facts to keep of the file that the picture was made from.

    Returns:
        The file's bytes, the same for the same pixels and facts.
    """
    from PIL import Image

    kind = WRITABLE[suffix.lower()]
    if kind == "PNG" and rgb.dtype == np.uint16:
        return encode(rgb.astype(np.uint16, copy=False), alpha, about)
    image = Image.fromarray(to_eight(rgb))
    if alpha is not None and kind != "JPEG":
        image.putalpha(Image.fromarray(to_eight(alpha)))
    buffer = io.BytesIO()
    options: dict[str, Any] = dict(_QUALITY[kind])
    if about.lossless and kind == "WEBP":
        options = {"lossless": True}
    if about.exif:
        options["exif"] = about.exif
    if about.dpi and kind != "WEBP":
        options["dpi"] = about.dpi
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[tuple[Image, Image, int, bool]]:
    """Decode a picture; errors within the block are blamed on it.

    Yields:
        The picture upright, the picture as Pillow holds it, a TIFF file's orientation, which
        Pillow drops when it has turned the picture, and whether `is_deep` holds.
    """
    from PIL import Image, ImageOps

    with _blamed(name, empty=not data):
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        _refuse_bombs(image.width, image.height, name)
        orientation = getattr(image, "tag_v2", {}).get(ORIENTATION, 1)
        sixteen = is_deep(image)
        image.load()
        yield ImageOps.exif_transpose(image), image, orientation, sixteen


@contextmanager
def _blamed(name: str, *, empty: bool = False) -> Iterator[None]:
    """Blame whatever Pillow raises in a block on the picture that it reads."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ImpastoError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise BadInput(f"{name}: is over {MAX_PIXELS} pixels", "scale it down first") from None
    except Exception as error:  # noqa: BLE001
        # On a damaged file Pillow's decoders raise whatever they run into: struct.error, KeyError,
        # ZeroDivisionError, ... All of it concerns this one picture only.
        reason = "it is empty" if empty else _message(error)
        raise BadInput(f"{name}: not a readable picture ({reason})", "replace the file") from None


def _message(error: Exception) -> str:
    """Return an exception's own message on one line, without the addresses of objects."""
    said = " ".join(str(error).split("<")[0].split()).strip(" '")
    return said or type(error).__name__


def _refuse_bombs(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise BadInput(
            f"{name}: {width}x{height} is over {MAX_PIXELS} pixels", "scale it down first"
        )


def _sixteen(data: bytes, image: Image, orientation: int) -> tuple[Plane, ...]:
    """Return a picture's planes with 16 bits per sample.

    Args:
        data: the file.
        image: the picture as Pillow decodes it, upright.
        orientation: how the file says that it is turned.
    """
    rgb, alpha = decode(data)
    rgb = upright(rgb, orientation)
    clear = image.info.get("transparency")
    if alpha is not None:
        return rgb, upright(alpha, orientation)
    if isinstance(clear, int):
        return rgb, np.where(rgb[..., 0] == clear, 0, 0xFFFF).astype(np.uint16)
    return (rgb,)


def _alpha(image: Image) -> NDArray[np.uint8] | None:
    """Return the picture's transparency (H, W), or None where it has none."""
    clear = image.info.get("transparency")
    if _deep(image):
        # Pillow would compare the 16-bit key with 8-bit samples.
        if not isinstance(clear, int):
            return None
        return np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)
    if clear is None and not image.has_transparency_data:
        return None
    return np.array(image.convert("RGBA").getchannel("A"))


def _rgb(image: Image, name: str) -> NDArray[np.uint8]:
    """Return the picture in sRGB: (H, W, 3)."""
    if image.mode == "F":
        raise BadInput(f"{name}: its samples are floating-point", "convert it to 8 or 16 bits")
    if _deep(image):
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 0xFFFF:
            raise BadInput(f"{name}: its samples have over 16 bits", "convert it to 8 or 16 bits")
        eight = ((grey + 128) // 257).astype(np.uint8)
        return np.repeat(eight[:, :, None], 3, axis=2)
    return np.array(_to_srgb(image).convert("RGB"))


def _deep(image: Image) -> bool:
    """Return whether a grey picture has over 8 bits, which Pillow clips instead of scaling."""
    return image.mode == "I" or image.mode.startswith("I;16")


def _to_srgb(image: Image) -> Image:
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if not profile:
        return image
    # Transparency is handled elsewhere, so only colours remain; a profile is for these modes.
    plain = {"LA": "L", "1": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    flat = image.convert(plain)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            flat, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        # A damaged profile, or one for another colour model, says nothing about this picture.
        return image
    assert converted is not None
    return converted
