"""Options of ffmpeg that people type from habit, and what stands for them here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODEC = "the codec follows from the output's name and the source"
_HERE = {
    "-i": "{} without an option",
    "-ss": "--start {}",
    "-to": "--end {}",
    "-t": "--end, a time in the clip and not a length",
    "-c": _CODEC,
    "-codec": _CODEC,
    "-c:v": _CODEC,
    "-vcodec": _CODEC,
    "-c:a": "--audio {}",
    "-acodec": "--audio {}",
    "-vf": "--max-size scales; for other filters, use ffmpeg before or after",
    "-filter:v": "--max-size scales; for other filters, use ffmpeg before or after",
    "-s": "--max-size, the longer side in pixels",
    "-r": "--fps {}, for a video made from images",
    "-crf": "--crf {}",
    "-preset": "--preset {}",
    "-b:v": "--crf, a quality instead of a bit rate",
    "-an": "--audio none",
    "-map": "--stream, the index of a video stream",
    "-f": "the format follows from the output's name",
    "-pix_fmt": "the pixel format follows from the source",
    "-y": "--overwrite",
    "-n": "an existing output is only replaced with --overwrite",
}
"""Each option of ffmpeg, and what to write; ``{}`` is its value."""
_ALONE = {"-an", "-y", "-n"}
"""Those that take no value."""
_SCALE = re.compile(r"scale=(?:w=)?(\d+)")


def is_habit(word: str) -> bool:
    """Return whether a word is an option of ffmpeg."""
    return word in _HERE


def takes_value(word: str) -> bool:
    """Return whether an option of ffmpeg takes a value."""
    return word not in _ALONE


def refusal(found: Mapping[str, str]) -> BadInput:
    """Return the error that says in one line what to write for options of ffmpeg.

    Args:
        found: their values by option, "" where there is none.
    """
    what = "an option of ffmpeg" if len(found) == 1 else "options of ffmpeg"
    here = [_here(word, value) for word, value in found.items()]
    return BadInput(f"{', '.join(found)}: {what}", f"here: {'; '.join(here)}")


def _here(word: str, value: str) -> str:
    if match := _SCALE.search(value):
        return f"--max-size {match[1]}"
    return _HERE[word].format(value).replace(" ,", ",").strip()
