"""What people call codecs, containers, languages and speakers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from impasto.media.formats import Family

CODECS = {
    "aac": "AAC",
    "aac_latm": "AAC (LATM)",
    "ac3": "Dolby Digital (AC-3)",
    "alac": "Apple Lossless",
    "ass": "SubStation Alpha",
    "av1": "AV1",
    "dca": "DTS",
    "dnxhd": "DNxHD",
    "dvb_subtitle": "pictures (DVB)",
    "dvd_subtitle": "pictures (DVD)",
    "dvdsub": "pictures (DVD)",
    "dvbsub": "pictures (DVB)",
    "eac3": "Dolby Digital Plus (E-AC-3)",
    "ffv1": "FFV1",
    "flac": "FLAC",
    "gif": "GIF",
    "h263": "H.263",
    "h264": "H.264",
    "hdmv_pgs_subtitle": "pictures (Blu-ray)",
    "hevc": "H.265",
    "libaom-av1": "AV1",
    "libdav1d": "AV1",
    "libsvtav1": "AV1",
    "libopus": "Opus",
    "libx264": "H.264",
    "libx265": "H.265",
    "libvpx": "VP8",
    "libvpx-vp9": "VP9",
    "mjpeg": "JPEG",
    "mov_text": "text (MP4)",
    "mp2": "MP2",
    "mp2float": "MP2",
    "mp3": "MP3",
    "mp3float": "MP3",
    "mpeg1video": "MPEG-1",
    "mpeg2video": "MPEG-2",
    "mpeg4": "MPEG-4 part 2",
    "opus": "Opus",
    "pgssub": "pictures (Blu-ray)",
    "png": "PNG",
    "prores": "ProRes",
    "prores_ks": "ProRes",
    "rawvideo": "uncompressed",
    "srt": "text (SubRip)",
    "ssa": "SubStation Alpha",
    "subrip": "text (SubRip)",
    "truehd": "Dolby TrueHD",
    "vorbis": "Vorbis",
    "vp8": "VP8",
    "vp9": "VP9",
    "webvtt": "text (WebVTT)",
    "wmav2": "Windows Media Audio",
}
"""By FFmpeg's name of a decoder."""

CONTAINERS = {
    "asf": "Windows Media",
    "avi": "AVI",
    "flv": "Flash video",
    "gif": "GIF",
    "matroska,webm": "Matroska",
    "mov,mp4,m4a,3gp,3g2,mj2": "MP4",
    "mpeg": "MPEG program stream",
    "mpegts": "MPEG transport stream",
    "mxf": "MXF",
    "ogg": "Ogg",
}
"""By FFmpeg's name of a demuxer."""

SUFFIXES = {".mov": "QuickTime", ".webm": "WebM"}
"""Containers that share a demuxer with another, by how their files' names end."""

FAMILIES: dict[Family, str] = {
    "mp4": "MP4",
    "mov": "QuickTime",
    "mkv": "Matroska",
    "webm": "WebM",
}
"""The containers of outputs."""

LANGUAGES = {
    "ara": "Arabic",
    "ces": "Czech",
    "chi": "Chinese",
    "cze": "Czech",
    "dan": "Danish",
    "deu": "German",
    "dut": "Dutch",
    "ell": "Greek",
    "eng": "English",
    "fin": "Finnish",
    "fra": "French",
    "fre": "French",
    "ger": "German",
    "gre": "Greek",
    "heb": "Hebrew",
    "hin": "Hindi",
    "hun": "Hungarian",
    "ita": "Italian",
    "jpn": "Japanese",
    "kor": "Korean",
    "nld": "Dutch",
    "nor": "Norwegian",
    "pol": "Polish",
    "por": "Portuguese",
    "rus": "Russian",
    "spa": "Spanish",
    "swe": "Swedish",
    "tur": "Turkish",
    "ukr": "Ukrainian",
    "zho": "Chinese",
}
"""By ISO 639-2 code; others are shown by their code."""


def codec(name: str) -> str:
    """Return what people call a codec, or FFmpeg's name of it."""
    if match := re.fullmatch(r"pcm_[suf](\d+)(le|be)?", name):
        return f"PCM, {match[1]} bits"
    return CODECS.get(name, name)


def container(family: Family) -> str:
    """Return what people call an output's container."""
    return FAMILIES[family]


def track(kind: str, index: int) -> str:
    """Return what people call a stream of a file, by FFmpeg's name of its kind."""
    return f"{'sound' if kind == 'audio' else kind} track {index}"


def language(code: str) -> str:
    """Return the name of a language; "" where it is not known."""
    return "" if code in {"", "und"} else LANGUAGES.get(code, code)


def rate(value: Fraction) -> str:
    """Write a frame rate: ``25 fps``, ``23.976 fps``."""
    return f"{float(value):.3f}".rstrip("0").rstrip(".") + " fps"


def speakers(layout: str, channels: int) -> str:
    """Write a speaker layout: ``stereo``, ``5.1``, ``9 channels``."""
    name = layout.partition("(")[0]
    return name or f"{channels} channel{'s' if channels > 1 else ''}"
