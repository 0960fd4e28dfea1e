"""Facts about a still picture's file that its first bytes tell, without decoding it."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = 1 << 16
"""Bytes at a file's beginning that hold the facts, except in TIFF."""

_CHUNKS = 1000
"""Parts of a PNG file looked at, at most, before its picture begins."""

_CLEAR_PNG = {4, 6}
"""PNG's numbers of colour types with transparency: grey and RGB."""

_BITS_PER_SAMPLE, _EXTRA_SAMPLES = 258, 338
_CLEAR_AVIF = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
"""Names an item of AVIF that is the transparency of another one."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Facts about a picture's file.

    Attributes:
        several: whether it holds more than one picture: frames or pages.
        deep: whether its samples have over 8 bits.
        clear: whether it may be transparent.
    """

    several: bool = False
    deep: bool = False
    clear: bool = False


def may_matter(name: str) -> bool:
    """Return whether a file of this name may have traits."""
    return PurePosixPath(name).suffix.lower() in _READERS


def traits(name: str, file: BinaryIO) -> Traits:
    """Read a picture's traits; a file that is not what its name says has none."""
    with suppress(struct.error, IndexError):
        return _READERS[PurePosixPath(name).suffix.lower()](file)
    return Traits()


def is_lossless_webp(data: bytes) -> bool:
    """Return whether a WebP file's first picture was compressed without losses."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return False
    place = 12
    while place + 8 <= len(data):
        kind, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if kind in {b"VP8 ", b"VP8L"}:
            return kind == b"VP8L"
        # A frame of an animation holds the picture after 16 bytes of its own.
        place += 8 + (16 if kind == b"ANMF" else size + size % 2)
    return False


def _png(file: BinaryIO) -> Traits:
    """Read the parts before the picture (W3C PNG, third edition)."""
    if file.read(8) != b"\x89PNG\r\n\x1a\n":
        return Traits()
    deep = several = clear = False
    for _ in range(_CHUNKS):
        size, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IDAT":
            break
        if kind == b"IHDR":
            head = file.read(10)
            deep, clear = head[8] > 8, head[9] in _CLEAR_PNG
            size -= 10
        elif kind == b"tRNS":
            clear = True
        elif kind == b"acTL":
            several = struct.unpack(">I", file.read(4))[0] > 1
            size -= 4
        file.seek(size + 4, 1)
    return Traits(several, deep, clear)


def _webp(file: BinaryIO) -> Traits:
    """Read the first chunk's flags (RFC 9649)."""
    head = file.read(25)
    kind, flags = head[12:16], head[20]
    if kind == b"VP8L":
        return Traits(clear=bool(head[24] & 16))
    extended = kind == b"VP8X"
    return Traits(several=extended and bool(flags & 2), clear=extended and bool(flags & 16))


def _avif(file: BinaryIO) -> Traits:
    """Look for the brand of sequences, and for the property that tells the bits (ISO 23008-12)."""
    head = file.read(HEAD)
    size = int.from_bytes(head[:4], "big")
    bits = head.find(b"pixi")
    return Traits(
        several=b"avis" in head[8:size],
        deep=bits >= 0 and head[bits + 9] > 8,
        clear=_CLEAR_AVIF in head,
    )


def _tiff(file: BinaryIO) -> Traits:
    """Read the first directory (TIFF 6.0, and BigTIFF, whose numbers are longer)."""
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None:
        return Traits()
    big = struct.unpack(f"{order}H", head[2:4])[0] == 43
    number, width, inline = ("Q", 8, 8) if big else ("I", 4, 4)
    at = struct.unpack(f"{order}{number}", head[8:16] if big else head[4:8])[0]
    file.seek(at)
    count = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))[0]
    deep = clear = False
    for _ in range(min(count, _CHUNKS)):
        entry = file.read(4 + 2 * width)
        tag, _, values = struct.unpack(f"{order}HH{number}", entry[: 4 + width])
        clear = clear or tag == _EXTRA_SAMPLES
        if tag == _BITS_PER_SAMPLE:
            bits = entry[4 + width :]
            if 2 * values > inline:
                back = file.tell()
                file.seek(struct.unpack(f"{order}{number}", bits)[0])
                bits = file.read(2)
                file.seek(back)
            deep = struct.unpack(f"{order}H", bits[:2])[0] > 8
    several = struct.unpack(f"{order}{number}", file.read(width))[0] != 0
    return Traits(several, deep, clear)


_READERS: dict[str, Callable[[BinaryIO], Traits]] = {
    ".png": _png,
    ".webp": _webp,
    ".avif": _avif,
    ".tif": _tiff,
    ".tiff": _tiff,
}
