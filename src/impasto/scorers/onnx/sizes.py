"""Find the sizes that a model of pictures accepts, and how its outputs are divided.

Few models say so: their dimensions are called ``h`` and ``w``, and then only multiples of 32 run.
The first worker of a job finds it out, and all others use what it found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import lcm
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np
import torch

from impasto.errors import BadInput
from impasto.scorers.onnx.outputs import declared
from impasto.scorers.onnx.signature import WHOLE
from impasto.scorers.values import as_pictures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from impasto.scorers.onnx.params import OnnxParams
    from impasto.scorers.onnx.signature import Field, PictureInput

Run: TypeAlias = Callable[[dict[str, Any]], list[Any]]
How: TypeAlias = Literal["given", "stated", "tried", "first", ""]
MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 128, 14)
"""The numbers that are tried, in this order; 14 is the patch of many vision transformers."""
SMALL = 97
"""The least side of a picture that is tried: small enough to be quick, and large enough for most
networks."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out about a model of pictures, for all workers of a job.

    Attributes:
        multiple: the number of which the sides of a picture must be multiples.
        size: the height and width that it was trained for; None is any.
        axes: of each output, the dimension that is the mini-batch's; None is none, so that pictures
            must be scored one by one, and all of the output belongs to one. Empty is not known.
        how: how the multiple was found: ``given``, ``stated`` in the file, ``tried``, ``first``
            where only the size of the job's first picture runs, or "".
    """

    multiple: int = 1
    size: tuple[int | None, int | None] = (None, None)
    axes: tuple[int | None, ...] = ()
    how: How = ""

    @classmethod
    def of(cls, prepared: Mapping[str, Any]) -> Self:
        """Read what `state` returned; a job of an earlier version has nothing."""
        height, width = prepared.get("size", (None, None))
        return cls(
            prepared.get("multiple", 1),
            (height, width),
            tuple(prepared.get("axes", ())),
            prepared.get("how", ""),
        )

    @property
    def singly(self) -> bool:
        """Whether pictures must be scored one by one."""
        return None in self.axes

    def state(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {
            "multiple": self.multiple,
            "size": [*self.size],
            "axes": [*self.axes],
            "how": self.how,
        }


def find(
    name: str,
    taken: PictureInput,
    outputs: tuple[Field, ...],
    params: OnnxParams,
    metadata: Mapping[str, str],
    run: Run,
    sample: Callable[[], tuple[int, int]],
) -> Found:
    """Find out which sizes a model accepts; what neither file nor user says is tried.

    Args:
        name: what to call the model in errors.
        taken: its input.
        outputs: its outputs.
        params: the job's parameters.
        metadata: what the file says of itself: ``stride`` and ``imgsz``, as ultralytics writes.
        run: runs the model on arrays by input.
        sample: returns the height and width of the job's first picture.

    Raises:
        BadInput: the model runs at none of the sizes that are tried.
    """
    known = _stated(params, metadata)
    fixed = taken.size[0] or known.size[0], taken.size[1] or known.size[1]
    sized = known.how != "" or None not in fixed
    how: How
    first = taken.field.first
    if taken.batch or (first and all(each.first == first for each in outputs)):
        known = replace(known, axes=declared(outputs, taken.batch))
    if sized and known.axes:
        return known
    trial = _Trial(taken, run)
    tried = (known.multiple,) if sized else MULTIPLES
    good, how = trial.best(_small(fixed, tried)), known.how or ("" if sized else "tried")
    if good is None and None in fixed:
        good, how = trial.best(_like(sample, fixed, tried)), "first"
    if good is None:
        if sized:
            # Noise alone may be what it does not take.
            return known
        raise BadInput(
            f"{name}: input {taken.field} runs at no size that was tried ({trial.error})",
            "set `multiple` to what its sides must be multiples of, or `size` to what it was made "
            "for, such as 640x480, or x48 for a height alone",
        )
    return Found(good.multiple, known.size, known.axes or trial.axes(good, outputs), how)


def _stated(params: OnnxParams, metadata: Mapping[str, str]) -> Found:
    """Return what the user or the file says."""
    stride, trained = (_read(metadata.get(key, "")) for key in ("stride", "imgsz"))
    size: tuple[int | None, int | None] = (None, None)
    if isinstance(trained, list) and len(trained) == 2 and not params.size and "task" in metadata:
        size = trained[0], trained[1]
    if params.multiple:
        return Found(params.multiple, size, how="given")
    if isinstance(stride, int):
        return Found(stride, size, how="stated")
    return Found(size=size)


def _read(text: str) -> Any:
    """Return a number or list of numbers in a file's metadata, or None."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    numbers = value if isinstance(value, list) else [value]
    return value if all(type(n) is int and 0 < n < 65536 for n in numbers) else None


def _small(
    fixed: tuple[int | None, int | None], multiples: tuple[int, ...]
) -> Iterator[tuple[int, int, int]]:
    """Yield a multiple, and a small size of odd multiples of it."""
    for multiple in multiples:
        odd = -(-SMALL // multiple) | 1
        height, width = odd * multiple, (odd + 2) * multiple
        yield multiple, fixed[0] or height, fixed[1] or width


def _like(
    sample: Callable[[], tuple[int, int]],
    fixed: tuple[int | None, int | None],
    multiples: tuple[int, ...],
) -> Iterator[tuple[int, int, int]]:
    """Yield a multiple, and the size of the job's first picture rounded up to it."""
    height, width = sample()
    for multiple in multiples:
        high, wide = (-(-length // multiple) * multiple for length in (height, width))
        yield multiple, fixed[0] or high, fixed[1] or wide


@dataclass(frozen=True, slots=True)
class _Good:
    """A size at which a model runs.

    Attributes:
        multiple: a number of which its sides are multiples.
        height: in pixels.
        width: in pixels.
        made: the outputs.
    """

    multiple: int
    height: int
    width: int
    made: list[Any]


class _Trial:
    """Runs a model on noise of several sizes.

    Attributes:
        error: why it failed at the first of them, in one line.
    """

    def __init__(self, taken: PictureInput, run: Run) -> None:
        self._taken, self._run = taken, run
        self.error = ""

    def best(self, sizes: Iterator[tuple[int, int, int]]) -> _Good | None:
        """Return the first multiple and size whose pictures can be cut out again, or that runs."""
        runs: _Good | None = None
        for multiple, height, width in sizes:
            made = self._made(self._taken.batch or 1, height, width)
            if made is None:
                continue
            good = _Good(multiple, height, width, made)
            if all(self._fits(output, height, width) for output in made):
                return good
            runs = runs or good
        return runs

    def axes(self, good: _Good, outputs: tuple[Field, ...]) -> tuple[int | None, ...]:
        """Return the dimension of each output that grows with the mini-batch; None if none does."""
        two = self._made(2, good.height, good.width)
        if two is None:
            return tuple(0 if each.shape[:1] == (1,) else None for each in outputs)
        pairs = zip(good.made, two, strict=True)
        return tuple(_grown(np.shape(one), np.shape(other)) for one, other in pairs)

    def _made(self, count: int, height: int, width: int) -> list[Any] | None:
        taken = self._taken
        shape = [count, taken.channels, height, width]
        if taken.last:
            shape = [count, height, width, taken.channels]
        noise: NDArray[Any] = np.random.default_rng(0).random(shape)
        if taken.field.kind in WHOLE.values():
            noise *= 255
        try:
            return self._run({taken.field.name: noise.astype(taken.field.kind)})
        except Exception as error:  # noqa: BLE001 (ONNX Runtime's errors share no base but this)
            self.error = self.error or " ".join(str(error).split())
            return None

    def _fits(self, output: Any, height: int, width: int) -> bool:
        """Return whether an output has the input's size times or over a whole number, if any."""
        if getattr(output, "dtype", None) not in (np.float32, np.float16, np.float64, np.uint8):
            return True
        made = as_pictures(torch.from_numpy(output), height, width, last=self._taken.last)
        if made is None:
            return True
        pairs = zip(made.shape[2:], (height, width), strict=True)
        return all(lcm(a, b) in (a, b) for a, b in pairs)


def _grown(one: tuple[int, ...], two: tuple[int, ...]) -> int | None:
    """Return the only dimension that differs, if it is 1 and 2."""
    if len(one) != len(two):
        return None
    changed = [n for n, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
    grown = len(changed) == 1 and (one[changed[0]], two[changed[0]]) == (1, 2)
    return changed[0] if grown else None
