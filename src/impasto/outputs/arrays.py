"""A shard of arrays as a folder of files in numpy's formats."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from impasto.errors import BadInput
from impasto.outputs.stored_folder import FolderShard
from impasto.schema.words import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from impasto.outputs.base import Scored
    from impasto.scorers.base import Record

KINDS = "biufcU"
"""numpy's kinds of bool, int, unsigned, float, complex and str, which need no pickle."""
SHOWN = 5
"""Names that a message lists."""


class ArraysShard(FolderShard):
    """Files of arrays: .npy for an item's one array, .npz for several by name."""

    def _encoded(self, scored: Scored, name: str) -> bytes | None:
        if scored.error:
            return None
        arrays = arrays_of(scored.records, PurePath(name).suffix)
        held = io.BytesIO()
        if PurePath(name).suffix == ".npy":
            (array,) = arrays.values()
            np.lib.format.write_array(held, array, allow_pickle=False)
            return held.getvalue()
        # numpy.savez takes names as arguments, among which are its own.
        with zipfile.ZipFile(held, "w") as archive:
            for key, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
        return held.getvalue()


def arrays_of(records: Sequence[Record], suffix: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of an item by their names.

    Args:
        records: what the scorer said of it.
        suffix: ``.npy``, which holds one array, or ``.npz``.

    Raises:
        BadInput: there are several, and the file holds one.
        ValueError: they are no arrays, or the item has more or fewer than one record.
    """
    if len(records) != 1:
        raise ValueError(f"the scorer made {len(records)} records of an item, not its arrays")
    (record,) = records
    if suffix == ".npy" and len(record) > 1:
        names = ", ".join(plain(str(name)) for name in [*record][:SHOWN])
        raise BadInput(
            f"the scorer makes {len(record)} values of an item ({names}), and .npy holds one",
            "set `frames=npz`",
        )
    if not record:
        raise ValueError("the scorer made a record without any value")
    return {str(name): _array(str(name), value) for name, value in record.items()}


def _array(name: str, value: Any) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name!r} is a list of unequal lists, which no array holds") from None
    if array.dtype.kind not in KINDS:
        raise ValueError(f"{name!r} is no array of numbers, but {type(value).__name__}")
    return array
