"""Words that people type from habit, and what stands for them here."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

_HERE = {
    "-i": "{} without an option",
    "-ss": "--start {}",
    "-to": "--end {}",
    "-t": "--end, a time in the clip and not a length",
    **dict.fromkeys(("-c", "-codec", "-c:v", "-vcodec"), "--codec, such as h264 or prores"),
    "-c:a": "--audio {}",
    "-acodec": "--audio {}",
    "-vf": "--max-size scales; for other filters, use ffmpeg before or after",
    "-filter:v": "--max-size scales; for other filters, use ffmpeg before or after",
    "-s": "--max-size, the longer side in pixels",
    "-r": "--fps {}, for a video made from images",
    "-crf": "--crf {}",
    "-preset": "--preset {}",
    "-b:v": "--quality, a quality instead of a bit rate",
    "-an": "--audio none",
    "-map": "--stream, the index of a video stream",
    "-f": "the format follows from the output's name",
    "-pix_fmt": "--pix-fmt {}",
    "-q:v": "--crf {}",
    "-threads": "--workers {}",
    "-loglevel": "--quiet or --verbose",
    "-hide_banner": "there is no banner",
    "-nostdin": "standard input is never read",
    "-y": "--overwrite",
    "-n": "an existing output is only replaced with --overwrite",
}
"""Each option of ffmpeg, and what to write; ``{}`` is its value."""
_ALONE = {"-an", "-y", "-n", "-hide_banner", "-nostdin"}
"""Those that take no value."""
_OTHER = {
    **dict.fromkeys(
        ("--scale", "--width", "--height", "--size"),
        ("--max-size", "--max-size {}, the longer side in pixels"),
    ),
    "--from": ("--start", "--start {}"),
    "--to": ("--end", "--end {}"),
    "--duration": ("--end", "--end, a time in the clip and not a length"),
    "--no-audio": ("--audio", "--audio none"),
}
"""Other names of options: the option that a command must have, and what to write."""
_COMMANDS = {
    "help": "'impasto --help' lists the commands",
    "list": "'impasto jobs' lists the jobs, and 'impasto ls' a store",
    "ps": "'impasto jobs' lists the jobs",
    "status": "'impasto jobs' lists the jobs, and 'impasto show JOB' shows one",
    "info": "'impasto probe FILE' describes a file, and 'impasto show JOB' a job",
    "paint": "'impasto run' paints: impasto run clip.mp4 --style painting.jpg -o out.mp4",
    "stop": "'impasto cancel JOB' stops a job",
    "delete": "'impasto gc' removes jobs, and 'impasto rm' files in a store",
}
"""Other names of commands, and the answer."""
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


def other_name(word: str, following: str, options: Container[str]) -> BadInput | None:
    """Return the answer to an option that is called otherwise here, or None.

    Args:
        word: the option, perhaps with its value.
        following: the word after it, or "".
        options: those of the command.
    """
    name, equals, value = word.partition("=")
    needed, remedy = _OTHER.get(name, ("", ""))
    if needed not in options:
        return None
    shown = remedy.format(value if equals else following).replace(" ,", ",").strip()
    return BadInput(f"{name}: unknown option", f"write {shown}")


def quality(args: Sequence[str], options: Container[str]) -> BadInput | None:
    """Return the answer to ``-q 20``, which elsewhere is a quality, or None."""
    for word, following in itertools.pairwise(args):
        number = following.isdecimal() and not Path(following).exists()
        if word == "-q" and number and "--crf" in options:
            return BadInput(
                f"-q {following}: -q is --quiet", f"for quality, write --crf {following}"
            )
    return None


def command(args: Sequence[str]) -> str:
    """Return what to type instead of a command that there is not; "" where nothing is known."""
    word, rest = args[0], args[1:]
    if word == "help" and rest:
        return f"write impasto {shlex.quote(rest[0])} --help"
    if word in _COMMANDS:
        return _COMMANDS[word]
    if Path(word).exists() or "://" in word or re.search(r"\.\w{2,5}$", word):
        return f"to score a file, write impasto run {shlex.join(args)}"
    return ""
