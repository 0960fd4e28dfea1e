"""The inputs that an ONNX model takes, read from their types and shapes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.scorers.onnx.params import OnnxParams

PIXELS = {"float": "float32", "float16": "float16", "double": "float64", "uint8": "uint8"}
"""numpy's names of the element types that pictures may have, by ONNX Runtime's."""
CELLS = PIXELS | {
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "bool": "bool",
    "string": "str",
}
"""The same for a table's cells."""
SUPPORTED = (
    "supported are one input of pictures (N, 3, H, W) or (N, H, W, 3) or of rows (N, features), "
    "and one input (N, 1) per column"
)


@dataclass(frozen=True, slots=True)
class Field:
    """An input or output.

    Attributes:
        name: its name.
        kind: numpy's name of its element type, or ONNX Runtime's name of any other type.
        shape: its dimensions; None is any size.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name!r} {self.kind} ({sizes})"


@dataclass(frozen=True, slots=True)
class PictureInput:
    """An input of pictures.

    Attributes:
        field: the input.
        last: whether colours are its last dimension.
        channels: 1 or 3.
        size: height and width; None is any.
        batch: how many pictures it takes at once; 0 is any number.
    """

    field: Field
    last: bool
    channels: int
    size: tuple[int | None, int | None]
    batch: int


@dataclass(frozen=True, slots=True)
class RowInput:
    """The inputs of rows.

    Attributes:
        fields: one for all features, or one for each column.
        matrix: whether it is one for all features, (N, features).
        batch: how many rows they take at once; 0 is any number.
    """

    fields: tuple[Field, ...]
    matrix: bool
    batch: int


def fields(arguments: Sequence[Any]) -> tuple[Field, ...]:
    """Read ``InferenceSession.get_inputs()`` or ``get_outputs()``."""
    return tuple(_field(argument) for argument in arguments)


def _field(argument: Any) -> Field:
    inner = re.fullmatch(r"tensor\((\w+)\)", argument.type)
    kind = CELLS.get(inner[1], argument.type) if inner else argument.type
    sizes = argument.shape or ()
    return Field(
        argument.name, kind, tuple(n if isinstance(n, int) and n > 0 else None for n in sizes)
    )


def read(name: str, inputs: tuple[Field, ...], params: OnnxParams) -> PictureInput | RowInput:
    """Decide what a model takes.

    Args:
        name: what to call the model in errors.
        inputs: its inputs.
        params: the scorer's parameters.

    Raises:
        BadInput: its inputs are of no supported form.
    """
    if len(inputs) == 1 and len(inputs[0].shape) == 4:
        return _pictures(name, inputs[0], params.layout)
    for field in inputs:
        shaped = len(field.shape) == 1 or (len(field.shape) == 2 and field.shape[1] == 1)
        single = len(inputs) == 1 and len(field.shape) == 2
        if field.kind not in CELLS.values() or not (shaped or single):
            raise BadInput(f"{name}: input {field} has an unsupported form", SUPPORTED)
    if not inputs:
        raise BadInput(f"{name}: has no input", SUPPORTED)
    matrix = len(inputs) == 1 and len(inputs[0].shape) == 2
    return RowInput(inputs, matrix, inputs[0].shape[0] or 0)


def _pictures(name: str, field: Field, layout: str) -> PictureInput:
    if field.kind not in PIXELS.values():
        raise BadInput(
            f"{name}: input {field} has an unsupported type",
            "pictures are float32, float16, float64 or uint8",
        )
    batch, second, third, fourth = field.shape
    last = layout == "nhwc" or (layout == "auto" and fourth in (1, 3) and second not in (1, 3))
    channels = fourth if last else second
    if channels not in (1, 3, None):
        raise BadInput(
            f"{name}: input {field} has {channels} channels, not 3 or 1",
            f"see `layout`, and {SUPPORTED}",
        )
    size = (second, third) if last else (third, fourth)
    return PictureInput(field, last, channels or 3, size, batch or 0)
