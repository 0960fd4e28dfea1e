"""What is in an inbox: a folder or prefix in which others write."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Unavailable
from impasto.schema.url import check_key
from impasto.storage import any_name, inside
from impasto.watch.arrival import Arrival
from impasto.watch.settling import Renames

if TYPE_CHECKING:
    from impasto.storage.store import Stat, Store
    from impasto.storage.stores import Stores

LATEST = 1e10
"""Latest change of a file that is believed, in seconds since 1970."""
MOST_TOLD = 1000
"""Objects that are passed over of which people are told one by one."""
MOST_EMPTY = 10_000
"""Empty objects that are held back while a listing may show that they are folders."""


class Inbox:
    """A rule's inbox.

    Its store is opened once, so that credentials are renewed when they expire. Every method raises
    `Unavailable` when the inbox cannot be reached, also when it does not exist: a share that is
    away is not an empty one.

    Attributes:
        place: where it is.
        renames: files of a folder that were renamed when they were whole.
    """

    def __init__(
        self, url: str, stores: Stores, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        """Name it; nothing is opened yet.

        Args:
            url: as in the rule.
            stores: opens it.
            tell: told once of each object that can never be taken, in one line.
        """
        self.place = stores.locate(url)
        self.renames = Renames()
        self._stores, self._tell = stores, tell
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._was_mounted = False

    def walk(self) -> Iterator[Arrival]:
        """Yield every object, as the listing goes on, without a request per object."""
        yield from self.below("")

    def below(self, folder: str) -> Iterator[Arrival]:
        """Yield every object below a folder; nothing if there is no such folder."""
        if self.place.local:
            self._check_mounted()
            for key, facts in inside.walk(self.place.path, folder, self._pass_over):
                yield self._file(key, facts)
        else:
            with _reached():
                yield from map(_object, self._without_folders(self._stats(folder)))

    def look(self, key: str) -> Arrival | None:
        """Return one object as it is now, or None if there is no such object."""
        if not self._usable(key) or key.endswith("/"):
            return None
        if not self.place.local:
            with _reached():
                found = self._store.stat(key)
            return _object(found) if found else None
        facts = inside.look(self.place.path, key)
        return self._file(key, facts) if facts and stat.S_ISREG(facts.st_mode) else None

    def is_folder(self, key: str) -> bool:
        """Return whether a key is a folder's; object stores have none."""
        if not self.place.local or not self._usable(key):
            return False
        facts = inside.look(self.place.path, key)
        return facts is not None and stat.S_ISDIR(facts.st_mode)

    def read(self, key: str, most: int) -> bytes:
        """Return an object's content.

        Args:
            key: which.
            most: how many bytes it may have.

        Raises:
            BadInput: it is larger, is a link, or is no longer there.
        """
        check_key(key, f"{self.place}/{key}")
        if self.place.local:
            return inside.read(self.place.path, key, most)
        found = self._store.stat(key)
        if found is None:
            raise BadInput(f"{self._store.where(key)}: is no longer there", "upload it again")
        if found.size > most:
            raise BadInput(f"{self._store.where(key)}: is over {most} bytes", "make it smaller")
        if not found.size:
            return b""
        return bytes(self._store.read_range(key, 0, found.size, found.etag))

    @cached_property
    def _store(self) -> Store:
        return self._stores.open(self.place)

    def _file(self, key: str, facts: os.stat_result) -> Arrival:
        # No number of the file: network file systems give new ones when they come back.
        version = f"{facts.st_mtime_ns // 1000:x}-{facts.st_size:x}"
        stamp = f"{facts.st_mtime_ns:x}-{facts.st_ctime_ns:x}-{facts.st_size:x}-{facts.st_ino:x}"
        renamed, modified = self.renames.see(key, facts), min(max(0.0, facts.st_mtime), LATEST)
        return Arrival(key, facts.st_size, version, modified, stamp, renamed)

    def _stats(self, folder: str) -> Iterator[Stat]:
        last = ""
        try:
            for each in self._store.walk(folder):
                yield each
                last = each.key
        except BadInput:
            # A name that the client refuses, or there is no such container.
            signed = self._store.signed
            if signed is None or self.place.scheme not in any_name.PLATFORMS:
                raise
            profile = self._stores.profile(self.place)
            base = f"{folder}/" if folder else ""
            place = self.place.child(folder) if folder else self.place
            after = last.removeprefix(base)
            for each in any_name.walk(place, profile, signed, after):
                yield replace(each, key=base + each.key)

    def _without_folders(self, found: Iterator[Stat]) -> Iterator[Stat]:
        """Leave out names that no folder could hold, and empty objects that stand for folders.

        These come under the folder's name, and before what is in it.
        """
        empty: dict[str, Stat] = {}
        for each in found:
            if not each.key or not self._usable(each.key):
                continue
            folder = each.key.rpartition("/")[0] if empty else ""
            while folder:
                empty.pop(folder, None)
                folder = folder.rpartition("/")[0]
            if each.size or len(empty) >= MOST_EMPTY:
                yield each
            else:
                empty[each.key] = each
        yield from empty.values()

    def _usable(self, key: str) -> bool:
        try:
            check_key(key, f"{self.place}/{key}")
        except BadInput as error:
            self._pass_over(str(error))
            return False
        return True

    def _pass_over(self, line: str) -> None:
        with self._lock:
            if line in self._told or len(self._told) > MOST_TOLD:
                return
            self._told.add(line)
            last = len(self._told) > MOST_TOLD
        self._tell(f"{self.place}: more such objects are passed over" if last else line)

    def _check_mounted(self) -> None:
        """Raise Unavailable where a file system is no longer mounted: its folder is left, empty."""
        mounted = os.path.ismount(self.place.path)
        if self._was_mounted and not mounted:
            raise Unavailable(f"{self.place}: is no longer mounted", "mount its file system")
        self._was_mounted = mounted


def _object(found: Stat) -> Arrival:
    # S3's etag is the same for the same bytes, also if others were there in between.
    version = f"{found.etag}-{int(found.modified):x}"
    return Arrival(found.key, found.size, version, found.modified, found.etag)


@contextmanager
def _reached() -> Iterator[None]:
    """Turn what is wrong with a whole container into what time or the operator may mend."""
    try:
        yield
    except BadInput as error:
        raise Unavailable(error.fact, error.remedy) from None
