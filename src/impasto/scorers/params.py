"""Types of scorers' parameters, which say what a parameter names.

A scorer's parameters are beside it, in a module that imports no model library, since the driver
checks them. The first line of an attribute's text is what ``impasto scorers`` shows for it. A
parameter that names a file has one of the types below, alone or with ``| None``. The handling of
the file follows from its type: where it may be, how it is pinned, and how workers get it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, StringConstraints

from impasto.schema.base import Frozen

Range = Literal["auto", "unit", "signed", "byte", "imagenet"]
"""The range of a picture's values for a network: 0 to 1, -1 to 1, 0 to 255, or 0 to 1 less
ImageNet's mean over its deviation."""


class Role(Enum):
    """The role of a parameter besides being a value."""

    PICTURE = auto()
    PICTURES = auto()
    NAMED_PICTURES = auto()
    FILE = auto()
    CODE = auto()
    FOLDER = auto()
    ARRAYS = auto()
    CODE_FOLDER = auto()
    BEHIND_COLON = auto()
    CLASS_NAME = auto()
    CLASS_ARGS = auto()
    COLUMNS = auto()


def _as_texts(values: object) -> object:
    """Write the values of a dictionary as JSON, except those that are texts already."""
    if not isinstance(values, dict):
        return values
    try:
        return {name: it if isinstance(it, str) else json.dumps(it) for name, it in values.items()}
    except TypeError:
        raise ValueError("must hold texts, numbers or lists of numbers") from None


Seconds: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\d{1,7}(\.\d{1,9})?$")]
Share: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PictureFile: TypeAlias = Annotated[str, Role.PICTURE]
"""URL or path of a picture; its content determines the output."""
PictureShares: TypeAlias = Annotated[dict[str, Share], Role.PICTURES]
"""Several pictures: the URL or path of each, with a number."""
PictureTimes: TypeAlias = Annotated[dict[Seconds, str], Role.NAMED_PICTURES]
"""Several pictures: the URL or path of each, by a time in seconds."""
TrustedFile: TypeAlias = Annotated[str, Role.FILE]
"""URL or path of weights or another model, pinned by its digest when a job begins. It is never
loaded from where outsiders may write."""
Code: TypeAlias = Annotated[str, Role.CODE]
"""A `TrustedFile` that is a program; it is sent to a cluster's workers."""
TrustedFolder: TypeAlias = Annotated[str, Role.FOLDER]
"""The same for a folder and all that is in it, or for one file, pinned by name and content."""
ArrayValues: TypeAlias = Annotated[dict[str, str], BeforeValidator(_as_texts), Role.ARRAYS]
"""Values by name, given as text or JSON; those that end with ``.npy`` are `TrustedFile`s."""
CodeFolder: TypeAlias = Annotated[str, Role.CODE_FOLDER]
"""A folder of what a `Code` imports and reads, pinned by content. Where it is not given, the
modules beside the program that it imports take its place. They are sent to a cluster's workers."""

BehindColon = Role.BEHIND_COLON
"""Marks the parameter after the colon of ``onnx:model.onnx``: ``Annotated[TrustedFile,
BehindColon]``."""
ClassName: TypeAlias = Annotated[str, Role.CLASS_NAME]
"""A class in the file after the colon: ``python:FILE.py:CLASS``."""
ClassArgs: TypeAlias = Annotated[dict[str, Any], Role.CLASS_ARGS]
"""The arguments of that class's ``__init__``; they are options of the command line."""
ColumnNames: TypeAlias = Annotated[str, Role.COLUMNS]
"""Names of a table's columns, separated by commas."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Marks a parameter whose file, if it is not given, is looked for beside that after the colon.

    Attributes:
        endings: what is appended to that one's name, the most usual first.
    """

    endings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Newer:
    """Marks a parameter that joined, or got another default, after jobs were given ids.

    Jobs that leave it out keep their ids (`driver/identity.py`).

    Attributes:
        was: its default before; None is that it did not exist.
    """

    was: str | None = None


class NoParams(Frozen):
    """A scorer without parameters."""
