"""Files and objects by name: those under one folder or prefix, or anywhere."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, BinaryIO

from impasto.errors import Missing
from impasto.schema.url import parse
from impasto.storage.content import version
from impasto.storage.local import etag, mapped, read_file
from impasto.storage.parallel import in_order
from impasto.storage.ranges import open_object
from impasto.storage.store import MANY, Store
from impasto.storage.upload import PART

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from impasto.schema.url import Url
    from impasto.storage.stores import Stores


class Objects:
    """Reads files and objects by name; safe to use from several threads at once."""

    def __init__(self, stores: Stores, base: str | Url | None, source: str | Url) -> None:
        """Prepare to read; no request is sent yet.

        Args:
            stores: what may be opened.
            base: the folder that the names are under; "" or None where they are whole URLs.
            source: the URL that the user gave, whose signature is valid for the base, too.
        """
        self.base = (parse(base) if isinstance(base, str) else base) if base else None
        self._stores = stores
        self._source = stores.locate(source)
        self._opened: dict[Url, Store] = {}

    def place(self, name: str) -> Url:
        """Return where a name is."""
        return self.base.child(name) if self.base else parse(name)

    def local(self, name: str) -> Path | None:
        """Return a name's path if it is on this machine."""
        place = self.place(name)
        return place.path if place.local else None

    def store(self, folder: Url) -> Store:
        """Open a folder of objects, once."""
        if folder not in self._opened:
            source = self._source
            mine = folder == self.base and source.at("") == folder.at("")
            place = folder.sign(source.signature) if mine else self._stores.locate(folder)
            profile = self._stores.profile(source if mine else folder)
            self._opened[folder] = Store(place, profile)
        return self._opened[folder]

    def read(self, name: str) -> bytes:
        """Return a whole object; raises BadInput if it cannot be read, or Unavailable."""
        path = self.local(name)
        if path:
            return read_file(path)
        store, key = self._at(name)
        return store.read(key)

    def open(self, name: str, ahead: int) -> BinaryIO:
        """Open an object, to read so many bytes at its beginning and perhaps some elsewhere.

        Raises:
            BadInput: it cannot be opened.
            Unavailable: its store does not answer.
        """
        path = self.local(name)
        if path:
            with mapped(str(path)):
                return path.open("rb")
        store, key = self._at(name)
        stat = store.stat(key)
        if stat is None:
            raise Missing(f"{self.place(name)}: no such object", "check the URL")
        return open_object(store, stat, (0, min(ahead, stat.size)))

    def etag(self, name: str) -> str:
        """Return a tag that changes whenever an object does; raises Missing if there is none."""
        path = self.local(name)
        if path:
            return version(path)
        store, key = self._at(name)
        stat = store.stat(key)
        if stat is None:
            raise Missing(f"{self.place(name)}: no such object", "check the URL")
        return stat.etag

    def former_etag(self, name: str) -> str:
        """Return the etag in jobs that began before the content of local files was looked at."""
        path = self.local(name)
        return etag(path) if path else self.etag(name)

    def etags(self, names: Iterable[str]) -> dict[str, str]:
        """Return the etags of names, in order; "" for those that do not exist."""
        held = list(names)
        remote = any(self.local(name) is None for name in held)
        found = in_order(self._find_etag, held, MANY) if remote else map(self._find_etag, held)
        return dict(zip(held, found, strict=True))

    def fetch(self, name: str, path: Path) -> None:
        """Copy one version of a store's object into a new file, a part at a time.

        Raises:
            BadInput: there is none, or it changed during the copy.
            Unavailable: the store does not answer, or the disk is full.
        """
        store, key = self._at(name)
        stat = store.stat(key)
        if stat is None:
            raise Missing(f"{self.place(name)}: no such object", "check the URL")
        with mapped(str(path)), path.open("xb") as target, open_object(store, stat) as reader:
            shutil.copyfileobj(reader, target, PART)

    def _find_etag(self, name: str) -> str:
        try:
            return self.etag(name)
        except Missing:
            return ""

    def _at(self, name: str) -> tuple[Store, str]:
        if self.base:
            return self.store(self.base), name
        place = parse(name)
        return self.store(place.parent), place.name
