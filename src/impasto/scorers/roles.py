"""The roles of a scorer's parameters, read from their types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args

from pydantic.fields import FieldInfo

from impasto.schema.base import Frozen
from impasto.scorers.params import Beside, Role

FILES = {
    Role.PICTURE,
    Role.PICTURES,
    Role.NAMED_PICTURES,
    Role.FILE,
    Role.CODE,
    Role.FOLDER,
    Role.ARRAYS,
    Role.CODE_FOLDER,
}
"""Roles of parameters that name files, one or several."""
PINNED = (Role.FILE, Role.CODE, Role.FOLDER, Role.CODE_FOLDER)
"""Roles whose files must be trusted, and are pinned by digest when a job begins."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of a scorer's parameters.

    Attributes:
        files: the parameters that name files, in their order, each with its role in `FILES`.
        argument: the one after the colon of ``onnx:model.onnx``, or "".
        class_name: the one that names a class in that file, or "".
        class_args: the one that holds the class's arguments, or "".
        code_folder: the one that names what the program imports, or "".
        beside: those whose files lie beside the argument's, each with the endings of their names.
        columns: the one that names columns of a table, or "".
    """

    files: dict[str, Role] = field(default_factory=dict)
    argument: str = ""
    class_name: str = ""
    class_args: str = ""
    code_folder: str = ""
    beside: dict[str, tuple[str, ...]] = field(default_factory=dict)
    columns: str = ""


@dataclass(frozen=True, slots=True)
class ParamFile:
    """A file or folder that a job's parameter names.

    Attributes:
        name: the parameter; of one that names several, ``parameter.name``, or ``parameter.url``.
        role: one of `FILES`; of one among several, that of a single one.
        url: its URL or path.
    """

    name: str
    role: Role
    url: str


def is_array(value: object) -> bool:
    """Return whether one of several values is the name of a file."""
    return isinstance(value, str) and value.lower().endswith(".npy")


def moved(params: Mapping[str, Any], urls: Mapping[str, str]) -> dict[str, Any]:
    """Return parameters with other URLs of the files that they name.

    Args:
        params: the parameters.
        urls: the URLs, by `ParamFile.name`.
    """
    changed = dict(params)
    for name, url in urls.items():
        param, dot, key = name.partition(".")
        if not dot:
            changed[param] = url
        elif _is_number(changed[param].get(key)) and not _is_number(key):
            named = changed[param].items()
            changed[param] = {url if old == key else old: value for old, value in named}
        else:
            changed[param] = {**changed[param], key: url}
    return changed


def _is_number(value: object) -> bool:
    """Return whether a value is the number that goes with the file that is its name."""
    with suppress(TypeError, ValueError):
        float(value)  # type: ignore[arg-type]
        return True
    return False


@cache
def roles_of(params: type[Frozen]) -> Roles:
    """Read the roles of parameters from their types."""
    found = [(name, role) for name, info in params.model_fields.items() for role in _marks(info)]
    names = {role: name for name, role in found}
    return Roles(
        {name: role for name, role in found if role in FILES},
        names.get(Role.BEHIND_COLON, ""),
        names.get(Role.CLASS_NAME, ""),
        names.get(Role.CLASS_ARGS, ""),
        names.get(Role.CODE_FOLDER, ""),
        {
            name: mark.endings
            for name, info in params.model_fields.items()
            for mark in info.metadata
            if isinstance(mark, Beside)
        },
        names.get(Role.COLUMNS, ""),
    )


def _marks(info: FieldInfo) -> Iterator[Role]:
    """Yield the roles of a type, or of a member of a union such as ``TrustedFile | None``."""
    yield from (mark for mark in info.metadata if isinstance(mark, Role))
    for member in get_args(info.annotation):
        marks = getattr(member, "__metadata__", ())
        yield from (mark for mark in marks if isinstance(mark, Role))
