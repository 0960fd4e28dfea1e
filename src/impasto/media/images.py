"""Read and write still pictures: EXIF orientation, colour profiles and transparency handled.

Limits against decompression bombs hold for every picture read.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

from impasto.errors import BadInput
from impasto.media.frame import Frame, Layout
from impasto.spec import Colour

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from impasto.spec import FrameFormat

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
MAX_PIXELS = 1 << 27
_SRGB = Colour(matrix=0, full_range=True, primaries=1, transfer=13)
_QUALITY = {
    "PNG": {"compress_level": 3},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}
WRITABLE: dict[str, str] = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def is_image(name: str) -> bool:
    """Tell by its name whether an object is a picture."""
    return name.lower().endswith(SUFFIXES)


def read(data: bytes, name: str, index: int = 0) -> Frame:
    """Decode a picture, upright and in sRGB.

    Args:
        data: the file's bytes.
        name: what to call it in errors.
        index: place in the source.

    Returns:
        A frame with one plane (H, W, 3) uint8, and a second (H, W) when it has transparency.

    Raises:
        BadInput: it is no picture, is damaged, or is larger than `MAX_PIXELS`.
    """
    image = _open(data, name)
    planes = [np.array(image.convert("RGB"))]
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        planes.append(np.array(image.convert("RGBA").getchannel("A")))
    layout = Layout(image.width, image.height, 8, None, _SRGB)
    return Frame(index, tuple(planes), layout)


def size(data: bytes, name: str) -> tuple[int, int]:
    """Return a picture's upright width and height; raises BadInput as `read` does."""
    image = _open(data, name)
    return image.width, image.height


def write(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, suffix: str) -> bytes:
    """Encode a picture.

    Args:
        rgb: (H, W, 3).
        alpha: (H, W), or None; dropped by formats without transparency.
        suffix: ``.png``, ``.jpg``, ``.jpeg`` or ``.webp``.

    Returns:
        The file's bytes, the same for the same pixels.
    """
    from PIL import Image

    image = Image.fromarray(rgb)
    kind = WRITABLE[suffix.lower()]
    if alpha is not None and kind != "JPEG":
        image.putalpha(Image.fromarray(alpha))
    buffer = io.BytesIO()
    image.save(buffer, kind, **_QUALITY[kind])
    return buffer.getvalue()


def output_names(names: tuple[str, ...], frames: FrameFormat | None) -> tuple[str, ...]:
    """Name the outputs of pictures: the same names, in a format that can be written.

    A picture keeps its own format unless ``frames`` asks for another or it cannot be written;
    where two pictures would then share a name, their old suffix stays in it.
    """
    wanted = [_renamed(name, frames) for name in names]
    return tuple(
        new if wanted.count(new) == 1 or new == name else f"{name}{_suffix(new)}"
        for name, new in zip(names, wanted, strict=True)
    )


def _renamed(name: str, frames: FrameFormat | None) -> str:
    suffix = _suffix(name)
    kind = f".{frames}" if frames else suffix.lower() if suffix.lower() in WRITABLE else ".png"
    same = WRITABLE.get(suffix.lower()) == WRITABLE[kind]
    return name if same else f"{name.removesuffix(suffix)}{kind}"


def _suffix(name: str) -> str:
    return name[name.rindex(".") :] if "." in name else ""


def _open(data: bytes, name: str) -> Image:
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Image.Image = Image.open(io.BytesIO(data))
            _refuse_bombs(image, name)
            image.load()
            return ImageOps.exif_transpose(_to_srgb(image))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        reason = "it is empty" if not data else str(error).split("<")[0].strip(" '")
        raise BadInput(f"{name}: not a readable picture ({reason}); replace the file") from None


def _refuse_bombs(image: Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise BadInput(
            f"{name}: {image.width}x{image.height} is over {MAX_PIXELS} pixels; scale it down first"
        )


def _to_srgb(image: Image) -> Image:
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "L", "CMYK"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except (ImageCms.PyCMSError, OSError):
        return image
    assert converted is not None
    return converted
