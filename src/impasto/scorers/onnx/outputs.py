"""What an ONNX model returns, divided among the items of a mini-batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from impasto.scorers.base import Record
from impasto.scorers.placing import Placed
from impasto.scorers.results import plain

if TYPE_CHECKING:
    from impasto.scorers.onnx.signature import Field

Decoder: TypeAlias = Callable[[dict[str, Any], Placed], list[Record]]
"""Makes the records of one picture: of its outputs by name, each an array without the dimension of
the mini-batch (or a sequence or map of ONNX), and of where the picture is in the input."""


def as_they_are(outputs: dict[str, Any], _: Placed | None = None) -> list[Record]:
    """Return an item's outputs as one record: the `Decoder` of models of which nothing is known."""
    return [{name: plain(value) for name, value in outputs.items()}]


class Outputs:
    """Divides a model's outputs among items."""

    def __init__(self, fields: tuple[Field, ...], batch: int) -> None:
        """Bind a model.

        Args:
            fields: its outputs.
            batch: how many items it takes at once; 0 is any number.
        """
        self._fields, self._batch = fields, batch
        self._names = [field.name for field in fields] if len(fields) > 1 else ["output"]

    def items(self, outputs: list[Any], count: int) -> list[dict[str, Any]]:
        """Return the outputs of each item, by name; a single output is called ``output``.

        Args:
            outputs: what the model returned.
            count: how many items went in.

        Raises:
            ValueError: an output has no value for each of them.
        """
        columns = [
            self._divided(field, output, count)
            for field, output in zip(self._fields, outputs, strict=True)
        ]
        return [dict(zip(self._names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _divided(self, field: Field, output: Any, count: int) -> Sequence[Any]:
        """Return an output's value for each item."""
        if self._batch == 1 and field.shape[:1] not in ((), (1,)):
            return [output]
        if not hasattr(output, "__len__") or np.ndim(output) == 0 or len(output) != count:
            shape = np.shape(output)
            raise ValueError(
                f"output {field.name!r} has shape {shape} for {count} items, so it cannot be "
                "divided among them; export the model with a batch of 1"
            )
        if isinstance(output, np.ndarray) and field.shape[1:] == (1,):
            output = output.reshape(count)
        divided: Sequence[Any] = output
        return divided
