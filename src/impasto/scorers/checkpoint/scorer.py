"""Score with a PyTorch model in a file: a fast-neural-style checkpoint, TorchScript, torch.export.

A file's form is recognised by its bytes. Only tensors in it are unpickled (``weights_only``).
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from impasto.scorers.base import Scorer, Scores
from impasto.scorers.checkpoint.file import load
from impasto.scorers.fitting import Fit
from impasto.scorers.results import plain
from impasto.scorers.values import Values, as_pictures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.scorers.base import Inputs, Record
    from impasto.scorers.checkpoint.params import CheckpointParams
    from impasto.scorers.fitting import Made


class CheckpointScorer(Scorer):
    """Run a PyTorch model on pictures, in its own precision.

    One output that looks like pictures (`values.as_pictures`) makes pictures; anything else makes
    one record per picture: ``{"output": [...]}``, or a value for each output of a dictionary or
    tuple (``output0``, ``output1`` and so on). Pictures are resized to the size that an exported
    program is fixed to, and what comes out is resized back.

    Attributes:
        batch: the preferred mini-batch. The fast-neural-style network paints pictures one at a
            time; on CUDA its mini-batch saves transfers.
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
        content = inputs.trusted(params.model)
        self._alive, self._device = inputs.alive, torch.device(device)
        self._raw = inputs.wants == "arrays"
        self._model = load(name, content, self._device)
        self._values = Values.of(params.range, params.output_range, self._model.range)
        self._singly = self._model.singly
        self._fit = Fit(self._model.size, 1 if self._singly else self._model.batch)
        self.batch = self._model.batch
        if self._singly:
            self.batch = 8 if self._device.type == "cuda" else 1
        fixed = ", ".join(str(n) for n in self._model.size if n)
        size = f", pictures are resized ({fixed})" if fixed else ""
        self.notes = (f"{name}: {self._model.kind}, {self._values.note()}{size}",)

    def score(self, batch: Tensor) -> Scores:
        """Score RGB pictures, float32 in [0, 1], (N, 3, H, W), any size.

        Raises:
            ValueError: the output contradicts the assumed range, or cannot be divided among the
                pictures.
            Exception: what the model raises.
        """
        with torch.inference_mode():
            made = self._fit(batch.to(self._device), self._run)
            if isinstance(made, Tensor):
                return Scores(pictures=self._values.settle(made.to(batch.device)))
        return Scores(records=[[record] for record in made])

    def _run(self, pictures: Tensor) -> Made:
        """Run the model on RGB in [0, 1], (N, 3, H, W), of the size and number that it takes.

        Returns:
            Pictures in [0, 1], not clamped, (N, 1 or 3, H', W'); or N records.
        """
        self._alive()
        values = self._values.encode(pictures)
        if not self._model.dtype.is_floating_point:
            values = values.round()
        result = self._model.run(values.to(self._model.dtype))
        if isinstance(result, (list, tuple)) and len(result) == 1:
            result = result[0]
        made = None
        if not self._raw:
            made = as_pictures(result, pictures.shape[2], pictures.shape[3])
        if made is not None and len(made) == len(pictures):
            return self._values.decode(made)
        return _records(result, len(pictures))


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
