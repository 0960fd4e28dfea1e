"""Delivery to this machine."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.outputs.delivery.digest import digest, each_file
from impasto.storage.local import check_output, linked, mapped, publishing, sweep_partial

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from contextlib import AbstractContextManager

    from impasto.jobs.job import Job
    from impasto.outputs.delivery.digest import Digest
    from impasto.schema.outcome import Done, Result


class ToFolder:
    """By rename; images are hard-linked if the job is on the same file system, else copied."""

    def __init__(self, job: Job, path: Path) -> None:
        self._job, self._given = job, path

    @property
    def _path(self) -> Path:
        return linked(self._given)

    def check(self, replaceable: Container[str] | None, *, folder: bool) -> None:
        """See `Delivery.check`."""
        path = self._path
        check_output(path, self._job.id, replaceable, folder=folder)
        sweep_partial(path, self._job.id)

    def stands(self, result: Result) -> bool:
        """See `Delivery.stands`."""
        path = self._path
        return path.exists() and digest(path) == (result.bytes, result.sha256)

    def file(self, *, overwrite: bool) -> AbstractContextManager[Path]:
        """See `Delivery.file`."""
        return publishing(self._path, self._job.id, overwrite=overwrite)

    @contextmanager
    def folder(self, records: Sequence[Done], *, overwrite: bool) -> Iterator[Digest]:
        """See `Delivery.folder`."""
        with publishing(self._path, self._job.id, overwrite=overwrite) as temporary:
            with mapped(str(temporary)):
                temporary.mkdir()
            each_file(records, lambda pair: self._bring(pair[0], temporary / pair[1]))
            yield digest(temporary)

    def _bring(self, key: str, target: Path) -> None:
        source = self._job.folder.local(key)
        with mapped(str(target)):
            target.parent.mkdir(parents=True, exist_ok=True)
            if source is None:
                target.write_bytes(self._job.folder.read(key))
            else:
                _link(source, target)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)
