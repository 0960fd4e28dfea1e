"""Digests of outputs."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeVar

from impasto.storage.local import is_stray
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from impasto.schema.outcome import Done

    T = TypeVar("T")
    Digest = tuple[int, str]
    """Bytes and sha256 of a file, or of the names and digests of a folder's images."""


def digest(path: Path) -> Digest:
    """Return the size in bytes and the sha256 of a file, or of a folder's names and files.

    What file managers leave in a folder is left out.
    """
    if path.is_dir():
        names = sorted(child for child in path.iterdir() if not is_stray(child.name))
        children = [(child.name, *digest(child)) for child in names]
        return sum(size for _, size, _ in children), digest_all((n, sha) for n, _, sha in children)
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def mime_type(name: str) -> str:
    """Guess the MIME type of a file from its name."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def digest_all(named: Iterable[tuple[str, str]]) -> str:
    """Return the sha256 of many names, each with a digest or an etag, in that order."""
    together = hashlib.sha256()
    for name, each in named:
        together.update(f"{name}\0{each}\n".encode(errors="surrogateescape"))
    return together.hexdigest()


def each_file(records: Sequence[Done], act: Callable[[tuple[str, str]], T]) -> list[T]:
    """Call ``act`` with every file's key within the job and its name, many at once."""
    return list(in_order(act, file_names(records).items(), MANY))


def file_names(records: Sequence[Done]) -> dict[str, str]:
    """Name the files of a folder by their keys within the job.

    A script may write the same name in several shards; the later ones then get the shard's number,
    so that nothing is lost.
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
