"""Formats of images and videos, by their names' endings."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from impasto.errors import BadInput

Family = Literal["mp4", "mov", "mkv", "webm"]
FAMILIES: dict[str, Family] = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "mkv",
    ".webm": "webm",
}


def family_of(name: str) -> Family:
    """Return the container that a file name asks for.

    Raises:
        BadInput: no container has that suffix.
    """
    suffix = PurePosixPath(name).suffix
    if suffix.lower() not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise BadInput(
            f"{name}: no video container has the suffix '{suffix}'", f"use one of {known}"
        )
    return FAMILIES[suffix.lower()]


SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif")
VIDEOS = (
    *(".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob", ".wmv", ".flv", ".3gp", ".ogv"),
    *FAMILIES,
)
"""Suffixes of videos."""
STILLS = (
    *(".heic", ".heif", ".jxl", ".jp2", ".jfif", ".jpe", ".ppm", ".pgm", ".tga", ".psd"),
    *(".exr", ".hdr", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"),
    *(".svg", ".ico", ".pcx", ".dds", ".mpo", ".hif", ".j2k", ".jpf", ".jxr", ".xcf", ".eps"),
)
"""Suffixes of pictures that are not read."""
UNREAD = (".gif", ".apng", *STILLS, *VIDEOS)
"""Suffixes of pictures and videos that are not taken from a folder, and are named instead."""
WRITABLE: dict[str, str] = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def is_image(name: str) -> bool:
    """Return whether an object is a picture, judged by its name."""
    return name.lower().endswith(SUFFIXES)


def is_video(name: str) -> bool:
    """Return whether an object is a video, judged by its name."""
    return name.lower().endswith(VIDEOS)


def is_unread(name: str) -> bool:
    """Return whether an object is a picture or video that no folder gives, judged by its name."""
    return name.lower().endswith(UNREAD)
