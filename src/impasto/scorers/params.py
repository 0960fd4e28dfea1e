"""What scorers' parameters share: their types, which say what a parameter names.

A scorer's parameters stand beside it, in a module that imports no model library, since the driver
checks them. The first line of an attribute's text is what ``impasto scorers`` says of it. A
parameter that names a file has one of the types below, alone or with ``| None``. All that is done
with the file follows from its type: where it may be, how it is pinned, and how workers get it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Annotated, Any, Literal, TypeAlias

from impasto.schema.base import Frozen

Range = Literal["auto", "unit", "signed", "byte", "imagenet"]
"""What a picture's values are to a network: 0 to 1, -1 to 1, 0 to 255, or 0 to 1 less ImageNet's
mean over its deviation."""


class Role(Enum):
    """What a parameter is for besides being a value."""

    PICTURE = auto()
    FILE = auto()
    CODE = auto()
    FOLDER = auto()
    BEHIND_COLON = auto()
    CLASS_NAME = auto()
    CLASS_ARGS = auto()


PictureFile: TypeAlias = Annotated[str, Role.PICTURE]
"""URL or path of a picture; its content determines the output."""
TrustedFile: TypeAlias = Annotated[str, Role.FILE]
"""URL or path of weights or another model, pinned by its digest when a job begins. It is never
loaded from where outsiders may write."""
Code: TypeAlias = Annotated[str, Role.CODE]
"""A `TrustedFile` that is a program; a cluster's workers are sent it."""
TrustedFolder: TypeAlias = Annotated[str, Role.FOLDER]
"""The same of a folder and all that is in it, or of one file, pinned by name and content."""

BehindColon = Role.BEHIND_COLON
"""Marks the parameter behind the colon of ``onnx:model.onnx``: ``Annotated[TrustedFile,
BehindColon]``."""
ClassName: TypeAlias = Annotated[str, Role.CLASS_NAME]
"""A class in the file behind the colon: ``python:FILE.py:CLASS``."""
ClassArgs: TypeAlias = Annotated[dict[str, Any], Role.CLASS_ARGS]
"""What that class's ``__init__`` is given; its arguments are options of the command line."""


class NoParams(Frozen):
    """A scorer without parameters."""
