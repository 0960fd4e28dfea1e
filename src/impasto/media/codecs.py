"""What codecs of video can hold, and which container carries which of them."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from impasto.errors import BadInput
from impasto.media.formats import FAMILIES, Family, family_of
from impasto.media.names import codec as called
from impasto.media.names import container

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.schema.job import JobSpec

Coded = Literal["h264", "hevc", "av1", "vp9", "prores", "ffv1"]

CARRIED: dict[Family, tuple[Coded, ...]] = {
    "mp4": ("h264", "hevc", "av1", "vp9"),
    "mov": ("h264", "hevc", "prores"),
    "mkv": ("h264", "hevc", "av1", "vp9", "prores", "ffv1"),
    "webm": ("vp9", "av1"),
}
"""The codecs that a container carries in a way that players know."""

_EIGHT = ("yuv420p", "yuv422p", "yuv444p")
_TEN = ("yuv420p10le", "yuv422p10le", "yuv444p10le")
_TWELVE = ("yuv420p12le", "yuv422p12le", "yuv444p12le")
_SIXTEEN = ("yuv420p16le", "yuv422p16le", "yuv444p16le")
_CLEAR = (
    *("yuva420p", "yuva422p", "yuva444p", "yuva420p10le", "yuva422p10le", "yuva444p10le"),
    *("yuva444p12le", "yuva444p16le"),
)

PIXELS: dict[Coded, tuple[str, ...]] = {
    "h264": (*_EIGHT, *_TEN),
    "hevc": (*_EIGHT, *_TEN, *_TWELVE),
    "av1": ("yuv420p", "yuv420p10le"),
    "vp9": (*_EIGHT, "yuva420p"),
    "prores": ("yuv422p10le", "yuv444p10le", "yuva444p10le"),
    "ffv1": (*_EIGHT, *_TEN, *_TWELVE, *_SIXTEEN, *_CLEAR),
}
"""What each encoder takes, by FFmpeg's names; measured, since builds differ."""

ALWAYS_LOSSLESS: frozenset[Coded] = frozenset({"ffv1"})
NEVER_LOSSLESS: frozenset[Coded] = frozenset({"prores"})


def usual(family: Family, depth: int) -> Coded:
    """Return the codec for pictures of so many bits, where none is asked for."""
    if family == "webm":
        return "vp9"
    return "hevc" if depth > 8 else "h264"


def suffix_for(suffix: str, codec: str) -> str:
    """Return a suffix, or another where its container cannot carry the codec."""
    family = FAMILIES.get(suffix.lower())
    if codec == "auto" or (family and codec in CARRIED[family]):
        return suffix
    # Matroska carries every other one, and every kind of sound.
    return ".mov" if codec == "prores" else ".mkv"


def depth_of(pix_fmt: str) -> int:
    """Return the bits of a sample in one of ``PIXELS``."""
    bits = pix_fmt.rpartition("p")[2].removesuffix("le")
    return int(bits or 8)


def is_clear(pix_fmt: str) -> bool:
    """Return whether a format of ``PIXELS`` holds transparency."""
    return pix_fmt.startswith("yuva")


def choices(family: Family, codec: Coded) -> tuple[str, ...]:
    """Return the samples that a codec can hold in a container.

    VP9 keeps transparency beside its pictures, for which only Matroska and its kin have a place.
    """
    beside = family in {"mkv", "webm"} or codec != "vp9"
    return tuple(each for each in PIXELS[codec] if beside or not is_clear(each))


def check_asked(spec: JobSpec, *, video: bool) -> None:
    """Refuse a codec, samples or a quality that the output cannot have.

    Args:
        spec: the job.
        video: whether it makes one.

    Raises:
        BadInput: a container, a codec and what it is to hold do not go together.
    """
    asked = {"codec": spec.codec, "pix_fmt": spec.pix_fmt, "quality": spec.quality}
    named = [f"`{name}={value}`" for name, value in asked.items() if value not in {"auto", None}]
    if not named:
        return
    if not video:
        raise BadInput(
            f"{named[0]}: is for videos", "leave it out, or choose an output such as .mp4"
        )
    family = family_of(PurePath(spec.output).name)
    if spec.codec != "auto" and spec.codec not in CARRIED[family]:
        suffixes = [end for end, each in FAMILIES.items() if spec.codec in CARRIED[each]]
        raise BadInput(
            f"{named[0]}: {container(family)} cannot carry it",
            f"choose an output that ends in {_either(suffixes)}, or "
            + _either(f"`codec={each}`" for each in CARRIED[family]),
        )
    if spec.pix_fmt:
        codec = usual(family, depth_of(spec.pix_fmt)) if spec.codec == "auto" else spec.codec
        _check_samples(spec.pix_fmt, family, codec)
    _check_quality(spec)


def _check_samples(pix_fmt: str, family: Family, codec: Coded) -> None:
    fitting = choices(family, codec)
    if pix_fmt in fitting:
        return
    others = [each for each in CARRIED[family] if pix_fmt in choices(family, each)]
    remedy = f"choose {_either(f'`pix_fmt={each}`' for each in fitting)}"
    if others:
        remedy = f"choose {_either(f'`codec={each}`' for each in others)}, or {remedy[7:]}"
    raise BadInput(
        f"`pix_fmt={pix_fmt}`: {called(codec)} in {container(family)} cannot hold it", remedy
    )


def _check_quality(spec: JobSpec) -> None:
    if spec.codec in ALWAYS_LOSSLESS and spec.quality not in {None, "lossless"}:
        given = f"quality={spec.quality}"
    elif spec.codec in ALWAYS_LOSSLESS and spec.crf != type(spec).model_fields["crf"].default:
        given = f"crf={spec.crf}"
    elif spec.codec in NEVER_LOSSLESS and spec.quality == "lossless":
        raise BadInput(
            f"`quality=lossless`: {called(spec.codec)} always loses a little",
            "choose `codec=ffv1`, or `quality=100`",
        )
    else:
        return
    raise BadInput(f"`{given}`: {called(spec.codec)} is always lossless", "leave it out")


def _either(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
