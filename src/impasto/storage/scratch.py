"""Temporary folders, below one folder of the user's own, each held by a lock while it is used."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Missing
from impasto.storage.local import mapped
from impasto.storage.local_folder import files
from impasto.storage.locks import held, taken

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a temporary folder; `sweep_scratch` removes those whose process was killed.

    Raises:
        BadInput: the folder that they are in is not the user's alone.
        Unavailable: there is no room for it.
    """
    root = _root()
    with mapped(str(root)), suppress(FileExistsError):
        root.mkdir(mode=0o700)
    _check(root)

    def make() -> Path:
        with mapped(str(root)):
            return Path(tempfile.mkdtemp(dir=root))

    with held(make) as folder:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep_scratch() -> None:
    """Remove the temporary folders that killed processes left: those that nobody holds.

    Raises:
        BadInput: the folder that they are in is not the user's alone.
    """
    for _ in left_over():
        pass


def left_over(*, dry_run: bool = False) -> Iterator[tuple[Path, int]]:
    """Remove the temporary folders that nobody holds.

    Args:
        dry_run: whether to remove nothing.

    Yields:
        Each of them, and the bytes in it.

    Raises:
        BadInput: the folder that they are in is not the user's alone.
    """
    root = _root()
    try:
        _check(root)
        with mapped(str(root)):
            folders = [child for child in root.iterdir() if child.is_dir()]
    except Missing:
        return
    for folder in folders:
        with taken(folder) as ours:
            if not ours:
                continue
            size = sum(size for _, size, _, _ in files(folder, ""))
            if not dry_run:
                shutil.rmtree(folder, ignore_errors=True)
        yield folder, size


def _root() -> Path:
    """Return the folder that all are in; it may be missing."""
    return Path(tempfile.gettempdir(), f"impasto-{os.getuid()}")


def _check(root: Path) -> None:
    """Raise BadInput unless a folder is the user's alone, or Missing if it is not there."""
    with mapped(str(root)):
        facts = root.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise BadInput(
            f"{root}: is not a private folder of your own",
            "remove it, or set TMPDIR to another place",
        )
