"""Stores: places addressed by URL that hold objects by key.

The only importer of obstore. What is used here works alike on folders and on object stores:
whole-object writes, put-if-absent, listing, no renames and no appends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
)
from obstore.store import LocalStore

from impasto.files import Exists, Missing, make_folder, mapped


@dataclass(frozen=True, slots=True)
class Stat:
    """An object's facts.

    Attributes:
        key: where it is in its store.
        size: bytes.
        etag: changes whenever the content does.
        modified: last change, seconds since 1970.
    """

    key: str
    size: int
    etag: str
    modified: float


class Store:
    """A folder seen as an object store.

    Every method raises `Unavailable` when the store does not answer or lacks space, and
    `BadInput` when it refuses access.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        make_folder(root)
        with _mapped(str(root)):
            self._store = LocalStore(root)

    def read(self, key: str) -> bytes:
        """Return a whole object; raises BadInput when there is none."""
        with _mapped(self.where(key)):
            return bytes(obstore.get(self._store, key).bytes())

    def stat(self, key: str) -> Stat | None:
        """Return an object's facts, or None when there is none."""
        try:
            with _mapped(self.where(key)):
                return _stat(dict(obstore.head(self._store, key)))
        except Missing:
            return None

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; returns whether this call wrote it."""
        try:
            with _mapped(self.where(key)):
                obstore.put(self._store, key, data, mode="create")
        except Exists:
            return False
        return True

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a local file, in parts when it is large."""
        with _mapped(self.where(key)):
            obstore.put(self._store, key, path)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing any."""
        with _mapped(self.where(key)):
            obstore.put(self._store, key, data)

    def list_all(self, prefix: str = "") -> list[Stat]:
        """List every object below a prefix (a folder), sorted by key."""
        with _mapped(self.where(prefix)):
            found = [
                _stat(dict(meta))
                for batch in obstore.list(self._store, prefix or None)
                for meta in batch
            ]
        return sorted(found, key=lambda stat: stat.key)

    def folders(self, prefix: str = "") -> list[str]:
        """List the folders one level below a prefix, sorted."""
        with _mapped(self.where(prefix)):
            return sorted(
                obstore.list_with_delimiter(self._store, prefix or None)["common_prefixes"]
            )

    def delete(self, key: str) -> None:
        """Delete an object; deleting what is not there is no error."""
        with suppress(Missing), _mapped(self.where(key)):
            obstore.delete(self._store, key)

    def where(self, key: str) -> str:
        """Name an object for a person."""
        return str(self.root / key)

    def local(self, key: str) -> Path:
        """Return the object's path on this machine."""
        return self.root / key


def _stat(meta: dict[str, object]) -> Stat:
    modified = meta["last_modified"]
    return Stat(
        key=str(meta["path"]),
        size=int(str(meta["size"])),
        etag=str(meta["e_tag"]),
        modified=modified.timestamp() if hasattr(modified, "timestamp") else 0.0,
    )


@contextmanager
def _mapped(where: str) -> Iterator[None]:
    """Turn the client's errors, by way of the file system's, into ours."""
    with mapped(where):
        try:
            yield
        except NotFoundError:
            raise FileNotFoundError from None
        except AlreadyExistsError:
            raise FileExistsError from None
        except PermissionDeniedError:
            raise PermissionError from None
        except BaseError as error:
            raise OSError(str(error)) from None
