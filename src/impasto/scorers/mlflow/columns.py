"""Rows in the types that a model's signature asks for.

MLflow itself refuses whole numbers where a model takes floats, which a table has wherever a column
happens to hold whole numbers alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from impasto.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

_FLOATS = {"float": "float32", "double": "float64"}
_WHOLE = {"integer": "int32", "long": "int64"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a signature.

    Attributes:
        name: the column's; "" where a signature names none.
        kind: MLflow's name of its type, such as ``double``, or numpy's for a tensor's.
        required: whether a table must have it.
    """

    name: str
    kind: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Columns:
    """What a model takes.

    Attributes:
        model: the model, for messages.
        columns: those of its signature; none where it has no signature.
        tensor: whether all columns of a table together are one array.
        width: how many these must be; 0 is any number.
    """

    model: str
    columns: tuple[Column, ...] = ()
    tensor: bool = False
    width: int = 0

    @classmethod
    def of(cls, schema: Any, model: str) -> Self:
        """Read a signature's inputs, MLflow's ``Schema`` or None; raises BadInput."""
        if schema is None:
            return cls(model)
        if not schema.is_tensor_spec():
            found = (
                Column(each.name or "", getattr(each.type, "name", ""), each.required)
                for each in schema.inputs
            )
            return cls(model, tuple(found))
        tensors = [Column(each.name or "", str(each.type)) for each in schema.inputs]
        shapes = [each.shape for each in schema.inputs]
        wide = len(shapes) == 1 and len(shapes[0]) == 2
        if not wide and any(len(shape) > 1 for shape in shapes):
            raise BadInput(
                f"{model}: takes tensors of shape {', '.join(map(str, shapes))}, not rows",
                "use a script, or export it as ONNX",
            )
        return cls(model, tuple(tensors), tensor=wide, width=max(0, shapes[0][1]) if wide else 0)

    def words(self, most: int) -> str:
        """Describe what is taken, with so many columns at most."""
        if not self.columns:
            return "has no signature; it is given all columns"
        shown = [f"{each.name or 'array'} {each.kind}" for each in self.columns[:most]]
        more = f" and {len(self.columns) - most} more" if len(self.columns) > most else ""
        return f"columns {', '.join(shown)}{more}"

    def fit(self, frame: pd.DataFrame) -> Any:
        """Return rows as the model takes them: a DataFrame, or an array (N, columns).

        Raises:
            BadInput: a column is missing, or an array has another number of them.
            ValueError: a value is of another type.
        """
        if self.tensor:
            if self.width and frame.shape[1] != self.width:
                raise BadInput(
                    f"{self.model}: takes an array of {self.width} columns, but the rows have "
                    f"{frame.shape[1]}, {', '.join(map(str, frame.columns[:10]))}",
                    "give a table of those columns alone",
                )
            return frame.to_numpy(dtype=self.columns[0].kind)
        if not any(each.name for each in self.columns):
            return frame
        has = set(frame.columns)
        missing = [each.name for each in self.columns if each.required and each.name not in has]
        if missing:
            raise BadInput(
                f"{self.model}: takes a column {missing[0]!r}, which the rows lack",
                f"they have {', '.join(map(str, frame.columns[:10]))}",
            )
        fitted = {
            each.name: _fitted(frame[each.name], each) for each in self.columns if each.name in has
        }
        return type(frame)(fitted, index=frame.index)


def _fitted(values: pd.Series[Any], column: Column) -> Any:
    """Return a column in the type of the signature; raises ValueError."""
    try:
        return _converted(values, column.kind)
    except (ValueError, TypeError) as error:
        raise ValueError(f"column {column.name!r} must be {column.kind}: {error}") from None


def _converted(values: pd.Series[Any], kind: str) -> Any:
    import pandas as pd

    if kind in _FLOATS:
        found = pd.to_numeric(values).to_numpy(dtype=_FLOATS[kind], na_value=np.nan)
        return pd.Series(found, index=values.index)
    if kind in _WHOLE:
        return _whole(pd.to_numeric(values), _WHOLE[kind])
    if kind == "string":
        texts = values.map(str, na_action="ignore").astype(object)
        # What pandas.read_csv makes of an empty cell; few models take its NA.
        return texts.where(values.notna(), np.nan)
    if kind == "datetime":
        return pd.to_datetime(values)
    if kind == "boolean":
        if not pd.api.types.is_bool_dtype(values.dtype):
            raise ValueError("a value is neither true nor false")
        return values.astype("bool")
    return values


def _whole(values: Any, dtype: str) -> Any:
    if values.isna().any():
        raise ValueError("a value is missing")
    whole = values.astype("int64")
    if not (whole == values).all() or not (whole.astype(dtype) == whole).all():
        raise ValueError("a value is no such whole number")
    return whole.astype(dtype)
