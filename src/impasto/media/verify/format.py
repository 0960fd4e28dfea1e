"""What a decoder must know of sound and subtitles besides their packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.media.join.sound import usual_layout
from impasto.media.join.streams import MOVIE_TEXT, PLAIN_TEXT
from impasto.media.names import codec, container
from impasto.media.verify.report import Check, found_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.formats import Family
    from impasto.media.verify.inventory import Contents

_MPEG_AUDIO = frozenset({"mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float"})
_ALIKE = (_MPEG_AUDIO, MOVIE_TEXT | PLAIN_TEXT)
"""Codecs that are one and the same to a player: MP4 does not tell MPEG's three layers apart, and
the forms of plain text are converted into each other."""


def check_format(item: str, before: Contents, after: Contents, family: Family) -> Iterator[Check]:
    """Compare the codec, the sampling rate, the channels and the codec's setup."""
    ok = _same_codec(before.codec, after.codec) and _same_setup(before, after)
    if before.codec != "aac":
        # The setup has these of AAC, and there they may mean half of what is heard.
        ok &= before.rate == after.rate and before.channels == after.channels
    detail = found_for(_words(after, setup=not ok), _words(before, setup=not ok))
    yield Check(item=f"{item} format", ok=ok, detail=detail)
    if before.channels == after.channels:
        yield from _speakers(item, before, after, family)


def _speakers(item: str, before: Contents, after: Contents, family: Family) -> Iterator[Check]:
    """Compare which speakers there are; some containers do not say it of some codecs."""
    wanted, found = (usual_layout(each.channels, each.layout) for each in (before, after))
    if wanted == found or before.layout.endswith("channels"):
        return
    unsaid = after.layout.endswith("channels") or (before.codec, family) == ("flac", "mp4")
    detail = found_for(found, wanted)
    if unsaid:
        detail = f"{container(family)} cannot store the layout {wanted} of {codec(before.codec)}"
    yield Check(item=f"{item} speakers", ok=None if unsaid else False, detail=detail, lost=unsaid)


def _same_codec(before: str, after: str) -> bool:
    return before == after or any(before in each and after in each for each in _ALIKE)


def _same_setup(before: Contents, after: Contents) -> bool:
    old, new = bytes(before.setup), bytes(after.setup)
    if before.codec == "aac" and len(old) == 2:
        return new.startswith(old)
    return old in {b"", new}


def _words(stream: Contents, *, setup: bool) -> str:
    words = [stream.codec]
    if stream.kind == "audio":
        words += [f"{stream.rate} Hz", stream.layout]
    if setup and stream.setup:
        words.append(f"setup {stream.setup[:24].hex()}")
    return " ".join(words)
