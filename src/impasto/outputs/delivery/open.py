"""Where the user's output goes: a local path where it appears whole, or objects of a store.

An object appears whole by itself, a folder of objects cannot. So a delivery to a store is noted in
the job when it begins and again when it ends: what stands at the output in between is the job's
own, and the next run goes on with it.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import shutil
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Protocol, TypeVar

from impasto.errors import BadInput
from impasto.media.images import WRITABLE
from impasto.schema.url import parse
from impasto.storage.local import (
    Denied,
    Exists,
    check_output,
    mapped,
    publishing,
    scratch,
    sweep_partial,
)
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from impasto.jobs.job import Job
    from impasto.schema import Done, Result
    from impasto.storage.stores import Stores

    T = TypeVar("T")
    Digest = tuple[int, str]
    """Bytes and sha256 of a file, or of the names and digests of a folder's images."""


class Delivery(Protocol):
    """One job's way to one output."""

    def check(self, replaceable: Container[str] | None) -> None:
        """Refuse, before hours are spent, an output that cannot appear.

        Args:
            replaceable: None when nothing may be replaced; else the suffixes of the files that a
                folder may lose when it is.

        Raises:
            BadInput: something is there that must stay, or the place cannot be written.
            Unavailable: the place does not answer.
        """
        ...

    def stands(self, result: Result) -> bool:
        """Tell whether the output of an earlier run still stands, whole."""
        ...

    def file(self, *, overwrite: bool) -> AbstractContextManager[Path]:
        """Give a local path whose content becomes the output, a file, on leaving."""
        ...

    def folder(self, records: Sequence[Done], *, overwrite: bool) -> AbstractContextManager[Digest]:
        """Bring a job's images or files to the output, a folder; they stand there after leaving."""
        ...


def open_delivery(stores: Stores, job: Job, output: str) -> Delivery:
    """Prepare the delivery of a job's output to a URL or path."""
    place = parse(output)
    if place.local:
        return _ToFolder(job, place.path)
    return _ToStore(stores, job, output)


class _ToFolder:
    """By rename; images by hard links where the job is on the same file system, else by copies."""

    def __init__(self, job: Job, path: Path) -> None:
        self._job, self._path = job, path

    def check(self, replaceable: Container[str] | None) -> None:
        sweep_partial(self._path, self._job.id)
        check_output(self._path, replaceable)

    def stands(self, result: Result) -> bool:
        path = self._path
        return path.exists() and digest(path) == (result.bytes, result.sha256)

    def file(self, *, overwrite: bool) -> AbstractContextManager[Path]:
        return publishing(self._path, self._job.id, overwrite=overwrite)

    @contextmanager
    def folder(self, records: Sequence[Done], *, overwrite: bool) -> Iterator[Digest]:
        with publishing(self._path, self._job.id, overwrite=overwrite) as temporary:
            with mapped(str(temporary)):
                temporary.mkdir()
            _each(records, lambda pair: self._bring(pair[0], temporary / pair[1]))
            yield digest(temporary)

    def _bring(self, key: str, target: Path) -> None:
        source = self._job.local(key)
        with mapped(str(target)):
            target.parent.mkdir(parents=True, exist_ok=True)
            if source is None:
                target.write_bytes(self._job.read(key))
            else:
                _link(source, target)


class _ToStore:
    """By upload, many images at once."""

    def __init__(self, stores: Stores, job: Job, output: str) -> None:
        self._stores, self._job, self._output = stores, job, output
        self._ended = ""

    def check(self, replaceable: Container[str] | None) -> None:
        noted = self._job.delivery(self._output)
        if noted == "":
            return
        self._ended = noted or ""
        store, key = self._stores.beside(self._output)
        store.check_writable(f"{key}/0" if self._output.endswith("/") else key)
        try:
            stat = store.stat(key)
            objects = store.list_all(key)
        except Denied:
            # Whoever may only write cannot look; then the upload itself will not replace anything.
            if replaceable is not None and self._output.endswith("/"):
                raise
            return
        if replaceable is None and (stat or objects):
            raise BadInput(f"{self._output}: exists already; choose another or add --overwrite")
        for each in objects:
            if replaceable is not None and PurePath(each.key).suffix.lower() not in replaceable:
                raise BadInput(
                    f"{self._output}: holds {PurePath(each.key).name}, which is nothing of ours "
                    "to replace; choose another folder"
                )

    def stands(self, result: Result) -> bool:
        noted = self._job.delivery(self._output)
        if not noted:
            return False
        try:
            return noted == self._fingerprint()
        except Denied:
            # Whoever may only write takes the job's word for it.
            rights = self._stores.beside(self._output)[0].rights
            if rights is None or "r" in rights:
                raise
            return True

    @contextmanager
    def file(self, *, overwrite: bool) -> Iterator[Path]:
        store, key = self._stores.beside(self._output)
        with scratch() as folder:
            path = folder / PurePath(key).name
            yield path
            create = self._begin() and not overwrite
            with self._unnoted_if_taken():
                etag = store.put_file(key, path, kind=_kind(key), create=create)
            self._job.note_delivery(self._output, etag)

    @contextmanager
    def folder(self, records: Sequence[Done], *, overwrite: bool) -> Iterator[Digest]:
        store = self._stores.open(self._output)
        create = self._begin() and not overwrite

        def bring(pair: tuple[str, str]) -> tuple[str, int, str]:
            key, name = pair
            data = self._job.read(key)
            if not create:
                store.put(name, data, _kind(name))
            elif not store.create(name, data, _kind(name)):
                raise Exists(f"{store.where(name)}: exists already; choose another or --overwrite")
            return name, len(data), hashlib.sha256(data).hexdigest()

        with self._unnoted_if_taken():
            brought = sorted(_each(records, bring))
        names = {name for name, _, _ in brought}
        if overwrite:
            old = (each.key for each in store.list_all() if each.key not in names)
            store.delete(*(key for key in old if PurePath(key).suffix.lower() in WRITABLE))
        yield sum(size for _, size, _ in brought), _together((n, sha) for n, _, sha in brought)
        try:
            self._job.note_delivery(self._output, self._fingerprint())
        except Denied:
            self._job.note_delivery(self._output, "unseen")

    def _begin(self) -> bool:
        """Note that the delivery begins.

        Returns:
            Whether nothing of this job's can stand there yet; else another run began and did not
            end, and what stands there is its.

        Raises:
            Exists: another run of this job has just ended.
        """
        noted = self._job.delivery(self._output)
        if noted and noted != self._ended:
            raise Exists(f"{self._output}: another run of this job has just written it; look there")
        if noted:
            self._job.note_delivery(self._output, None)
        return self._job.begin_delivery(self._output)

    @contextmanager
    def _unnoted_if_taken(self) -> Iterator[None]:
        """Forget that the delivery began where it ends at something of another's."""
        try:
            yield
        except Exists:
            if self._job.delivery(self._output) == "":
                self._job.note_delivery(self._output, None)
            raise

    def _fingerprint(self) -> str:
        """Digest what stands at the output now, by etags."""
        store, key = self._stores.beside(self._output)
        stat = None if self._output.endswith("/") else store.stat(key)
        if stat:
            return stat.etag
        objects = self._stores.open(self._output).list_all()
        return _together((each.key, each.etag) for each in objects)


def digest(path: Path) -> Digest:
    """Return the size in bytes and the sha256 of a file, or of a folder's names and files."""
    if path.is_dir():
        children = [(child.name, *digest(child)) for child in sorted(path.iterdir())]
        return sum(size for _, size, _ in children), _together((n, sha) for n, _, sha in children)
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _kind(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _together(named: Iterable[tuple[str, str]]) -> str:
    together = hashlib.sha256()
    for name, each in named:
        together.update(f"{name}\0{each}\n".encode(errors="surrogateescape"))
    return together.hexdigest()


def _each(records: Sequence[Done], act: Callable[[tuple[str, str]], T]) -> list[T]:
    """Do something with every file, many at once: its key within the job, and its name."""
    return list(in_order(act, named(records).items(), MANY))


def named(records: Sequence[Done]) -> dict[str, str]:
    """Name the files of a folder by their keys within the job.

    A script may write the same name in several shards; then the later ones are told apart by the
    shard's number, so that nothing is lost.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for record in records:
        for name in record.names:
            path, unique, number = PurePath(name), name, record.shard
            while unique in taken:
                unique = str(path.with_name(f"{path.stem}-{number:05d}{path.suffix}"))
                number += 1
            taken.add(unique)
            names[record.segment + name] = unique
    return names


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)
