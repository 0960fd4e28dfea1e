"""The modules and files that a script needs besides itself, and which go with it.

These are a folder that the user names, or else the modules that lie beside the script and that it
imports, by whatever way: its ``import`` statements are followed without running anything. Either is
known by one digest of names and contents, so that it is the same wherever it is copied to.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from impasto.errors import BadInput, Changed, Missing
from impasto.storage.local import mapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from impasto.schema.url import Url
    from impasto.storage.stores import Stores

MOST = 100 << 20
"""Bytes that go with a script at most; Azure Machine Learning takes 300 MB, media included."""
LEFT_OUT = {"__pycache__", "node_modules", "site-packages", "venv"}
"""Folders that hold no code of the user's; nor do those with a dot before their name."""
_ENVIRONMENT = "pyvenv.cfg"
"""The file that makes a folder a virtual environment, whatever its name."""


@dataclass(frozen=True)
class Beside:
    """The files that go with a script.

    Attributes:
        folder: where they are.
        files: their contents, by name below the folder.
    """

    folder: Url
    files: dict[str, bytes]

    @cached_property
    def digest(self) -> str:
        """The sha256 of all names and contents."""
        parts = [
            (name, hashlib.sha256(self.files[name]).hexdigest()) for name in sorted(self.files)
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Copy the files into a new folder of this machine; raises Unavailable."""
        for name, content in self.files.items():
            path = folder / name
            with mapped(str(path)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)


class _Folder(Protocol):
    def sizes(self, below: str = "") -> dict[str, int]:
        """Return the bytes of every file in and below a folder of it, by name."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a file, or None where there is none."""
        ...


def whole(stores: Stores, url: str) -> Beside:
    """Read a folder of code: hidden files, caches and virtual environments are left out.

    Raises:
        BadInput: there is none, or it is too large for code.
        Unavailable: its store does not answer.
    """
    place = stores.locate(url)
    folder = _folder(stores, place)
    sizes = folder.sizes()
    if not sizes:
        raise Missing(f"{url}: no such folder, or no file in it", "check the path")
    _check(sizes, url)
    read = ((name, folder.read(name)) for name in sizes)
    return Beside(place, {name: data for name, data in read if data is not None})


def imported(stores: Stores, script: str, content: bytes) -> Beside:
    """Read the modules beside a script that it imports, and those that these import.

    Packages are taken whole, as far as they are Python.

    Args:
        stores: where the script is.
        script: its URL or path.
        content: the script.

    Raises:
        BadInput: they are too large for code.
        Unavailable: its store does not answer.
    """
    place = stores.locate(script).parent
    folder = _folder(stores, place)
    found: dict[str, bytes] = {}
    seen: set[str] = set()
    waiting = [content]
    while waiting:
        for name in sorted(_roots(waiting.pop()) - seen):
            seen.add(name)
            added = _module(folder, name)
            found |= added
            waiting += added.values()
    _check({name: len(data) for name, data in found.items()}, str(place))
    return Beside(place, found)


def unchanged(stores: Stores, script: str, code: str | None, content: bytes, pin: str) -> Beside:
    """Read what goes with a script, as it was when the job began.

    Args:
        stores: where it is.
        script: the script's URL or path.
        code: URL or path of the folder that was named, or None.
        content: the script.
        pin: the digest then.

    Raises:
        BadInput: it has changed.
        Unavailable: its store does not answer.
    """
    found = whole(stores, code) if code else imported(stores, script, content)
    if found.digest != pin:
        what = code or f"what {script} imports from beside it"
        raise Changed(f"{what}: has changed since the job began", "run it again")
    return found


def _module(folder: _Folder, name: str) -> dict[str, bytes]:
    """Return the files of a module or package that lies in a folder."""
    single = folder.read(f"{name}.py")
    if single is not None:
        return {f"{name}.py": single}
    if name in LEFT_OUT:
        return {}
    sizes = {key: size for key, size in folder.sizes(name).items() if key.endswith(".py")}
    _check(sizes, name)
    read = ((key, folder.read(key)) for key in sizes)
    return {key: data for key, data in read if data is not None}


def _roots(content: bytes) -> set[str]:
    """Return the first parts of the names that a file imports; none where it is not Python."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return set()
    return {name.partition(".")[0] for node in ast.walk(tree) for name in _names(node)}


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module


def _check(sizes: dict[str, int], where: str) -> None:
    held = sum(sizes.values())
    if held > MOST:
        largest = max(sizes, key=lambda name: sizes[name])
        raise BadInput(
            f"{where}: holds {held >> 20} MB, more than the {MOST >> 20} MB that go with a script; "
            f"the largest file is {largest}",
            "name a folder of code alone as `code`, and one of weights as `model`",
        )


def _folder(stores: Stores, place: Url) -> _Folder:
    return _Local(place.path) if place.local else _Stored(stores, place)


@dataclass(frozen=True)
class _Local:
    root: Path

    def sizes(self, below: str = "") -> dict[str, int]:
        found = {}
        with mapped(str(self.root)):
            for base, folders, names in os.walk(self.root / below):
                folders[:] = sorted(
                    name
                    for name in folders
                    if _counts(name) and not Path(base, name, _ENVIRONMENT).exists()
                )
                paths = (Path(base, name) for name in sorted(names) if _counts(name))
                for path in paths:
                    if path.is_file():
                        found[path.relative_to(self.root).as_posix()] = path.stat().st_size
        return found

    def read(self, name: str) -> bytes | None:
        path = self.root / name
        with mapped(str(path)):
            return path.read_bytes() if path.is_file() else None


@dataclass(frozen=True)
class _Stored:
    stores: Stores
    root: Url

    @cached_property
    def _top(self) -> set[str]:
        """The names of the files and folders directly in it."""
        stats, folders = self.stores.open(self.root).list_folder()
        return {stat.key for stat in stats} | {name.rstrip("/") for name in folders}

    def sizes(self, below: str = "") -> dict[str, int]:
        if below and below not in self._top:
            return {}
        stats = self.stores.open(self.root).list_all(below)
        environments = {
            str(PurePosixPath(stat.key).parent)
            for stat in stats
            if PurePosixPath(stat.key).name == _ENVIRONMENT
        }
        return {stat.key: stat.size for stat in stats if _kept(stat.key, environments - {"."})}

    def read(self, name: str) -> bytes | None:
        if name.partition("/")[0] not in self._top:
            return None
        return self.stores.open(self.root).read(name)


def _counts(name: str) -> bool:
    return not name.startswith(".") and name not in LEFT_OUT


def _kept(key: str, environments: Iterable[str]) -> bool:
    path = PurePosixPath(key)
    return all(map(_counts, path.parts)) and not {*map(str, path.parents)} & {*environments}
