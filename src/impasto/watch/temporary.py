"""Names that programs give to files that they are still writing."""

from __future__ import annotations

import re

_SUFFIXES = (".part", ".partial", ".crdownload", ".download", ".tmp", ".filepart", "~")
_UNFINISHED = re.compile(r"#\d+$")
"""How the store's client ends the names of what it writes into a folder."""
_SYNCED = re.compile(r"\.(?P<name>.+)\.\w{6}")
"""How rsync names a file until it is whole."""


def is_temporary(name: str) -> bool:
    """Return whether a file's name says that it is not the final one."""
    return (
        name.startswith((".", "~$"))
        or name.lower().endswith(_SUFFIXES)
        or _UNFINISHED.search(name) is not None
    )


def is_draft_of(name: str, final: str) -> bool:
    """Return whether a temporary name is what a program makes of a final one."""
    synced = _SYNCED.fullmatch(name)
    if synced and synced["name"] == final:
        return True
    bare = _UNFINISHED.sub("", name.removeprefix("."))
    for suffix in _SUFFIXES:
        if bare.lower().endswith(suffix):
            bare = bare[: -len(suffix)]
            break
    return bare != name and bare in {final, final.rpartition(".")[0]}
