"""Stores: places addressed by URL that hold objects by key.

The only importer of obstore. What is used here works alike on folders and on object stores:
whole-object writes, put-if-absent, listing, no renames and no appends.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
)
from obstore.store import LocalStore

from impasto.errors import BadInput, ImpastoError, Unavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stat:
    """An object's facts.

    Attributes:
        key: where it is in its store.
        size: bytes.
        etag: changes whenever the content does.
        modified: last change, seconds since 1970.
    """

    key: str
    size: int
    etag: str
    modified: float


class Store:
    """A folder seen as an object store.

    Every method raises `Unavailable` when the store does not answer or lacks space, and
    `BadInput` when it refuses access.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with _mapped(str(root)):
            root.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(root)

    def read(self, key: str) -> bytes:
        """Return a whole object; raises BadInput when there is none."""
        with _mapped(self.where(key)):
            return bytes(obstore.get(self._store, key).bytes())

    def stat(self, key: str) -> Stat | None:
        """Return an object's facts, or None when there is none."""
        try:
            with _mapped(self.where(key)):
                return _stat(dict(obstore.head(self._store, key)))
        except _Missing:
            return None

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; returns whether this call wrote it."""
        try:
            with _mapped(self.where(key)):
                obstore.put(self._store, key, data, mode="create")
        except _Exists:
            return False
        return True

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a local file, in parts when it is large."""
        with _mapped(self.where(key)):
            obstore.put(self._store, key, path)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing any."""
        with _mapped(self.where(key)):
            obstore.put(self._store, key, data)

    def list_all(self, prefix: str = "") -> list[Stat]:
        """List every object below a prefix (a folder), sorted by key."""
        with _mapped(self.where(prefix)):
            found = [
                _stat(dict(meta))
                for batch in obstore.list(self._store, prefix or None)
                for meta in batch
            ]
        return sorted(found, key=lambda stat: stat.key)

    def children(self, prefix: str = "") -> tuple[list[str], list[Stat]]:
        """List one level below a prefix: the folders and the objects, each sorted."""
        with _mapped(self.where(prefix)):
            found = obstore.list_with_delimiter(self._store, prefix or None)
        stats = [_stat(dict(meta)) for meta in found["objects"]]
        return sorted(found["common_prefixes"]), sorted(stats, key=lambda stat: stat.key)

    def delete(self, key: str) -> None:
        """Delete an object; deleting what is not there is no error."""
        try:
            with _mapped(self.where(key)):
                obstore.delete(self._store, key)
        except _Missing:
            log.debug("%s was gone already", self.where(key))

    def where(self, key: str) -> str:
        """Name an object for a person."""
        return str(self.root / key)

    def local(self, key: str) -> Path:
        """Return the object's path on this machine."""
        return self.root / key


def local_path(url: str) -> Path:
    """Turn a URL or path into an absolute local path; raises BadInput for other schemes."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in url:
        raise BadInput(f"{url}: scheme {parts.scheme}:// is not supported; give a local path")
    return Path(os.path.abspath(Path(url).expanduser()))  # noqa: PTH100 (resolve follows links)


def check_output(output: Path) -> None:
    """Make the folder that an output goes to, before hours are spent on the output.

    Raises:
        BadInput: it cannot be made or written.
        Unavailable: its file system does not answer.
    """
    with _mapped(str(output)):
        output.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(output.parent, os.W_OK):
        raise BadInput(f"{output.parent}: cannot be written; choose another output")


@contextmanager
def publishing(output: Path, tag: str) -> Iterator[Path]:
    """Give a temporary path beside ``output`` that becomes it, whole, by rename.

    A folder that holds files already keeps them, and each new file replaces its namesake.
    What earlier runs with the same tag left behind when they were killed is removed first.

    Args:
        output: the file or folder to appear.
        tag: names the owner, such as a job's id.

    Raises:
        Unavailable: the folder cannot be written, or the disk is full.
        BadInput: access is refused.
    """
    check_output(output)
    with _mapped(str(output)):
        for orphan in output.parent.glob(f".{_glob(output.name)}.{tag}-*"):
            if not _alive(orphan):
                remove(orphan)
    temporary = output.parent / f".{output.name}.{tag}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    temporary = temporary.with_name(temporary.name + output.suffix)
    try:
        yield temporary
        with _mapped(str(output)):
            if output.is_dir() and temporary.is_dir():
                for child in temporary.iterdir():
                    child.replace(output / child.name)
            else:
                temporary.replace(output)
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Remove a file or a folder of files; what is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        for child in path.iterdir():
            remove(child)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def _glob(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _alive(temporary: Path) -> bool:
    pid = temporary.name.split("-")[-2]
    return pid.isdigit() and Path("/proc", pid).exists()


def _stat(meta: dict[str, object]) -> Stat:
    modified = meta["last_modified"]
    return Stat(
        key=str(meta["path"]),
        size=int(str(meta["size"])),
        etag=str(meta["e_tag"]),
        modified=modified.timestamp() if hasattr(modified, "timestamp") else 0.0,
    )


class _Missing(BadInput):
    pass


class _Exists(BadInput):
    pass


@contextmanager
def _mapped(where: str) -> Iterator[None]:
    try:
        yield
    except ImpastoError:
        raise
    except (NotFoundError, FileNotFoundError):
        raise _Missing(f"{where}: no such file; check the path") from None
    except (AlreadyExistsError, FileExistsError):
        raise _Exists(f"{where}: exists already; choose another path") from None
    except NotADirectoryError:
        raise BadInput(f"{where}: part of the path is a file; choose another path") from None
    except (PermissionDeniedError, PermissionError):
        raise BadInput(f"{where}: access is refused; check the permissions") from None
    except (BaseError, OSError) as error:
        fact = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Unavailable(f"{where}: {fact}; check the disk and try again") from None
