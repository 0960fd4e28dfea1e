"""The items of sources other than pictures, which are frames of `impasto.media.frame`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


@dataclass(frozen=True, slots=True)
class Rows:
    """A run of a table's rows.

    Attributes:
        start: index of the first one in the table.
        frame: the rows; its own index counts from 0.
    """

    start: int
    frame: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Blob:
    """A file with any content.

    Attributes:
        index: place in the source.
        key: its name.
        path: where it is on this machine.
        fetched: whether the file is a copy, which the item's consumer removes after use.
    """

    index: int
    key: str
    path: Path
    fetched: bool
