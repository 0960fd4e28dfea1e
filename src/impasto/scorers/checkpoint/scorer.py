"""Score with a PyTorch model in a file: a checkpoint, TorchScript, torch.export.

A file's form is recognised by its bytes. Only tensors in it are unpickled (``weights_only``).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from impasto.errors import BadInput
from impasto.scorers.base import Scorer, Scores
from impasto.scorers.checkpoint import tiling
from impasto.scorers.checkpoint.file import form, load
from impasto.scorers.checkpoint.tiling import Tiles
from impasto.scorers.fitting import Fit
from impasto.scorers.memory import keep_freed_memory
from impasto.scorers.pictures import lanczos
from impasto.scorers.results import plain
from impasto.scorers.sizes import OutputSize
from impasto.scorers.values import Values, as_pictures, grey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.scorers.base import Inputs, Record
    from impasto.scorers.checkpoint.model import Model
    from impasto.scorers.checkpoint.params import CheckpointParams
    from impasto.scorers.fitting import Made


class CheckpointScorer(Scorer):
    """Run a PyTorch model on pictures, in its own precision.

    One output that looks like pictures (`values.as_pictures`) makes pictures; anything else makes
    one record per picture: ``{"output": [...]}``, or a value for each output of a dictionary or
    tuple (``output0``, ``output1`` and so on). Pictures are resized to the size that an exported
    program is fixed to, and what comes out is resized back. Large ones are cut into tiles for the
    networks that spandrel knows, and where the user says so for any model of no fixed size.

    Attributes:
        batch: the preferred mini-batch. A known network gets pictures one at a time; on CUDA its
            mini-batch saves transfers.
    """

    resizes = True

    def __init__(
        self,
        params: CheckpointParams,
        prepared: dict[str, Any],
        inputs: Inputs,
        device: str,
    ) -> None:
        """Load the model; raises what `file.load` does, and `Inputs.trusted`."""
        name = PurePosixPath(params.model).name
        self._alive, self._device = inputs.alive, torch.device(device)
        content, raw = inputs.trusted(params.model), inputs.wants == "arrays"
        self._network = Network(params, content, self._device, raw=raw)
        model = self._network.model
        self._values = self._network.values
        self._singly = model.singly
        # A program, unlike a known network, may remember or throw dice.
        self.pure = model.singly
        self._tiles = Tiles(**prepared["tiles"]) if prepared.get("tiles") else None
        self._fit = Fit(model.size, 1 if self._singly or self._tiles else model.batch)
        self._size = OutputSize.parse(params.output_size) if params.output_size else None
        self._blend = params.blend
        self.batch = model.batch
        if self._singly:
            if self._device.type == "cpu":
                keep_freed_memory()
            self.batch = 8 if self._device.type == "cuda" else 1
        fixed = ", ".join(str(n) for n in model.size if n)
        size = f", pictures are resized ({fixed})" if fixed else ""
        colours = ", grey" if model.channels == 1 else ""
        self.notes = (f"{name}: {model.kind}{colours}, {self._values.note()}{size}",)

    @classmethod
    def prepare(cls, params: CheckpointParams, inputs: Inputs) -> dict[str, Any]:
        """Choose tiles, which all workers share: ``{"tiles": {...}}`` of `Tiles`, or nothing.

        Raises:
            BadInput: what loading does; tiles are wanted of a model of one size, or of no pictures.
        """
        if params.tile == "no" or inputs.wants == "arrays":
            return {}
        content = inputs.trusted(params.model)
        if params.tile == "auto" and form(content) != "weights":
            # What such a file holds is known only to who wrote it.
            return {}
        cuda = torch.cuda.is_available()
        network = Network(params, content, torch.device("cuda:0" if cuda else "cpu"))
        with torch.inference_mode():
            tiles = tiling.choose(network.model, network.pictures, params.tile, _largest(inputs))
        return {"tiles": tiles.fields()} if tiles else {}

    def score(self, batch: Tensor) -> Scores:
        """Score RGB pictures, float32 in [0, 1], (N, 3, H, W), any size.

        Raises:
            BadInput: the model makes records, and the parameters are about pictures.
            ValueError: the output contradicts the assumed range, or cannot be divided among the
                pictures.
            Exception: what the model raises.
        """
        with torch.inference_mode():
            made = self._fit(batch.to(self._device), self._run)
            if isinstance(made, Tensor):
                settled = self._values.settle(made.to(batch.device))
                return Scores(pictures=self._finish(settled, batch))
        if self._size or self._blend < 1:
            raise BadInput("the model makes records", "leave out `output_size` and `blend`")
        return Scores(records=[[record] for record in made])

    def _run(self, pictures: Tensor) -> Made:
        """Run the model, or its tiles, on what `Network.run` takes; returns what it returns."""
        if self._tiles and self._tiles.needed(pictures):
            return self._tiles.apply(pictures, self._once)
        return self._once(pictures)

    def _once(self, pictures: Tensor) -> Made:
        self._alive()
        return self._network.run(pictures)

    def _finish(self, made: Tensor, source: Tensor) -> Tensor:
        """Bring pictures to the size that is wanted and mix in their source.

        Args:
            made: RGB in [0, 1], (N, 3, H', W').
            source: what they were made of, (N, 3, H, W).
        """
        if self._size:
            made = lanczos(made, self._size.of(*source.shape[2:]))
        if self._blend < 1:
            plain_size = (made.shape[2], made.shape[3])
            made = torch.lerp(lanczos(source, plain_size), made, self._blend)
        return made


class Network:
    """A model with the range of its values, on a device.

    Attributes:
        model: the model.
        values: the ranges.
    """

    def __init__(
        self, params: CheckpointParams, content: bytes, device: torch.device, *, raw: bool = False
    ) -> None:
        """Load the model from a file's verified bytes; raises what `file.load` does.

        Args:
            params: the parameters.
            content: the file.
            device: where it runs.
            raw: take nothing that it returns for a picture.
        """
        self.model: Model = load(PurePosixPath(params.model).name, content, device)
        values = Values.of(params.range, params.output_range, self.model.range)
        known = self.model.sure and params.range == params.output_range == "auto"
        self.values = replace(values, checked=False) if known else values
        self._device, self._raw = device, raw

    def run(self, pictures: Tensor) -> Made:
        """Run the model on RGB in [0, 1], (N, 3, H, W), of the size and number that it takes.

        Returns:
            Pictures in [0, 1], not clamped, (N, 1 or 3, H', W'); or N records.
        """
        if self.model.channels == 1:
            pictures = grey(pictures)
        values = self.values.encode(pictures)
        if not self.model.dtype.is_floating_point:
            values = values.round()
        result = self.model.run(values.to(self.model.dtype))
        if isinstance(result, (list, tuple)) and len(result) == 1:
            result = result[0]
        made = None
        if not self._raw:
            made = as_pictures(result, pictures.shape[2], pictures.shape[3])
        if made is not None and len(made) == len(pictures):
            return self.values.decode(made)
        return _records(result, len(pictures))

    def pictures(self, pictures: Tensor) -> Tensor:
        """Do the same for a model whose results are to be put together of tiles.

        Raises:
            BadInput: it makes records, or pictures that are no whole multiple of the size.
        """
        made = self.run(pictures.to(self._device))
        if not isinstance(made, Tensor):
            raise BadInput("the model makes records, of which there are no tiles", "set `tile=no`")
        height, width = pictures.shape[2:]
        high, wide = made.shape[2:]
        if high % height or wide % width or high // height != wide // width:
            raise BadInput(
                f"the model makes {wide}x{high} of {width}x{height}, so tiles do not fit together",
                "set `tile=no`",
            )
        return made


def _largest(inputs: Inputs) -> tuple[int, int] | None:
    """Return the height and width of all pictures, or None where they may differ."""
    if not inputs.consecutive:
        return None
    height, width = inputs.sample().shape[:2]
    return height, width


def _records(result: Any, count: int) -> list[Record]:
    """Divide what a model returns among N pictures; raises ValueError if that is impossible."""
    if isinstance(result, dict):
        outputs = {str(name): value for name, value in result.items()}
    elif isinstance(result, (list, tuple)):
        outputs = {f"output{n}": value for n, value in enumerate(result)}
    else:
        outputs = {"output": result}
    columns = [_divided(name, value, count) for name, value in outputs.items()]
    return [dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True)]


def _divided(name: str, value: Any, count: int) -> Sequence[Any]:
    if not isinstance(value, Tensor) or not value.dim() or len(value) != count:
        shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(
            f"{name} is {shape} for {count} pictures, so it cannot be divided among them; let the "
            "model return tensors with a value for each picture"
        )
    if value.dim() == 2 and value.shape[1] == 1:
        value = value.flatten()
    array = plain(value)
    return [plain(each) for each in array]
