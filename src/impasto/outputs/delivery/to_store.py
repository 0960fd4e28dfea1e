"""Delivery to an object store."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Denied, Exists
from impasto.outputs.delivery.base import replaceable
from impasto.outputs.delivery.digest import digest_all, each_file, mime_type
from impasto.storage.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from impasto.jobs.job import Job
    from impasto.outputs.delivery.digest import Digest
    from impasto.schema.outcome import Done, Result
    from impasto.schema.url import Url
    from impasto.storage.stores import Stores

_OWN = replaceable("arrays", overwrite=True) or ()
"""Suffixes of the files of a folder that an earlier job may have written there."""


class ToStore:
    """Delivery by upload, many images at once."""

    def __init__(self, stores: Stores, job: Job, output: Url) -> None:
        self._stores, self._job, self._place = stores, job, output
        self._is_folder = output.key.endswith("/")
        self._output = f"{output}/" if self._is_folder else str(output)
        self._ended = ""

    def check(self, replaceable: Container[str] | None, *, folder: bool) -> None:
        """See `Delivery.check`."""
        noted = self._job.notes.delivery(self._output)
        if noted and not noted.fingerprint:
            return
        self._ended = noted.fingerprint if noted else ""
        store, key = self._stores.open_parent(self._place)
        store.check_writable(f"{key}/0" if self._is_folder else key)
        try:
            stat = store.stat(key)
            objects = store.list_all(key)
        except Denied:
            # Callers with write-only rights cannot look; then the upload itself replaces nothing.
            if replaceable is not None and self._is_folder:
                raise
            return
        if noted and noted.partial and self._partial_stands():
            return
        if replaceable is None and (stat or objects):
            raise Exists(f"{self._output}: already exists", "choose another or add `overwrite`")
        for each in objects:
            if replaceable is not None and PurePath(each.key).suffix.lower() not in replaceable:
                raise BadInput(
                    f"{self._output}: holds {PurePath(each.key).name}, which Impasto did not write",
                    "choose another folder",
                )

    def stands(self, result: Result) -> bool:
        """See `Delivery.stands`."""
        noted = self._job.notes.delivery(self._output)
        if not noted or not noted.fingerprint or noted.partial:
            return False
        try:
            return noted.fingerprint == self._fingerprint()
        except Denied:
            # Callers with write-only rights rely on what the job notes.
            rights = self._stores.open_parent(self._place)[0].rights
            if rights is None or "r" in rights:
                raise
            return True

    @contextmanager
    def file(self, *, overwrite: bool, partial: bool = False) -> Iterator[Path]:
        """See `Delivery.file`."""
        store, key = self._stores.open_parent(self._place)
        with scratch() as folder:
            path = folder / PurePath(key).name
            yield path
            own = self._partial_stands()
            create = self._begin() and not (overwrite or own)
            with self._unnoted_if_taken():
                try:
                    etag = store.put_file(key, path, kind=mime_type(key), create=create)
                except Exists:
                    if not self._is_shared():
                        raise
                    etag = store.put_file(key, path, kind=mime_type(key))
            self._job.notes.end_delivery(self._output, etag, partial=partial)

    @contextmanager
    def folder(
        self, records: Sequence[Done], *, overwrite: bool, partial: bool = False
    ) -> Iterator[Digest]:
        """See `Delivery.folder`."""
        store = self._stores.open(self._place)
        own = self._partial_stands()
        create = self._begin() and not (overwrite or own)

        def bring(pair: tuple[str, str]) -> tuple[str, int, str]:
            key, name = pair
            data = self._job.folder.read(key)
            if not create:
                store.put(name, data, mime_type(name))
            elif not store.create(name, data, mime_type(name)):
                if not self._is_shared():
                    raise Exists(
                        f"{store.where(name)}: already exists", "choose another or add `overwrite`"
                    )
                store.put(name, data, mime_type(name))
            return name, len(data), hashlib.sha256(data).hexdigest()

        with self._unnoted_if_taken():
            brought = sorted(each_file(records, bring))
        names = {name for name, _, _ in brought}
        if overwrite or own:
            old = (each.key for each in store.list_all() if each.key not in names)
            store.delete(*(key for key in old if own or PurePath(key).suffix.lower() in _OWN))
        yield sum(size for _, size, _ in brought), digest_all((n, sha) for n, _, sha in brought)
        try:
            found = self._fingerprint()
        except Denied:
            found = "unseen"
        self._job.notes.end_delivery(self._output, found, partial=partial)

    def visible(self) -> bool:
        """See `Delivery.visible`."""
        try:
            self._fingerprint()
        except Denied:
            return False
        return True

    def withdraw(self) -> None:
        """See `Delivery.withdraw`."""
        if self._job.notes.delivery(self._output) is None:
            return
        if self._partial_stands():
            store, key = self._stores.open_parent(self._place)
            with suppress(Denied):
                store.delete(key)
        self._job.notes.forget_delivery(self._output)

    def _partial_stands(self) -> bool:
        """Return whether what is there is what this job left while it was incomplete."""
        noted = self._job.notes.delivery(self._output)
        if noted is None or not noted.partial:
            return False
        with suppress(Denied):
            return noted.fingerprint == self._fingerprint()
        return False

    def _begin(self) -> bool:
        """Note that the delivery begins.

        Returns:
            Whether nothing of this job's can be there yet; otherwise another run began and did not
            end, and what is there is from that run.

        Raises:
            Exists: another run of this job has just ended.
        """
        known = self._job.notes.delivery(self._output)
        noted = known.fingerprint if known else ""
        if noted and noted != self._ended:
            raise Exists(
                f"{self._output}: another run of this job has just written it", "look there"
            )
        if noted:
            self._job.notes.forget_delivery(self._output)
        return self._job.notes.begin_delivery(self._output)

    def _is_shared(self) -> bool:
        """Return whether what is in the way may be from another run of this job."""
        noted = self._job.notes.delivery(self._output)
        return noted is not None and noted.shared

    @contextmanager
    def _unnoted_if_taken(self) -> Iterator[None]:
        """Forget that the delivery began if something of another's stops it."""
        try:
            yield
        except Exists:
            noted = self._job.notes.delivery(self._output)
            if noted and not noted.fingerprint:
                self._job.notes.forget_delivery(self._output)
            raise

    def _fingerprint(self) -> str:
        """Return a digest of what is at the output now, by etags."""
        store, key = self._stores.open_parent(self._place)
        stat = None if self._is_folder else store.stat(key)
        if stat:
            return stat.etag
        objects = self._stores.open(self._place).list_all()
        return digest_all((each.key, each.etag) for each in objects)
