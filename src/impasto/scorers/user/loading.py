"""The user's Python files: run from verified bytes, with errors that say where they are wrong.

A script is pinned by its digest, with the modules beside it that it imports or the folder that is
named for them (`beside`). What else a file imports, from its own folder or from what is installed,
is as trusted as the machine.
"""

from __future__ import annotations

import importlib
import linecache
import sys
import traceback
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import decode_source, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.schema.url import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

MODULE = "impasto_user_code"
"""``__name__`` of a file that is in no package: its own name could hide another module."""

_imported: dict[str, bytes] = {}
"""The content of the files that this process has imported, by their dotted names."""


class ScriptError(Exception):
    """The user's code broke the protocol, or tried to end the worker."""


def load(url: str, content: bytes, beside: Path | None = None) -> ModuleType:
    """Run a file as a module outside any package; its folder comes first in the search path.

    Args:
        url: where it came from; tracebacks name it.
        content: its verified bytes.
        beside: a folder with what it imports and reads, which comes before its own.

    Raises:
        BadInput: it is not Python, or fails.
    """
    file = _name(url)
    module = module_from_spec(ModuleSpec(MODULE, None, origin=file))
    if parse(url).local:
        module.__file__ = file
        _search(parse(url).path.parent)
    if beside:
        module.__file__ = _copy_in(beside, parse(url).name, content) or module.__file__
        _search(beside)
        if module.__file__:
            _search(Path(module.__file__).parent)
    with blamed(url, "loading it"):
        code = compile(content, file, "exec", dont_inherit=True)
        # So that a traceback also shows the lines of a file that is not on this machine.
        lines = decode_source(content).splitlines(keepends=True)
        linecache.cache[file] = (len(content), None, lines, file)
        sys.modules[MODULE] = module
        exec(code, vars(module))
    return module


def load_packaged(url: str, content: bytes) -> ModuleType:
    """Run a file as a module; in a package by its dotted name, for its relative imports.

    Python imports that module in the usual way, since the package may import it as well and it must
    not run twice; its bytes have been verified just before.

    Args:
        url: where it came from.
        content: its verified bytes.

    Raises:
        BadInput: it is not Python, fails, or a module of the same name hides it.
    """
    place = parse(url)
    if not (place.local and (place.path.parent / "__init__.py").is_file()):
        return load(url, content)
    dotted, root = _dotted(place.path)
    _search(root)
    with blamed(url, "loading it"):
        module = importlib.import_module(dotted)
        # A process that lives longer than a worker's may meet the file again after an edit.
        if _imported.get(dotted, content) != content:
            module = importlib.reload(module)
    _imported[dotted] = content
    if not (module.__file__ and place.path.samefile(module.__file__)):
        raise BadInput(
            f"{url}: {module.__file__ or 'another module'} has the same name, {dotted}, and "
            "hides it",
            "rename one of them",
        )
    return module


@contextmanager
def blamed(url: str, doing: str) -> Iterator[None]:
    """Turn whatever the user's code raises in this block into BadInput, with it as the cause."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == _name(url)
        ]
        where = f" (line {lines[-1]})" if lines else ""
        raise BadInput(f"{url}: {doing} failed{where}: {brief(error)}", "correct it") from error


@contextmanager
def contained() -> Iterator[None]:
    """Turn what would end the worker, such as ``sys.exit()``, into an ordinary exception.

    Raises:
        ScriptError: "SystemExit: 42", with it as the cause.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ScriptError(brief(error)) from error


def brief(error: BaseException) -> str:
    """Describe an exception in one line; what broke the protocol is said without its type."""
    if isinstance(error, ScriptError):
        return " ".join(str(error).split())
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":")


def _name(url: str) -> str:
    place = parse(url)
    return str(place.path) if place.local else str(place)


def _copy_in(folder: Path, name: str, content: bytes) -> str | None:
    """Return where a folder holds a file of this name and content, or None."""
    copies = (path for path in sorted(folder.rglob(name)) if path.is_file())
    return next((str(path) for path in copies if path.read_bytes() == content), None)


def _search(folder: Path) -> None:
    """Put a folder first in the module search path, unless it is in it already."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _dotted(path: Path) -> tuple[str, Path]:
    """Return the name by which a module in a package is imported, and the folder it counts from."""
    names = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names), folder
