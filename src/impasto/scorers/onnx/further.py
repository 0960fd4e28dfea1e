"""Inputs of an ONNX model that are the same for all items: what `OnnxParams.input` says."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from impasto.errors import BadInput, meant
from impasto.scorers.roles import is_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from impasto.scorers.onnx.signature import Field

ZEROS = "zeros"
HOW = "write a number, JSON, the path of a .npy file, or zeros"


def split(
    name: str, inputs: tuple[Field, ...], given: Mapping[str, str]
) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    """Return the inputs that items are for, and those that the user gives.

    Args:
        name: what to call the model in errors.
        inputs: all of them.
        given: the user's values, by input.

    Raises:
        BadInput: the user gives one that there is not, or all.
    """
    names = [field.name for field in inputs]
    for unknown in given.keys() - {*names}:
        raise BadInput(
            f"{name}: has no input {unknown!r}",
            meant(unknown, names) or f"its inputs are {', '.join(names)}",
        )
    if len(given) == len(names) and names:
        raise BadInput(f"{name}: has no other input than those of `input`", "leave one of them out")
    return (
        tuple(field for field in inputs if field.name not in given),
        tuple(field for field in inputs if field.name in given),
    )


def values(
    fields: tuple[Field, ...], given: Mapping[str, str], read: Callable[[str], bytes]
) -> dict[str, NDArray[Any]]:
    """Return an array for each input that the user gives.

    Args:
        fields: the inputs.
        given: their values: ``zeros``, the URL of a .npy file, a number or lists of numbers as
            JSON; of an input of text, the text. A single number fills its input.
        read: reads a file.

    Raises:
        BadInput: a value is none of these, or does not fit the input's type or shape.
        Unavailable: the store does not answer.
    """
    return {field.name: _value(field, given[field.name], read) for field in fields}


def _value(field: Field, text: str, read: Callable[[str], bytes]) -> NDArray[Any]:
    shape = tuple(1 if size is None else size for size in field.shape)
    if field.kind == "str":
        return np.full(shape, text, dtype=object)
    if text == ZEROS:
        return np.zeros(shape, field.kind)
    array = _array(text, read) if is_array(text) else _parsed(field, text)
    if array.ndim == 0:
        array = np.full(shape, array)
    fits = array.ndim == len(field.shape) and all(
        size in (None, given) for size, given in zip(field.shape, array.shape, strict=True)
    )
    if not fits:
        raise BadInput(
            f"`input={field.name}`: has the shape {array.shape}, but the model's is {field}",
            "correct it",
        )
    converted: NDArray[Any] = array.astype(field.kind)
    whole = converted.dtype.kind in "iub"
    if whole and not np.array_equal(converted, array):
        raise BadInput(f"`input={field.name}`: does not fit {field}", "give whole numbers")
    return converted


def _array(url: str, read: Callable[[str], bytes]) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(io.BytesIO(read(url)), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadInput(
            f"{url}: is not an array in numpy's format ({error})", "write it with numpy.save"
        ) from None
    if array.dtype.kind not in "biuf":
        raise BadInput(f"{url}: holds {array.dtype}, not numbers", "convert it")
    return array


def _parsed(field: Field, text: str) -> NDArray[Any]:
    try:
        array = np.asarray(json.loads(text))
    except ValueError:
        raise BadInput(f"`input={field.name}`: {text[:40]!r} is no value", HOW) from None
    if array.dtype.kind not in "biuf":
        raise BadInput(f"`input={field.name}`: {text[:40]!r} is no array of numbers", HOW)
    return array
