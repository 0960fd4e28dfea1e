"""Items of a job, and what was made of them, as the API shows them."""

from __future__ import annotations

from typing import Any

from impasto.schema.base import Frozen
from impasto.schema.outcome import ItemError

SHOWN = 1000
"""Pairs of pictures of a job that are told of; a job leaves about 200."""


class FailedItem(Frozen):
    """An item that was set aside.

    Attributes:
        error: what went wrong, and with which item.
        picture: whether its source can be shown as a picture.
        kept: whether the output has the source's picture in its place.
    """

    error: ItemError
    picture: bool = False
    kept: bool = False


class FailedItems(Frozen):
    """The items of a job that were set aside, in order.

    Attributes:
        items: the items.
        next: give it as ``cursor`` for the next page; "" on the last one.
    """

    items: list[FailedItem]
    next: str = ""


class PreviewPair(Frozen):
    """A picture of a job's source and its result, written while its shard is still scored.

    Attributes:
        item: its index in the source.
    """

    item: int


class PreviewList(Frozen):
    """The items of a job whose source and result can be shown at once, ascending."""

    pairs: list[PreviewPair]


class Records(Frozen):
    """A part of the records that a job made.

    Attributes:
        columns: names of the fields, in order.
        rows: one per record: its values by column.
        items: the index in the source of each row's item, so that its picture can be shown.
        total: how many records there are so far.
        next: give it as ``cursor`` for the next page; "" on the last one.
    """

    columns: list[str]
    rows: list[dict[str, Any]]
    items: list[int]
    total: int
    next: str = ""


class OutputFile(Frozen):
    """One file of an output that is a folder.

    Attributes:
        name: below the output.
        bytes: its size.
    """

    name: str
    bytes: int


class OutputFiles(Frozen):
    """The files of an output.

    Attributes:
        files: the files, by name.
        next: give it as ``cursor`` for the next page; "" on the last one.
    """

    files: list[OutputFile]
    next: str = ""
