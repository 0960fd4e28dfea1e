"""Delivery to this machine."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.outputs.delivery.base import ANY_SUFFIX
from impasto.outputs.delivery.digest import digest, each_file
from impasto.storage.local import (
    check_output,
    linked,
    mapped,
    publishing,
    remove,
    sweep_partial,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from impasto.jobs.job import Job
    from impasto.outputs.delivery.digest import Digest
    from impasto.schema.outcome import Done, Result
    from impasto.schema.url import Url


class ToFolder:
    """By rename; images are hard-linked if the job is on the same file system, else copied."""

    def __init__(self, job: Job, output: Url) -> None:
        self._job, self._given, self._output = job, output.path, str(output)

    @property
    def _path(self) -> Path:
        return linked(self._given)

    def check(self, replaceable: Container[str] | None, *, folder: bool) -> None:
        """See `Delivery.check`."""
        path = self._path
        own = self._partial_stands()
        check_output(path, self._job.id, ANY_SUFFIX if own else replaceable, folder=folder)
        sweep_partial(path, self._job.id)

    def stands(self, result: Result) -> bool:
        """See `Delivery.stands`."""
        path = self._path
        return path.exists() and digest(path) == (result.bytes, result.sha256)

    @contextmanager
    def file(self, *, overwrite: bool, partial: bool = False) -> Iterator[Path]:
        """See `Delivery.file`."""
        with publishing(self._path, self._job.id, overwrite=self._replaces(overwrite)) as temporary:
            yield temporary
            self._note(temporary, partial=partial)

    @contextmanager
    def folder(
        self, records: Sequence[Done], *, overwrite: bool, partial: bool = False
    ) -> Iterator[Digest]:
        """See `Delivery.folder`."""
        with publishing(self._path, self._job.id, overwrite=self._replaces(overwrite)) as temporary:
            with mapped(str(temporary)):
                temporary.mkdir()

            def bring(pair: tuple[str, str]) -> None:
                self._bring(pair[0], temporary / pair[1], copy=partial)

            each_file(records, bring)
            yield digest(temporary)
            self._note(temporary, partial=partial)

    def visible(self) -> bool:
        """See `Delivery.visible`."""
        return True

    def withdraw(self) -> None:
        """See `Delivery.withdraw`."""
        if self._job.notes.delivery(self._output) is None:
            return
        if self._partial_stands():
            with mapped(str(self._path)):
                remove(self._path)
        self._job.notes.forget_delivery(self._output)

    def _partial_stands(self) -> bool:
        """Return whether what is there is what this job left while it was incomplete."""
        noted = self._job.notes.delivery(self._output)
        if noted is None or not noted.partial or not self._path.exists():
            return False
        with mapped(str(self._path)):
            return noted.fingerprint == _fingerprint(self._path)

    def _replaces(self, overwrite: bool) -> bool:
        """Return whether what is there may be replaced, looking again: hours may have passed."""
        return overwrite or self._partial_stands()

    def _note(self, made: Path, *, partial: bool) -> None:
        """Note a partial output just before it appears; of a whole one, the result tells."""
        if partial:
            with mapped(str(made)):
                found = _fingerprint(made)
            self._job.notes.end_delivery(self._output, found, partial=True)
        elif self._job.notes.delivery(self._output):
            self._job.notes.forget_delivery(self._output)

    def _bring(self, key: str, target: Path, *, copy: bool) -> None:
        source = self._job.folder.local(key)
        with mapped(str(target)):
            target.parent.mkdir(parents=True, exist_ok=True)
            if source is None:
                target.write_bytes(self._job.folder.read(key))
            elif copy:
                # What the job keeps must not change with what the user does to it.
                shutil.copyfile(source, target)
            else:
                _link(source, target)


def _fingerprint(path: Path) -> str:
    size, sha256 = digest(path)
    return f"{size}-{sha256}"


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)
