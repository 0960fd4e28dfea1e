"""What decoding needs of a codec's header, in a form that all containers share."""

from __future__ import annotations


def setup_of(codec: str, extradata: bytes) -> bytes:
    """Return the part of a codec's header that decoding needs, in a form all containers share.

    Other codecs describe themselves in every packet, and containers put what they like there.
    """
    if codec == "flac":
        return extradata.removeprefix(b"fLaC\x80\0\0\x22").removeprefix(b"fLaC\0\0\0\x22")[:34]
    if codec == "opus":
        # Without the version and the rate of what was once encoded (RFC 7845).
        return extradata[9:12] + extradata[16:]
    if codec == "alac":
        return extradata[12:36]
    if codec == "vorbis":
        # Without the comments between these two headers.
        first, last = extradata.find(b"\x01vorbis"), extradata.rfind(b"\x05vorbis")
        return extradata[first : first + 30] + extradata[last:]
    if codec in {"ass", "ssa"}:
        return extradata.rstrip(b"\0\r\n ")
    return extradata if codec == "aac" else b""


def adts_setup(payload: bytes) -> bytes:
    """Return the setup of an AAC packet that has a header: its profile, rate and channels."""
    kind, rate = (payload[2] >> 6) + 1, payload[2] >> 2 & 15
    channels = (payload[2] & 1) << 2 | payload[3] >> 6
    return (kind << 11 | rate << 7 | channels << 3).to_bytes(2, "big")
