"""Files of any kind as a source."""

from __future__ import annotations

import weakref
from contextlib import ExitStack, suppress
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput, Missing
from impasto.schema.outcome import ItemError
from impasto.schema.plan import Plan, Shard
from impasto.sources.item import Blob
from impasto.sources.listed import Listed
from impasto.storage.objects import Objects
from impasto.storage.parallel import in_order
from impasto.storage.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.kinds import SourceKind
    from impasto.schema.url import Url
    from impasto.sources.selection import Selection
    from impasto.storage.stores import Stores

AHEAD = 4
"""Objects that may be in flight to this machine, or wait here to be taken, at once."""


class Files(Listed):
    """One file, or those of a folder, a pattern or a manifest."""

    ACCEPTED = "files"
    kind: SourceKind = "files"

    def __init__(
        self, stores: Stores, url: str | Url, form: Selection, *, exact: bool = False
    ) -> None:
        """Set where the files are; nothing is listed until it is needed."""
        super().__init__(stores, url, form, exact=exact)
        self._stack = ExitStack()
        # Copies outlive the reading of a shard, since their consumer may lag behind.
        weakref.finalize(self, self._stack.close)
        self._numbers = count()

    def facts(self) -> dict[str, Any]:
        """Count the files and name the first and the last."""
        names = tuple(self.found.etags)
        return {
            "source": self.url,
            "kind": self.kind,
            "files": len(names),
            "first": names[0],
            "last": names[-1],
            "shardable": True,
        }

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Blob | ItemError]:
        """Yield the shard's files with their paths on this machine; objects of a store are copied.

        A few objects are fetched ahead; an ItemError takes the place of one that cannot be read.

        Raises:
            Unavailable: a store does not answer, or the disk is full.
        """
        objects = Objects(self._stores, plan.base, self._place)
        remote = any(objects.local(name) is None for name in shard.names)
        get = partial(self._get, objects)
        numbered = enumerate(shard.names, shard.start)
        taken: list[Path] = []
        for item in in_order(get, numbered, AHEAD) if remote else map(get, numbered):
            if isinstance(item, Blob) and item.fetched:
                taken = [folder for folder in taken if not _emptied(folder)]
                taken.append(item.path.parent)
            yield item

    @cached_property
    def _scratch(self) -> Path:
        return self._stack.enter_context(scratch())

    def _get(self, objects: Objects, numbered: tuple[int, str]) -> Blob | ItemError:
        index, name = numbered
        try:
            path = objects.local(name)
            if path is None:
                return Blob(index, name, self._fetched(objects, name), fetched=True)
            if not path.is_file():
                raise Missing(f"{path}: no such file", "check the path")
            return Blob(index, name, path, fetched=False)
        except BadInput as refused:
            return ItemError(item=index, key=name, error=str(refused))

    def _fetched(self, objects: Objects, name: str) -> Path:
        """Copy an object into a folder of its own, under its own name."""
        folder = self._scratch / str(next(self._numbers))
        folder.mkdir()
        path = folder / objects.place(name).name
        try:
            objects.fetch(name, path)
        except BaseException:
            path.unlink(missing_ok=True)
            folder.rmdir()
            raise
        return path


def _emptied(folder: Path) -> bool:
    """Remove a copy's folder once the copy is gone; returns whether it was."""
    with suppress(OSError):
        folder.rmdir()
        return True
    return False
