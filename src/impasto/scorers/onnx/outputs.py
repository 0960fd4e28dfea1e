"""What an ONNX model returns, divided among the items of a mini-batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from impasto.scorers.results import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.scorers.base import Record
    from impasto.scorers.onnx.signature import Field


def as_they_are(outputs: dict[str, Any]) -> list[Record]:
    """Return an item's outputs as one record, where nothing more is known of the model.

    Args:
        outputs: by name, each an array without the dimension of the mini-batch, or a sequence or
            map of ONNX.
    """
    return [{name: plain(value) for name, value in outputs.items()}]


def declared(fields: tuple[Field, ...], batch: int) -> tuple[int | None, ...]:
    """Return the dimension of each output that is the mini-batch's, as far as its shape says.

    Args:
        fields: the outputs.
        batch: how many items the model takes at once; 0 is any number. Of a single item, an output
            of any other length is all its own.
    """
    if batch == 1:
        return tuple(0 if field.shape[:1] == (1,) else None for field in fields)
    found = (field.shape.index(batch) if batch in field.shape else 0 for field in fields)
    return tuple(0 if batch == 0 else axis for axis in found)


class Outputs:
    """Divides a model's outputs among items.

    Attributes:
        names: of the outputs; a single one is called ``output``.
    """

    def __init__(
        self, fields: tuple[Field, ...], batch: int, axes: tuple[int | None, ...] = ()
    ) -> None:
        """Bind a model.

        Args:
            fields: its outputs.
            batch: how many items it takes at once; 0 is any number.
            axes: of each output, the dimension that is the mini-batch's, or None where all of it
                belongs to a single item; empty is what `declared` returns.
        """
        self._fields, self._batch = fields, batch
        self.names = [field.name for field in fields] if len(fields) > 1 else ["output"]
        self._axes = axes or declared(fields, batch)

    def items(self, outputs: list[Any], count: int) -> list[dict[str, Any]]:
        """Return the outputs of each item, by name; a single output is called ``output``.

        Args:
            outputs: what the model returned.
            count: how many items went in.

        Raises:
            ValueError: an output has no value for each of them.
        """
        columns = [
            self._divided(field, axis, output, count)
            for field, axis, output in zip(self._fields, self._axes, outputs, strict=True)
        ]
        return [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _divided(self, field: Field, axis: int | None, output: Any, count: int) -> Sequence[Any]:
        """Return an output's value for each item; raises ValueError if it has none."""
        shape = np.shape(output)
        as_declared = len(shape) == len(field.shape)
        if axis is None and as_declared and field.shape[:1] == (1,):
            axis = 0
        # A file may be wrong about an output.
        found = axis is not None and len(shape) > axis and (as_declared or self._batch != 1)
        if axis is None or not found or shape[axis] != count:
            if count == 1:
                return [output]
            raise ValueError(
                f"output {field.name!r} has shape {shape} for {count} items, so it cannot be "
                "divided among them; set `mini_batch=1`"
            )
        if isinstance(output, np.ndarray):
            output = np.moveaxis(output, axis, 0)
            if field.shape[1:] == (1,):
                output = output.reshape(count)
        divided: Sequence[Any] = output
        return divided
