"""Listings of what a URL or path holds: files of a folder and objects of a store, seen alike."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Changed, Denied, Missing
from impasto.schema.url import check_key, parse, split_signature
from impasto.storage.local import etag, mapped
from impasto.storage.parallel import in_order
from impasto.storage.store import Stat, Store
from impasto.storage.stores import Stores
from impasto.storage.upload import PART, PARTS

if TYPE_CHECKING:
    from impasto.schema.url import Url

    Note = Callable[[str], None]

_DRIVE = re.compile("[A-Za-z]:")
_LONGEST = 255
"""Maximum bytes of a name that file systems take."""


class Folder:
    """A folder on this machine, listed and read like a `Store`, whatever its files' names.

    Links are followed only to files within the folder.

    Attributes:
        place: where it is; it need not exist.
        root: what `Store.root` is for a container.
    """

    root = ("file", "", "")

    def __init__(self, place: Url, note: Note) -> None:
        """Open a folder; ``note`` is called with what is left out of listings, and why."""
        self.place = place
        self._note = note

    def where(self, key: str) -> str:
        """Return a file's name for people."""
        return str(self.place.path / key)

    def path(self, key: str) -> Path:
        """Return where a key is, or would be, in this folder.

        Raises:
            BadInput: it would be elsewhere, or folders cannot hold such a name.
        """
        where = f"{self.place}/{key}"
        check_key(key, where)
        if _DRIVE.match(key):
            raise BadInput(
                f"{where}: the name begins with a drive letter", "copy it under another name"
            )
        if any(len(os.fsencode(part)) > _LONGEST for part in key.split("/")):
            raise BadInput(
                f"{where}: a part of the name is over {_LONGEST} bytes, which no folder can hold",
                "copy it under a shorter name",
            )
        return self.place.path / key

    def stat(self, key: str) -> Stat | None:
        """Return a file's facts, or None when there is none."""
        path = self.place.path / key
        if os.path.lexists(path):
            with suppress(Missing), mapped(str(path)):
                return _stat(key, path)
        return None

    def walk(self, prefix: str = "") -> Iterator[Stat]:
        """Yield every file below a folder, even hidden ones; raises BadInput where access ends."""
        folders = [prefix]
        while folders:
            stats, below = self.list_folder(folders.pop())
            yield from stats
            folders += reversed(below)

    def list_folder(self, prefix: str = "") -> tuple[list[Stat], list[str]]:
        """List the files directly in a folder and the folders there, sorted."""
        folder = self.place.path / prefix
        with mapped(str(folder)), os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
        stats, folders = [], []
        for entry in entries:
            key = f"{prefix}/{entry.name}".lstrip("/")
            if entry.is_dir(follow_symlinks=False):
                folders.append(key)
            elif entry.is_symlink() and not self._holds(entry.path):
                self._note(f"{entry.path}: is not a link to a file in this folder; left out")
            elif not entry.is_file():
                self._note(f"{entry.path}: is not a file; left out")
            elif found := self.stat(key):
                stats.append(found)
        return stats, folders

    def parts(self, stat: Stat) -> Iterator[bytes]:
        """Read a file part by part; raises Changed if it no longer matches ``stat``."""
        path = self.place.path / stat.key
        with mapped(str(path)), path.open("rb") as file:
            while part := file.read(PART):
                yield part
        if etag(path) != stat.etag:
            raise Changed(f"{path}: has changed in the meantime", "run it again")

    def _holds(self, link: str) -> bool:
        target = Path(os.path.realpath(link))
        return target.is_relative_to(os.path.realpath(self.place.path)) and target.is_file()


Place = Folder | Store
"""Where files or objects are; their keys are relative to it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry in a listing.

    Attributes:
        url: where it is; a folder's ends in a slash.
        name: its key below what was asked for, or its own name; a folder's ends in a slash.
        stat: its facts; None for a folder.
    """

    url: str
    name: str
    stat: Stat | None


def open_place(stores: Stores, url: Url, note: Note) -> Place:
    """Open a folder or prefix, which need not exist; raises what `Store` does."""
    return Folder(url, note) if url.local else stores.open(url)


def above(stores: Stores, url: Url, note: Note) -> Place:
    """Open the folder or prefix that a file or object is in."""
    return Folder(_parent(url), note) if url.local else stores.open_parent(url)[0]


def ends_as_folder(text: str) -> bool:
    """Return whether a URL or path has an end that makes it name a folder's content."""
    last = split_signature(text)[0].rpartition("/")[2]
    return last in {"", ".", ".."} or not parse(text).key.strip("/")


def find(stores: Stores, text: str, note: Note) -> tuple[Place, Stat | None]:
    """Find what a URL or path names.

    Returns:
        The folder, and None; or the folder that an object is in, and the object's facts. If a
        folder and an object share the name, it is the object, unless that is empty: an empty one
        marks a folder.

    Raises:
        Missing: it names nothing.
    """
    url, folder = parse(text), ends_as_folder(text)
    if url.local:
        return _find_local(url, note, folder=folder)
    below = open_place(stores, url, note)
    if folder:
        # An empty container exists nonetheless.
        if not url.key or is_folder(below, refused=True):
            return below, None
        raise Missing(f"{url}/: no such folder", "check the URL")
    beside, key = stores.open_parent(url)
    stat = beside.stat(key)
    if stat and (stat.size or not is_folder(below)):
        return beside, stat
    if stat or is_folder(below):
        return below, None
    raise Missing(f"{url}: no such object or folder", "check the URL")


def is_folder(place: Place, *, refused: bool = False) -> bool:
    """Return whether a folder exists on this machine, or a prefix holds anything.

    Args:
        place: where.
        refused: whether to raise Denied if access is refused, rather than return False.
    """
    if isinstance(place, Folder):
        with mapped(str(place.place)):
            return place.place.path.is_dir()
    try:
        return next(place.walk(), None) is not None
    except Denied:
        if refused:
            raise
        return False


def parts(place: Place, stat: Stat) -> Iterator[bytes | memoryview]:
    """Read one version of a file or object in parts, in order, with several in flight at once.

    Raises:
        Changed: it has changed.
        Missing: it is gone.
        Unavailable: its store does not answer.
    """
    if isinstance(place, Folder):
        yield from place.parts(stat)
    elif not stat.size:
        # An empty object has no range to ask for.
        yield place.read(stat.key)
    elif stat.size <= PART:
        yield place.read_range(stat.key, 0, stat.size, stat.etag)
    else:
        starts = range(0, stat.size, PART)
        yield from in_order(
            lambda start: place.read_range(
                stat.key, start, min(start + PART, stat.size), stat.etag
            ),
            starts,
            PARTS,
        )


def entries(stores: Stores, text: str, *, recursive: bool, note: Note) -> Iterator[Entry]:
    """List what a URL or path names: an object, or what a folder holds.

    Args:
        stores: what may be opened.
        text: the URL or path.
        recursive: list everything below, as it arrives, instead of folders.
        note: called with what is left out.

    Raises:
        Missing: it names nothing.
    """
    place, stat = find(stores, text, note)
    folders: list[str] = []
    stats: Iterator[Stat] | list[Stat]
    if stat:
        stats = [stat]
    elif recursive:
        stats = place.walk()
    else:
        stats, folders = place.list_folder()
    for key in folders:
        yield Entry(f"{place.where(key)}/", f"{key}/", None)
    for each in stats:
        yield Entry(place.where(each.key), each.key, each)


def _find_local(url: Url, note: Note, *, folder: bool) -> tuple[Folder, Stat | None]:
    with mapped(str(url)):
        mode = url.path.stat().st_mode
    if S_ISDIR(mode):
        return Folder(url, note), None
    if folder or not S_ISREG(mode):
        raise Missing(f"{url}: is not a {'folder' if folder else 'file'}", "check the path")
    beside = Folder(_parent(url), note)
    return beside, beside.stat(url.name)


def _parent(url: Url) -> Url:
    return url.at(str(url.path.parent))


def _stat(key: str, path: Path) -> Stat | None:
    facts = path.stat()
    if not S_ISREG(facts.st_mode):
        return None
    return Stat(key, facts.st_size, etag(path), facts.st_mtime)
