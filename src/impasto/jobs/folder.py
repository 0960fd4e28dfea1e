"""The objects of a job's folder."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from impasto.errors import BadInput, Missing
from impasto.schema.base import Frozen, read
from impasto.storage.ranges import open_object

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from impasto.storage.store import Stat, Store

Model = TypeVar("Model", bound=Frozen)


class JobFolder:
    """A job's folder in its home; keys are relative to it.

    Every method raises Unavailable when the store does not answer.
    """

    def __init__(self, home: Store, prefix: str) -> None:
        self._home = home
        self._prefix = prefix

    def list_all(self, prefix: str = "") -> list[tuple[str, Stat]]:
        """List the objects below a prefix, each with its key in this folder.

        Files with names that no store could hold, and links, are left out.
        """
        found = self._home.list_ours(self._prefix + prefix)
        return [(stat.key.removeprefix(self._prefix), stat) for stat in found]

    def stat(self, key: str) -> Stat | None:
        """Return an object's facts, or None when there is no such object."""
        return self._home.stat(self._prefix + key)

    def read(self, key: str) -> bytes:
        """Read an object; raises BadInput when there is none."""
        return self._home.read(self._prefix + key)

    def find(self, key: str) -> bytes | None:
        """Read an object, or return None when there is no such object."""
        with suppress(Missing):
            return self.read(key)
        return None

    def load(self, key: str, model: type[Model]) -> Model | None:
        """Read an object as a value, or return None when there is no such object.

        Raises:
            BadInput: it is torn; see `impasto.schema.base.read`.
        """
        data = self.find(key)
        value = None if data is None else read(model, data)
        if data is not None and value is None:
            raise self.damaged(key)
        return value

    def load_if_whole(self, key: str, model: type[Model]) -> Model | None:
        """Read an object as a value; a torn one counts as absent."""
        data = self.find(key)
        return None if data is None else read(model, data)

    def damaged(self, key: str) -> BadInput:
        """Return the error that an object is not what its key says."""
        return BadInput(
            f"{self.where(key)}: damaged, or written by another version",
            "delete the job's folder and run it again",
        )

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless one exists; returns whether this call wrote it."""
        return self._home.create(self._prefix + key, data)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing any that exists."""
        self._home.put(self._prefix + key, data)

    def put_file(self, key: str, path: Path) -> None:
        """Write a local file as an object, replacing any that exists."""
        self._home.put_file(self._prefix + key, path)

    def delete(self, *keys: str) -> None:
        """Delete objects; a missing one is no error."""
        self._home.delete(*(self._prefix + key for key in keys))

    def clear(self) -> None:
        """Delete every object that a store may hold, and the folders that are empty then."""
        self.delete(*(key for key, _ in self.list_all()))
        self._home.remove_empty(self._prefix)

    def local(self, key: str) -> Path | None:
        """Return the path of an object if it is on this machine."""
        return self._home.local(self._prefix + key)

    def opener(self, key: str) -> Path | Callable[[], BinaryIO]:
        """Return an object's path, or a function that opens it if it is not on this machine."""
        return self.local(key) or partial(self._open, key)

    def where(self, key: str) -> str:
        """Return an object's name for people."""
        return self._home.where(self._prefix + key)

    def _open(self, key: str) -> BinaryIO:
        stat = self.stat(key)
        if stat is None:
            raise Missing(f"{self.where(key)}: no such object", "run the job again")
        return open_object(self._home, stat)
