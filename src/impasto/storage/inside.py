"""Files below a folder in which others write; no link is followed, wherever it leads.

Every folder on the way is opened by itself, relative to the one above it: a path that was checked
and then opened could have become a link between the two.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from impasto.errors import BadInput, Missing, Unavailable
from impasto.schema.url import check_key
from impasto.storage.local import mapped

Odd = Callable[[str], None]
"""Is told, in one line, what was passed over and why."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
"""A folder that was removed, or replaced, since it was listed."""
_REFUSED = {errno.EACCES, errno.EPERM}


def walk(root: Path, below: str, odd: Odd) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the key and facts of every file below a folder of a root, in no order.

    Args:
        root: the folder that keys count from; may itself be a link.
        below: key of the folder, or "".
        odd: told of names that no store could hold, and of folders that may not be read.

    Raises:
        Unavailable: the root is missing, or its file system went away meanwhile.
    """
    with opened(root) as top:
        waiting = [below]
        while waiting:
            folder = waiting.pop()
            for key, entry in _entries(root, top, folder, odd):
                facts = _facts(entry)
                if facts is None:
                    continue
                if stat.S_ISDIR(facts.st_mode):
                    waiting.append(key)
                elif stat.S_ISREG(facts.st_mode):
                    yield key, facts
        _check_still_there(root, top)


def look(root: Path, key: str) -> os.stat_result | None:
    """Return the facts of one file or folder below a root, or None if there is no such thing.

    Raises:
        Unavailable: the root is missing, or its file system does not answer.
    """
    folder, _, name = key.rpartition("/")
    with opened(root) as top, mapped(str(root / key)):
        try:
            with below(top, folder) as parent:
                facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except OSError as error:
            if error.errno in _GONE | _REFUSED:
                return None
            raise
    return facts if stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode) else None


def open_file(root: Path, key: str) -> BinaryIO:
    """Open a file below a root; what takes its place afterwards is not what is read.

    Args:
        root: the folder that keys count from.
        key: the file.

    Raises:
        BadInput: it is a link, or no file at all.
        Missing: there is none.
        Unavailable: the root is missing, or its file system does not answer.
    """
    folder, _, name = key.rpartition("/")
    where = str(root / key)
    with opened(root) as top, mapped(where):
        try:
            with below(top, folder) as parent:
                number = os.open(name, _FILE, dir_fd=parent)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise BadInput(f"{where}: is a link", "replace it with a copy") from None
            raise
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise BadInput(f"{where}: is not a file", "replace it with one")
    return os.fdopen(number, "rb")


def read(root: Path, key: str, most: int) -> bytes:
    """Read a file below a root; raises what `open_file` does.

    Args:
        root: the folder that keys count from.
        key: the file.
        most: how many bytes it may have; with more, it is refused with BadInput.
    """
    where = str(root / key)
    with open_file(root, key) as file, mapped(where):
        content = file.read(most + 1)
    if len(content) > most:
        raise BadInput(f"{where}: is over {most} bytes", "make it smaller")
    return content


@contextmanager
def opened(root: Path) -> Iterator[int]:
    """Open a root, which may itself be a link; raises Unavailable unless it is there."""
    try:
        with mapped(str(root)):
            top = os.open(root, _FOLDER)
    except Missing:
        raise Unavailable(f"{root}: no such folder", "make it, or mount its file system") from None
    except BadInput as error:
        raise Unavailable(error.fact, error.remedy) from None
    try:
        yield top
    finally:
        os.close(top)


@contextmanager
def below(top: int, folder: str, *, make: bool = False) -> Iterator[int]:
    """Open a folder below an open one, part by part.

    Args:
        top: the open folder.
        folder: the other one's key; "" is the same.
        make: whether to make what is missing.

    Raises:
        OSError: a part is missing, a file or a link.
    """
    number = os.dup(top)
    try:
        for part in folder.split("/") if folder else ():
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=number)
            above = number
            number = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
            os.close(above)
        yield number
    finally:
        os.close(number)


def _entries(root: Path, top: int, folder: str, odd: Odd) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield what is directly in a folder, if it still exists, each with its key."""
    with mapped(str(root / folder)):
        try:
            with below(top, folder) as number, os.scandir(number) as entries:
                for entry in entries:
                    key = f"{folder}/{entry.name}" if folder else entry.name
                    try:
                        check_key(key, f"{root}/{key}")
                    except BadInput as error:
                        odd(str(error))
                        continue
                    yield key, entry
        except OSError as error:
            if error.errno in _REFUSED:
                odd(f"{root / folder}: may not be read; check the permissions")
            elif error.errno not in _GONE:
                raise


def _facts(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return the facts of an entry, or None if it is gone or may not be looked at."""
    try:
        return entry.stat(follow_symlinks=False)
    except (FileNotFoundError, PermissionError):
        return None


def _check_still_there(root: Path, top: int) -> None:
    """Raise Unavailable unless the root is still the folder that was opened."""
    try:
        same = os.path.samestat(root.stat(), os.fstat(top))
    except OSError:
        same = False
    if not same:
        raise Unavailable(f"{root}: went away while it was listed", "check its file system")
