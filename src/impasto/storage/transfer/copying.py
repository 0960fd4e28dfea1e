"""Copies of files and objects, in and out of stores, many at once.

    placing:  what the sources hold and what is at the target -> one task per object
    work:     each object is skipped if an earlier run copied it, else copied

Repeating the command does only what is left: what is at the target is the only state.
"""

from __future__ import annotations

import mimetypes
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Denied, Exists, ImpastoError, Missing
from impasto.storage.local import make_folder, mapped, publishing, sweep_partial
from impasto.storage.store import Store
from impasto.storage.transfer.listing import Folder, parts
from impasto.storage.transfer.placing import Placing
from impasto.storage.transfer.tasks import DONE, Observer, Outcome, TransferQueue
from impasto.storage.upload import PART, PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from impasto.storage.store import Stat
    from impasto.storage.stores import Stores
    from impasto.storage.transfer.placing import Task
    from impasto.storage.transfer.tasks import Tally

COPIED_BY_SERVICE = 5 << 30
"""The largest object, in bytes, that every service copies in one request."""
ROUNDING = 1e-3
"""Seconds by which a copy's time may be off from its source's, since both pass through floats."""


def copy(
    stores: Stores,
    sources: Sequence[str],
    target: str,
    *,
    overwrite: bool = False,
    watch: Observer | None = None,
) -> Tally:
    """Copy files, objects and folders of them, except what an earlier call copied.

    A folder goes to the target under its own name; with a slash at its end, only its content does.
    A single file or object takes the target's name, unless that is a folder or ends in a slash.
    Files get the modification times of their sources.

    Args:
        stores: what may be opened.
        sources: URLs and paths.
        target: URL or path.
        overwrite: copy everything again, and replace what is there.
        watch: receives progress and failures.

    Raises:
        BadInput: the request is wrong, or there is one object and its copy is refused.
        Incomplete: some objects were not copied.
        Unavailable: a store or disk does not answer.
        Interrupted: it was stopped.
    """
    work = TransferQueue("copying", watch or Observer())
    placing = Placing(stores, work, sources, target, look=not overwrite)
    tasks = list(placing.tasks.values())
    total = sum(task.stat.size for task in tasks)
    copier = _Copier(placing, work, overwrite=overwrite)
    return work.do(tasks, copier, _in_flight, of=len(tasks), total=total)


class _Copier:
    """Copies one object at a time, in any thread."""

    def __init__(self, placing: Placing, work: TransferQueue, *, overwrite: bool) -> None:
        self._to, self._standing = placing.to, placing.standing
        self._work, self._overwrite = work, overwrite
        self._folders = {folder for key in placing.tasks for folder in _folders(key)}
        self._ready: set[Path] = set()
        self._lock = threading.Lock()

    def __call__(self, task: Task) -> Outcome:
        """Copy, unless an earlier run did; raises ImpastoError."""
        counted = [0]
        try:
            if self._needless(task):
                return Outcome(resumed=task.stat.size)
            if isinstance(self._to, Folder):
                self._to_folder(self._to, task, counted)
            else:
                self._to_store(self._to, task, counted)
        except ImpastoError as error:
            self._work.add(-counted[0])
            if self._forgivable(task, error):
                return Outcome(resumed=task.stat.size)
            raise
        return DONE

    def _needless(self, task: Task) -> bool:
        """Return whether there is nothing to copy; raises Exists if something else is there."""
        if isinstance(self._to, Folder):
            self._to.path(task.key)
            if task.key in self._folders and not task.stat.size:
                # It marks a folder, which is made for the files in it.
                return True
        if self._overwrite:
            return False
        if task.key in self._standing:
            return self._compare(task, self._standing[task.key])
        return self._look(task)

    def _forgivable(self, task: Task, error: ImpastoError) -> bool:
        if isinstance(error, Exists):
            # Perhaps another run of the same command was faster.
            return not self._overwrite and self._look(task)
        # S3 lists the marker of an empty folder by a name that does not exist.
        listed = isinstance(task.place, Store) and not task.stat.size
        return isinstance(error, Missing) and listed

    def _look(self, task: Task) -> bool:
        # Callers with write-only rights cannot look; then the write itself replaces nothing.
        with suppress(Denied):
            return self._compare(task, self._to.stat(task.key))
        return False

    def _compare(self, task: Task, standing: Stat | None) -> bool:
        if standing is None:
            return False
        if _same(task.stat, standing, exact=isinstance(self._to, Folder)):
            return True
        raise Exists(f"{self._to.where(task.key)}: already exists and differs", "add `overwrite`")

    def _to_folder(self, folder: Folder, task: Task, counted: list[int]) -> None:
        path = folder.path(task.key)
        if task.key in self._folders or path.is_dir():
            raise BadInput(
                f"{task.place.where(task.stat.key)}: a folder has the same name, and a folder "
                "on disk cannot hold both",
                "copy it alone under another name",
            )
        self._prepare(folder, path.parent)
        with publishing(path, "cp", overwrite=self._overwrite) as temporary, mapped(str(path)):
            with temporary.open("xb") as file:
                for part in self._parts(task, counted):
                    file.write(part)
            os.utime(temporary, (task.stat.modified, task.stat.modified))

    def _to_store(self, store: Store, task: Task, counted: list[int]) -> None:
        place, stat = task.place, task.stat
        if isinstance(place, Store) and place.root == store.root and stat.size <= COPIED_BY_SERVICE:
            # S3 loses the content's type in a copy that must not replace anything.
            create = not self._overwrite and store.place.scheme != "s3"
            with suppress(Denied):
                store.copy(stat.key, task.key, create=create, source=place)
                self._work.add(stat.size)
                return
        kind, packed = mimetypes.guess_type(task.key)
        store.put_parts(
            task.key,
            lambda: self._parts(task, counted),
            stat.size,
            kind=kind if kind and not packed else "application/octet-stream",
            create=not self._overwrite,
        )

    def _parts(self, task: Task, counted: list[int]) -> Iterator[bytes | memoryview]:
        for part in parts(task.place, task.stat):
            counted[0] += len(part)
            self._work.add(len(part))
            yield part

    def _prepare(self, root: Folder, folder: Path) -> None:
        """Make a folder below the target, and remove what killed runs left in it."""
        with self._lock:
            if folder in self._ready:
                return
            if not folder.resolve().is_relative_to(root.place.path.resolve()):
                raise BadInput(
                    f"{folder}: is a link to a place outside the target", "replace it with a folder"
                )
            make_folder(folder)
            sweep_partial(folder / "any", "cp")
            self._ready.add(folder)


def _same(source: Stat, copied: Stat, *, exact: bool) -> bool:
    """Return whether what is at a target is what an earlier run copied there.

    Args:
        source: the source's facts.
        copied: the facts of what is at the target.
        exact: whether copies have the time of their source, as files do; objects have the time at
            which they were written, in whole seconds.
    """
    if source.size != copied.size:
        return False
    if exact:
        return abs(source.modified - copied.modified) <= ROUNDING
    return int(copied.modified) >= int(source.modified)


def _in_flight(task: Task) -> int:
    return min(task.stat.size, PART * PARTS)


def _folders(key: str) -> Iterator[str]:
    while key := key.rpartition("/")[0]:
        yield key
