"""A table's rows, as the inputs of an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from impasto.errors import BadInput
from impasto.schema.source import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from impasto.scorers.onnx.signature import Field, RowInput

SHOWN = 40
"""Most characters of a cell, and most names of columns, that an error shows."""


def feed(name: str, taken: RowInput, frame: pd.DataFrame, columns: str) -> dict[str, Any]:
    """Make the inputs of N rows.

    Args:
        name: what to call the model in errors.
        taken: what the model takes.
        frame: the rows.
        columns: names of the columns of a matrix, separated by commas, or "" for all.

    Returns:
        The arrays by input: one (N, features) of the columns in order; or one per column of the
        input's own name, (N,) or (N, 1).

    Raises:
        BadInput: the table's columns are not those that the model takes.
        ValueError: a value is missing and the input's type cannot express that, or it is no number
            where one is needed.
    """
    if _by_name(taken, frame, columns):
        return {
            field.name: _cells(name, field, _find(name, frame, field.name)).reshape(
                -1, *field.shape[1:]
            )
            for field in taken.fields
        }
    (field,) = taken.fields
    chosen = _chosen(name, frame, columns)
    if field.shape[1] not in (None, chosen.shape[1]):
        has = "`columns` names" if columns else "the table has"
        raise BadInput(
            f"{name}: takes {field.shape[1]} features, but {has} {chosen.shape[1]} "
            f"({_listed(chosen)})",
            f"set `columns` to the names of {field.shape[1]}",
        )
    return {field.name: _matrix(name, field, chosen)}


def missing(
    taken: RowInput, frame: pd.DataFrame, columns: str, fed: Mapping[str, NDArray[Any]]
) -> list[list[str]]:
    """Name the columns of which the model gets NaN, for each of N rows.

    Args:
        taken: what the model takes.
        frame: the rows.
        columns: as for `feed`.
        fed: what `feed` has made of them.
    """
    of = {name: [name] for name in fed}
    if not _by_name(taken, frame, columns):
        names = [each.strip() for each in columns.split(",")] if columns else [*frame.columns]
        of = {name: [str(each) for each in names] for name in fed}
    found: list[list[str]] = [[] for _ in range(len(frame))]
    for name, array in fed.items():
        if array.dtype.kind != "f":
            continue
        lacking = np.isnan(array.reshape(len(frame), -1))
        for row in np.flatnonzero(lacking.any(axis=1)):
            found[row] += [of[name][n] for n in np.flatnonzero(lacking[row])]
    return found


def _by_name(taken: RowInput, frame: pd.DataFrame, columns: str) -> bool:
    """Return whether each input is a column of its own name."""
    first = taken.fields[0]
    named = len(taken.fields) == 1 and first.name in frame.columns and not columns
    return not taken.matrix or (named and first.shape[1] == 1)


def _matrix(name: str, field: Field, chosen: pd.DataFrame) -> NDArray[Any]:
    """Return columns as the input's type, (N, columns); raises what `feed` does."""
    first, *others = set(chosen.dtypes)
    plain = not others and isinstance(first, np.dtype) and first.kind in "iuf"
    if plain and np.dtype(field.kind).kind == "f":
        # Many columns together take a fraction of the time.
        return chosen.to_numpy(dtype=np.dtype(field.kind))
    arrays = [_cells(name, field, chosen.iloc[:, n]) for n in range(chosen.shape[1])]
    return np.stack(arrays, axis=1)


def _listed(frame: pd.DataFrame) -> str:
    """Name the columns of a table; of many, the first ones."""
    names = [str(name) for name in frame.columns[:SHOWN]]
    more = len(frame.columns) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _chosen(name: str, frame: pd.DataFrame, columns: str) -> pd.DataFrame:
    if not columns:
        return frame
    names = [column.strip() for column in columns.split(",")]
    return pd.concat([_find(name, frame, column, listed=True) for column in names], axis=1)


def _find(name: str, frame: pd.DataFrame, column: str, *, listed: bool = False) -> pd.Series[Any]:
    found: pd.Series[Any] | None = frame.get(column)
    if found is None:
        raise BadInput(
            f"{name}: needs a column {column!r}, but the table has {_listed(frame)}",
            "correct `columns`" if listed else "rename the columns",
        )
    return found


def _cells(name: str, field: Field, column: pd.Series[Any]) -> NDArray[Any]:
    """Return a column as the input's type, (N,); raises what `feed` does."""
    if field.kind == "str":
        return _texts(column)
    if column.dtype == object or pd.api.types.is_string_dtype(column.dtype):
        column = _numbers(column, field)
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise BadInput(
            f"{name}: column {column.name!r} is not numeric ({column.dtype}), but input {field} "
            "needs numbers",
            "set `columns` to the numeric columns, or change the table",
        )
    kind = np.dtype(field.kind)
    if kind.kind == "f":
        return column.to_numpy(dtype=kind, na_value=np.nan)
    if bool(column.isna().any()):
        raise ValueError(f"column {column.name!r} lacks a value, but input {field} needs one")
    cells = column.to_numpy()
    converted: NDArray[Any] = cells.astype(kind)
    if not np.array_equal(converted, cells):
        raise ValueError(f"column {column.name!r} holds a value that does not fit input {field}")
    return converted


def _numbers(column: pd.Series[Any], field: Field) -> pd.Series[Any]:
    """Return texts as the numbers that they are.

    One bad cell makes a column of texts, and must not cost the rows that have numbers: so each is
    judged alone.

    Raises:
        ValueError: one is no number.
    """
    numbers: pd.Series[Any] = pd.to_numeric(column, errors="coerce")
    odd = column[numbers.isna() & column.notna() & ~column.isin(MISSING)]
    if len(odd):
        raise ValueError(
            f"column {column.name!r} holds {str(odd.iloc[0])[:SHOWN]!r}, which is not a number, "
            f"but input {field} needs numbers; correct it, or leave the column out"
        )
    return numbers


def _texts(column: pd.Series[Any]) -> NDArray[Any]:
    if bool(column.isna().any()):
        raise ValueError(f"column {column.name!r} lacks a value, but the model needs text")
    return column.astype(str).to_numpy(dtype=object)
