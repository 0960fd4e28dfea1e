"""Messages in the words of the command line.

Messages of other layers suit every interface: they write a field of a spec or a setting as
`` `max_failed` `` or `` `max_failed=3` ``, and a command as `` `impasto show` ``. Here they become
the flags that a user types.
"""

from __future__ import annotations

import re
import shlex
from functools import cache

STOPPED = "stopped at once, finished work is kept; run the same command to continue"

_COMMAND = re.compile(r"`(impasto [^`]+)`")
_FIELD = re.compile(r"`([a-z]\w*)(=[^`]*)?`")
_OWN = {
    "accept_changes",
    "at",
    "config",
    "download",
    "hours",
    "permission",
    "plot",
    "recursive",
} | {
    "row",
    "rule",
}
"""Options of commands that are not fields of a spec or of the settings."""


def worded(text: str) -> str:
    """Return a message with flags and commands as they are typed.

    A name that no field has stays as it is, since it is a scorer's or a library's own word, unless
    the message is about such a name, and begins with it.
    """
    return _FIELD.sub(_flag, _COMMAND.sub(r"'\1'", text)) if "`" in text else text


def _flag(match: re.Match[str]) -> str:
    if not match.string.startswith("`") and match[1] not in _fields():
        return match[0]
    flag = f"--{match[1].replace('_', '-')}"
    return f"{flag} {shlex.quote(match[2][1:])}" if match[2] else flag


@cache
def _fields() -> set[str]:
    from impasto.schema.job import JobSpec
    from impasto.scorers.registry import SCORERS
    from impasto.settings import Settings

    scorers = {name for entry in SCORERS.values() for name in entry.params.model_fields}
    return {*JobSpec.model_fields, *Settings.model_fields, *scorers} | _OWN
