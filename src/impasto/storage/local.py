"""The local file system: files that users name, and atomic outputs."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

from impasto.errors import BadInput, Exists, Missing, Unavailable
from impasto.storage.locks import held, taken

_UNIQUE = "[0-9a-f]" * 32
_LOCK = ".lock"
"""Suffix of the file that is locked while an output is written beside it."""

BLOCK = 4096
"""Bytes that are written to find out whether a place can be written."""


@contextmanager
def mapped(where: str) -> Iterator[None]:
    """Turn the file system's errors into Impasto's.

    Args:
        where: the thing's name, for people.

    Raises:
        Missing: it is not there.
        Exists: it is there already.
        BadInput: access is refused, or the name cannot be used.
        Unavailable: anything else, such as a full disk.
    """
    try:
        yield
    except FileNotFoundError:
        raise Missing(f"{where}: no such file", "check the path") from None
    except FileExistsError:
        raise Exists(f"{where}: already exists", "choose another path") from None
    except NotADirectoryError:
        raise BadInput(f"{where}: part of the path is a file", "choose another path") from None
    except IsADirectoryError:
        raise BadInput(f"{where}: is a folder", "choose another path") from None
    except PermissionError:
        raise BadInput(f"{where}: access is refused", "check the permissions") from None
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.ENAMETOOLONG):
            raise BadInput(f"{where}: {error.strerror}", "choose another path") from None
        fact = (error.strerror or str(error)).strip() or type(error).__name__
        fact = fact.splitlines()[0]
        raise Unavailable(f"{where}: {fact}", "check the disk and try again") from None


def make_folder(folder: Path) -> None:
    """Make a folder and its parents.

    Raises:
        BadInput: part of the path is a file, or no folder can be made there.
        Unavailable: its file system does not answer, or is full.
    """
    try:
        with mapped(str(folder)):
            folder.mkdir(parents=True, exist_ok=True)
    except Exists:
        raise BadInput(f"{folder}: is a file where a folder should be", "choose another") from None
    except Missing:
        raise BadInput(f"{folder}: cannot be made there", "choose another folder") from None


def is_folder(path: Path) -> bool:
    """Return whether a path that a user names is a folder; raises BadInput or Unavailable."""
    with mapped(str(path)):
        return path.is_dir()


def read_file(path: Path) -> bytes:
    """Read a file that a user names; raises BadInput or Unavailable."""
    with mapped(str(path)):
        return path.read_bytes()


def etag(path: Path) -> str:
    """Return a tag that changes whenever a file's content does; raises BadInput or Unavailable."""
    with mapped(str(path)):
        facts = path.stat()
    return f"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}"


def list_folder(folder: Path, *, links: bool = True) -> tuple[list[str], list[str]]:
    """List the files and the folders directly in a folder, except hidden ones.

    Args:
        folder: the folder.
        links: whether links to files count as files.

    Raises:
        BadInput, Unavailable: the file system refuses.
    """
    files: list[str] = []
    folders: list[str] = []
    with mapped(str(folder)), os.scandir(folder) as entries:
        for each in entries:
            if each.name[0] != ".":
                if each.is_file(follow_symlinks=links):
                    files.append(each.name)
                elif each.is_dir(follow_symlinks=False):
                    folders.append(each.name)
    return files, folders


def is_stray(name: str) -> bool:
    """Return whether a name or path is of what file managers leave, which is nobody's work."""
    name = name.rpartition("/")[2]
    return name in {".DS_Store", "Thumbs.db", "desktop.ini"} or name.startswith("._")


def tree(path: Path) -> dict[str, str]:
    """Return the etag of every file in and below a folder, or of one file, by name."""
    with mapped(str(path)):
        files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    return {str(each.relative_to(path.parent)): etag(each) for each in files}


def linked(output: Path) -> Path:
    """Return the file or folder that an output stands for, which may be a link to it.

    Raises:
        BadInput: the link leads nowhere.
    """
    if not output.is_symlink():
        return output
    if not output.exists():
        raise BadInput(
            f"{output}: is a link to {output.readlink()}, which does not exist",
            "create that, or choose another output",
        )
    return output.resolve() if output.is_file() or output.is_dir() else output


def check_output(
    output: Path, tag: str, replaceable: Container[str] | None, *, folder: bool
) -> None:
    """Check that an output can be written, before hours are spent on it, and make its folder.

    Args:
        output: the file or folder to write.
        tag: as for `publishing`.
        replaceable: None if nothing may be replaced; otherwise the suffixes of files that may be
            lost when a folder is replaced.
        folder: whether a folder is to be written.

    Raises:
        BadInput: something is there that must stay, or the place cannot be written.
        Unavailable: its file system does not answer, or is full.
    """
    make_folder(output.parent)
    with mapped(str(output)):
        longest = os.pathconf(output.parent, "PC_NAME_MAX")
        if len(os.fsencode(output.name)) > longest:
            raise BadInput(f"{output}: its name is over {longest} bytes", "choose a shorter one")
        _check_kind(output, folder=folder)
    if not os.access(output.parent, os.W_OK):
        raise BadInput(f"{output.parent}: cannot be written", "choose another output")
    with _beside(output, tag) as (temporary, _):
        _write_new(temporary, bytes(BLOCK))
    if _empty(output):
        return
    if replaceable is None:
        raise Exists(f"{output}: already exists", "choose another or add `overwrite`")
    if output.is_dir():
        for child in output.rglob("*"):
            if child.is_dir() or is_stray(child.name):
                continue
            if child.suffix.lower() not in replaceable:
                raise BadInput(
                    f"{output}: holds {child.name}, which Impasto did not write",
                    "choose another folder",
                )


def _check_kind(output: Path, *, folder: bool) -> None:
    """Refuse what is of another kind than what is to be written, even if that may be replaced."""
    if not os.path.lexists(output):
        return
    mode = output.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise BadInput(f"{output}: is a pipe, a device or a socket", "name a file or a folder")
    if folder != stat.S_ISDIR(mode):
        kinds = ("file", "folder") if folder else ("folder", "file")
        raise BadInput(f"{output}: is a {kinds[0]}, not a {kinds[1]}", "choose another output")


def _write_new(path: Path, content: bytes) -> None:
    """Write a new file in an output's folder; raises BadInput or Unavailable."""
    try:
        with mapped(str(path.parent)):
            path.write_bytes(content)
    except Missing:
        raise BadInput(f"{path.parent}: cannot be written", "choose another output") from None


def sweep_partial(output: Path, tag: str) -> None:
    """Remove what `publishing` left beside an output in processes that were killed."""
    with mapped(str(output)):
        for lock in output.parent.glob(f".impasto-{tag}-{_UNIQUE}{_LOCK}"):
            with taken(lock) as ours:
                if ours:
                    for orphan in output.parent.glob(f"{lock.stem}*"):
                        remove(orphan)


@contextmanager
def publishing(output: Path, tag: str, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path beside ``output`` that is renamed to it once it is complete.

    Args:
        output: the file or folder to write; an empty folder counts as absent.
        tag: the owner's name, such as a job's id.
        overwrite: whether what is at ``output`` by then may be replaced.

    Raises:
        Unavailable: the folder cannot be written, or the disk is full.
        BadInput: access is refused, or something is there that may not be replaced.
    """
    # It may be hours ago that it was made.
    make_folder(output.parent)
    with _beside(output, tag) as (temporary, aside):
        yield temporary
        with mapped(str(output)):
            if overwrite and not _empty(output):
                output.replace(aside)
            _appear(temporary, output)


@contextmanager
def _beside(output: Path, tag: str) -> Iterator[tuple[Path, Path]]:
    """Yield two new names beside an output, which `sweep_partial` recognises but leaves alone."""

    def make() -> Path:
        lock = output.with_name(f".impasto-{tag}-{uuid.uuid4().hex}{_LOCK}")
        _write_new(lock, b"")
        return lock

    with held(make) as lock:
        temporary = lock.with_name(f"{lock.stem}-new{output.suffix[:16]}")
        aside = lock.with_name(f"{lock.stem}-old")
        try:
            yield temporary, aside
        finally:
            for mine in (temporary, aside, lock):
                remove(mine)


def _appear(temporary: Path, output: Path) -> None:
    """Rename, but fail if something new is in the way."""
    if temporary.is_dir():
        temporary.replace(output)
        return
    try:
        os.link(temporary, output)
    except FileExistsError:
        raise
    except OSError:
        # Not every file system has hard links; without them, only a race can replace a newcomer.
        if output.exists():
            raise FileExistsError from None
        temporary.replace(output)


def _empty(output: Path) -> bool:
    """Return whether nothing is there, or an empty folder."""
    return not os.path.lexists(output) or (output.is_dir() and not any(output.iterdir()))


def remove(path: Path) -> None:
    """Remove a file or a folder of files; a missing one is no error."""
    if path.is_dir() and not path.is_symlink():
        for child in path.iterdir():
            remove(child)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
