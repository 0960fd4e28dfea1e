"""The inputs that an ONNX model takes, read from their types and shapes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.scorers.onnx.params import OnnxParams

FLOATS = {"float": "float32", "float16": "float16", "double": "float64"}
WHOLE = {
    "uint8": "uint8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint16": "uint16",
    "uint32": "uint32",
}
"""Element types of which an input takes pictures as 0 to 255."""
PIXELS = FLOATS | WHOLE
"""numpy's names of the element types that pictures may have, by ONNX Runtime's."""
CELLS = PIXELS | {"int8": "int8", "uint64": "uint64", "bool": "bool", "string": "str"}
"""The same for a table's cells."""
SUPPORTED = (
    "supported are one input of pictures (N, 3, H, W) or (N, H, W, 3) or of rows (N, features), "
    "and one input (N, 1) per column"
)
CHANNELS = (1, 3, 4)
"""The channels that a picture may have: grey, RGB, and RGB with an opaque alpha."""


@dataclass(frozen=True, slots=True)
class Field:
    """An input or output.

    Attributes:
        name: its name.
        kind: numpy's name of its element type, or ONNX Runtime's name of any other type.
        shape: its dimensions; None is any size.
        first: the model's name of its first dimension, or "".
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    first: str = ""

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name!r} {self.kind} ({sizes})"


@dataclass(frozen=True, slots=True)
class PictureInput:
    """An input of pictures.

    Attributes:
        field: the input.
        last: whether colours are its last dimension.
        channels: 1, 3 or 4.
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
        argument.name,
        kind,
        tuple(n if isinstance(n, int) and n > 0 else None for n in sizes),
        sizes[0] if sizes and isinstance(sizes[0], str) else "",
    )


def read(name: str, inputs: tuple[Field, ...], params: OnnxParams) -> PictureInput | RowInput:
    """Decide what a model takes.

    Args:
        name: what to call the model in errors.
        inputs: its inputs, without those that the user gives.
        params: the scorer's parameters.

    Raises:
        BadInput: its inputs are of no supported form.
    """
    if not inputs:
        raise BadInput(f"{name}: has no input", SUPPORTED)
    pictures = [field for field in inputs if len(field.shape) == 4]
    if len(inputs) == 1 and pictures:
        return _pictures(name, inputs[0], params)
    matrix = len(inputs) == 1 and len(inputs[0].shape) == 2
    odd = [field for field in inputs if not (_is_column(field) or matrix)]
    if len(inputs) > 1 and (odd or pictures):
        further = (field for field in inputs if field not in pictures[:1])
        other = max(further, key=lambda field: len(field.shape))
        raise BadInput(
            f"{name}: takes {', '.join(map(str, inputs))}, and no item is all of these",
            f"give all but one with `input`, such as `input={other.name}=zeros`, or write a script "
            "that keeps what one item leaves to the next, as docs/models.md shows",
        )
    for field in inputs:
        if field.kind not in CELLS.values() or odd:
            raise BadInput(f"{name}: input {field} has an unsupported form", SUPPORTED)
    return RowInput(inputs, matrix, inputs[0].shape[0] or 0)


def _is_column(field: Field) -> bool:
    return len(field.shape) == 1 or (len(field.shape) == 2 and field.shape[1] == 1)


def _pictures(name: str, field: Field, params: OnnxParams) -> PictureInput:
    if field.kind not in PIXELS.values():
        raise BadInput(
            f"{name}: input {field} has an unsupported type",
            f"pictures are {', '.join(PIXELS.values())}",
        )
    batch, second, third, fourth = field.shape
    last = params.layout == "nhwc" or (
        params.layout == "auto" and fourth in CHANNELS and second not in CHANNELS
    )
    channels = fourth if last else second
    if channels not in (*CHANNELS, None):
        raise BadInput(
            f"{name}: input {field} has {channels} channels, not 1, 3 or 4",
            f"see `layout`, and {SUPPORTED}",
        )
    size = (second, third) if last else (third, fourth)
    return PictureInput(
        field, last, channels or 3, _sized(name, field, size, params.fixed()), batch or 0
    )


def _sized(
    name: str,
    field: Field,
    size: tuple[int | None, int | None],
    given: tuple[int | None, int | None],
) -> tuple[int | None, int | None]:
    """Return the height and width of the input, some of which the user may have given."""
    for own, wanted in zip(size, given, strict=True):
        if own and wanted and own != wanted:
            raise BadInput(
                f"{name}: input {field} has a fixed size, which `size` contradicts",
                "leave `size` out",
            )
    return size[0] or given[0], size[1] or given[1]
