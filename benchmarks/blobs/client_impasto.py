"""Impasto's own store, as a client."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from blobs.child import KEY, Client
from impasto.schema.profile import StoreProfile
from impasto.storage.parallel import in_order
from impasto.storage.ranges import open_object
from impasto.storage.stores import Stores
from impasto.storage.transfer.copying import copy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from blobs.child import Place


def stores(place: Place) -> Stores:
    """Return access to a container."""
    profile = StoreProfile(
        url=place.url,
        account=place.account,
        endpoint=place.endpoint,
        auth="key",
        secret=KEY,
        ca=place.ca,
    )
    return Stores({"bench": profile})


class Impasto(Client):
    """`Store` through `in_order` for small blobs, `put_file` and `RangeReader` for the rest."""

    def __init__(self, place: Place, many: int) -> None:
        self._place, self._many = place, many
        self._stores = stores(place)
        self._store = self._stores.open(place.url)

    def put(self, blobs: Iterable[tuple[str, bytes]]) -> int:
        """Write blobs."""
        return sum(1 for _ in in_order(lambda blob: self._store.put(*blob), blobs, self._many))

    def get(self, names: Sequence[str]) -> int:
        """Read blobs."""
        return sum(len(data) for data in in_order(self._store.read, names, self._many, len))

    def list(self) -> int:
        """List the container."""
        return len(self._store.list_all())

    def put_file(self, name: str, file: Path) -> int:
        """Write a blob from a file."""
        self._store.put_file(name, file)
        return file.stat().st_size

    def get_file(self, name: str, folder: Path) -> int:
        """Read a blob to a file as a media library reads it."""
        stat = self._store.stat(name)
        assert stat
        with open_object(self._store, stat) as blob, (folder / "reader.bin").open("wb") as out:
            shutil.copyfileobj(blob, out, 1 << 20)
            return out.tell()


class Copying(Impasto):
    """``impasto cp``."""

    def put_file(self, name: str, file: Path) -> int:
        """Copy a file to a blob."""
        return copy(self._stores, [str(file)], f"{self._place.url}/{name}").done

    def get_file(self, name: str, folder: Path) -> int:
        """Copy a blob to a file."""
        file = str(folder / "cp.bin")
        return copy(self._stores, [f"{self._place.url}/{name}"], file).done
