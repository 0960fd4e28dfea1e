"""A file or object that a user names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from impasto.errors import Changed, Missing
from impasto.storage.content import LARGE, is_version, version
from impasto.storage.local import etag
from impasto.storage.ranges import open_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.url import Url
    from impasto.storage.store import Stat, Store
    from impasto.storage.stores import Stores


class File:
    """A file or an object that a user names.

    Attributes:
        place: where it is.
        url: the place as text.
        name: the last part of the place.
        etag: changes whenever its content does.
        former_etag: the etag in jobs of a local file that began before content was looked at.
    """

    def __init__(self, stores: Stores, url: str | Url) -> None:
        """Look the file up; raises Missing if there is none, and otherwise as `Store.stat` does."""
        place = stores.locate(url)
        self.place, self.url, self.name = place, str(place), place.name
        self._remote: tuple[Store, Stat] | None = None
        if place.local:
            self.etag, self.former_etag = version(place.path, LARGE), etag(place.path)
            return
        store, key = stores.open_parent(place)
        stat = store.stat(key)
        if stat is None:
            raise Missing(f"{self.url}: no such object", "check the URL")
        self._remote, self.etag = (store, stat), stat.etag
        self.former_etag = stat.etag

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self._remote[1].size if self._remote else self.place.path.stat().st_size

    def open(self, span: tuple[int, int] | None = None) -> str | BinaryIO:
        """Return a local path, or a reader of the version that was looked up.

        Args:
            span: the half-open range of bytes that will be read in order; None is all of them.
        """
        if self._remote is None:
            return self.place.key
        store, stat = self._remote
        return open_object(store, stat, span)

    @contextmanager
    def reading(self, planned: str) -> Iterator[None]:
        """Read one version in a block; raises Changed when the file is or becomes another one."""
        self.require_version(planned)
        yield
        self.require_version(planned)

    def require_version(self, planned: str) -> None:
        """Raise Changed unless the file is the version of this etag."""
        # Requests to a store name the version; a path may lead to another file by now.
        if self._remote is None:
            same = not planned or is_version(self.place.path, planned, LARGE)
        else:
            same = planned in {"", self.etag}
        if not same:
            raise Changed(
                f"{self.url}: has changed since the job began", "start it again as a new job"
            )
