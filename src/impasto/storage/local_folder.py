"""Listing of a folder as if it were a store's, without what no store could hold.

The store's client gives up at the first such name, and people, editors and file managers leave all
sorts of files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from impasto.errors import BadInput
from impasto.schema.url import check_key

UNFINISHED = re.compile(r"#\d+$")
"""How the names of files end that the client writes before it renames them."""


def files(root: Path, prefix: str) -> Iterator[tuple[str, int, str, float]]:
    """Yield the key, size, etag and last change of every file below a prefix; follows no links."""
    waiting = [prefix.rstrip("/")]
    while waiting:
        folder = waiting.pop()
        for key, entry in _entries(root, folder):
            if entry.is_dir(follow_symlinks=False):
                waiting.append(key)
            elif entry.is_file(follow_symlinks=False) and not UNFINISHED.search(key):
                try:
                    stat = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                tag = f"{stat.st_ino:x}-{stat.st_mtime_ns // 1000:x}-{stat.st_size:x}"
                yield key, stat.st_size, tag, stat.st_mtime


def folders(root: Path, prefix: str) -> Iterator[str]:
    """Yield the keys of the folders directly below a prefix; follows no links."""
    for key, entry in _entries(root, prefix.rstrip("/")):
        if entry.is_dir(follow_symlinks=False):
            yield key


def remove_empty(root: Path, prefix: str) -> None:
    """Remove the empty folders below and above a prefix, but not the root; follows no links."""
    top = root / prefix.rstrip("/")
    waiting = [top]
    for folder in waiting:
        with suppress(OSError), os.scandir(folder) as entries:
            waiting += [Path(each.path) for each in entries if each.is_dir(follow_symlinks=False)]
    for folder in (*reversed(waiting), *top.parents):
        if folder != root and folder.is_relative_to(root):
            with suppress(OSError):
                folder.rmdir()


def _entries(root: Path, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield what is directly in a folder, if it exists, each with its key."""
    try:
        with os.scandir(root / folder) as entries:
            listed = list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in listed:
        key = f"{folder}/{entry.name}" if folder else entry.name
        try:
            check_key(key, key)
        except BadInput:
            continue
        yield key, entry
