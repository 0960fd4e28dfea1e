"""The user's scorer class, without running it: where it is and what arguments it takes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from impasto.errors import BadInput
from impasto.scorers.user import declared
from impasto.scorers.user.declared import Argument, Default

_TRUTH = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_WRONG = {
    "int": "not a whole number",
    "float": "not a number",
    "str": "not text",
    "bool": "not true or false",
}


def split(argument: str) -> tuple[str, str]:
    """Split ``FILE.py:CLASS``, ``package.module:CLASS`` or ``URL:CLASS``.

    Raises:
        BadInput: no class is named.
    """
    module, _, name = argument.rpartition(":")
    if not (module and name.isidentifier()):
        raise BadInput(f"python:{argument}: does not name a class", "write python:FILE.py:CLASS")
    return module, name


def locate(module: str) -> str:
    """Find the file of a module, without importing any package.

    Args:
        module: a path, a URL, or the dotted name of a module in the current folder or installed.

    Returns:
        The absolute path, or the URL as it is.

    Raises:
        BadInput: there is no such file.
    """
    if "://" in module:
        return module
    if Path(module).is_file():
        return str(Path(module).absolute())
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        raise BadInput(f"{module}: no such file", "check the path")
    for path in (*_files(Path(*parts)), *_installed(parts)):
        if path.suffix == ".py" and path.is_file():
            return str(path.absolute())
    raise BadInput(
        f"{module}: is not a file, and no Python module of that name is installed", "check the name"
    )


def arguments(source: bytes, name: str, where: str = "the file") -> list[Argument]:
    """Read the keyword arguments of a class's ``__init__``, or a dataclass's fields.

    Base classes are followed within the file only.

    Args:
        source: the file.
        name: the class.
        where: what to call the file in errors.

    Raises:
        BadInput: it is not Python, or has no such class.
    """
    classes = _classes(source, where)
    return declared.arguments(_find(classes, name, where), classes)


def about(source: bytes, name: str, where: str = "the file") -> str:
    """Return the first line of a class's docstring, or ""; raises what `arguments` does."""
    text = ast.get_docstring(_find(_classes(source, where), name, where)) or ""
    return text.partition("\n")[0]


def text(source: bytes, name: str, where: str = "the file") -> str:
    """Return the docstrings of a class and its ``__init__``; raises what `arguments` does."""
    found = _find(_classes(source, where), name, where)
    texts = [ast.get_docstring(found)]
    for each in found.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            texts.append(ast.get_docstring(each))
    return "\n".join(filter(None, texts))


def check(arguments: list[Argument], given: Mapping[str, Any], scorer: str = "") -> dict[str, Any]:
    """Check values for arguments, and convert those that come as text from the command line.

    Args:
        arguments: those of the class.
        given: the values, by name.
        scorer: the class as a spec names it, for the error.

    Raises:
        BadInput: names are unknown, or values are missing or of the wrong type; one line names all.
    """
    known = {argument.name: argument for argument in arguments}
    checked: dict[str, Any] = {}
    wrong: list[str] = []
    for name, value in given.items():
        try:
            checked[name] = _convert(known[name], value)
        except KeyError:
            has = ", ".join(argument.reference for argument in arguments) or "none"
            wrong.append(f"{Argument(name).reference}: is unknown; the class has {has}")
        except (ValueError, TypeError) as error:
            wrong.append(f"{known[name].reference}: {error}")
    for argument in arguments:
        if argument.default is Default.REQUIRED and argument.name not in given:
            wrong.append(f"{argument.reference}: is missing")
    if wrong:
        named = scorer if ":" in scorer else "python:FILE.py:CLASS"
        raise BadInput("; ".join(wrong), f"see `impasto scorers {named}`")
    return checked


def _convert(argument: Argument, value: Any) -> Any:
    """Return a value in the argument's type; raises ValueError with the fact."""
    if value is None and argument.optional:
        return None
    if argument.choices:
        for choice in argument.choices:
            if type(value) is type(choice) and value == choice:
                return choice
            if isinstance(value, str) and value == str(choice):
                return choice
        raise ValueError(f"{value!r} is not one of {', '.join(map(str, argument.choices))}")
    if argument.type.startswith("list[") and isinstance(value, str | list | tuple):
        each = Argument(argument.name, argument.type[5:-1])
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        return [_convert(each, part) for part in parts]
    kind = declared.TYPES.get(argument.type)
    if kind is None or type(value) is kind:
        return value
    fact = f"{value!r} is {_WRONG[argument.type]}"
    if isinstance(value, str):
        try:
            return _TRUTH[value.lower()] if kind is bool else kind(value)
        except (KeyError, ValueError):
            raise ValueError(fact) from None
    if kind is float and type(value) is int:
        return float(value)
    raise ValueError(fact)


def _files(base: Path) -> tuple[Path, Path]:
    """Return the files that a module may be in."""
    return base.with_suffix(".py"), base / "__init__.py"


def _installed(parts: list[str]) -> Iterator[Path]:
    """Yield the files that an installed module may be in.

    A module's spec is not available without importing the packages around it, but that of the
    outermost one is.
    """
    try:
        spec = find_spec(parts[0])
    except ValueError:
        return
    if spec is not None and len(parts) == 1:
        yield Path(spec.origin or "")
    elif spec is not None:
        for place in spec.submodule_search_locations or ():
            yield from _files(Path(place, *parts[1:]))


def _classes(source: bytes, where: str) -> dict[str, ast.ClassDef]:
    try:
        return declared.top_level(ast.parse(source))
    except (SyntaxError, ValueError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        fact = error.msg if isinstance(error, SyntaxError) else error
        raise BadInput(f"{where}: is not valid Python: {line}{fact}", "correct it") from None


def _find(classes: dict[str, ast.ClassDef], name: str, where: str) -> ast.ClassDef:
    if name not in classes:
        has = f"it has {', '.join(classes)}" if classes else "it has none"
        raise BadInput(f"{where}: has no class {name}, {has}", "correct the name")
    return classes[name]
