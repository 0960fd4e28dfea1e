"""Score with an ONNX model: pictures to pictures, pictures to vectors, or rows to vectors.

What the model takes is read from its inputs (`signature`). The range of a picture's values
cannot be, so it is assumed, reported, and doubted where the results contradict it (`values`).
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from impasto.errors import BadInput
from impasto.scorers.base import Scorer, Scores
from impasto.scorers.fitting import Fit
from impasto.scorers.onnx import signature
from impasto.scorers.onnx.session import open_session
from impasto.scorers.onnx.signature import PictureInput
from impasto.scorers.results import plain
from impasto.scorers.values import Values, as_pictures, grey

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from impasto.scorers.base import Inputs, Record
    from impasto.scorers.fitting import Made
    from impasto.scorers.onnx.params import OnnxParams


class OnnxScorer(Scorer):
    """Run an ONNX model on the CPU or a CUDA device, one thread per mini-batch.

    A model with one input of rank 4 takes pictures. One output that looks like pictures
    (`values.as_pictures`) makes pictures; anything else makes one record per picture: ``{"output":
    [...]}``, or a value for each of several outputs. Pictures are fitted to a model of one size by
    resizing or by tiles (`fitting`). A model with an input (N, features), or with one (N, 1) per
    column, takes rows and makes one record per row.
    """

    resizes = True

    def __init__(
        self, params: OnnxParams, prepared: dict[str, Any], inputs: Inputs, device: torch.device
    ) -> None:
        """Load the model.

        Raises:
            BadInput: it is not an ONNX model, keeps weights in other files, has inputs of no
                supported form, or ONNX Runtime is missing.
            Unavailable: the store, or ONNX Runtime's CUDA, does not answer.
        """
        self._params, self._alive = params, inputs.alive
        self._name = PurePosixPath(params.model).name
        content = inputs.trusted(params.model)
        self._session = open_session(self._name, content, device)
        self._taken = signature.read(
            self._name, signature.fields(self._session.get_inputs()), params
        )
        self._outputs = signature.fields(self._session.get_outputs())
        self.batch = self._taken.batch
        if isinstance(self._taken, PictureInput):
            self._values = self._ranges(self._taken)
            tiled = params.fit == "tile"
            self._fit = Fit(self._taken.size, self._taken.batch, tiled)
        self.notes = (self._note(),)

    def score(self, batch: Tensor | pd.DataFrame) -> Scores:
        """Score RGB pictures, float32 in [0, 1], (N, 3, H, W), or a data frame of N rows.

        Raises:
            BadInput: the model takes the other kind, or other columns.
            ValueError: the output contradicts the assumed range, cannot be divided among the items,
                or cannot be tiled.
            MemoryError: the mini-batch does not fit on the device.
            torch.AcceleratorError: the device is broken.
        """
        pictures = isinstance(batch, Tensor)
        if pictures != isinstance(self._taken, PictureInput):
            wants, gets = ("rows", "pictures") if pictures else ("pictures", "rows")
            raise BadInput(f"{self._name}: takes {wants}, not {gets}", f"set `items={wants}`")
        if not isinstance(batch, Tensor):
            return Scores(records=[[record] for record in self._rows(batch)])
        with torch.inference_mode():
            made = self._fit(batch, self._pictures)
            if isinstance(made, Tensor):
                return Scores(pictures=self._values.settle(made, batch))
        return Scores(records=[[record] for record in made])

    def _pictures(self, pictures: Tensor) -> Made:
        """Run the model on RGB in [0, 1], (N, 3, H, W), of the size and number that it takes.

        Returns:
            Pictures in [0, 1], not clamped, (N, 1 or 3, H', W'); or N records.
        """
        self._alive()
        taken = self._taken
        assert isinstance(taken, PictureInput)
        outputs = self._run({taken.field.name: self._encode(pictures, taken)})
        if len(outputs) == 1 and isinstance(outputs[0], np.ndarray):
            made = self._decode(outputs[0], pictures, taken)
            if made is not None:
                return made
        return self._records(outputs, len(pictures))

    def _encode(self, pictures: Tensor, taken: PictureInput) -> Any:
        """Turn RGB in [0, 1], (N, 3, H, W), into an array as the model takes it.

        Returns:
            (N, C, H, W), or (N, H, W, C) where colours come last.
        """
        values = self._values.encode(grey(pictures) if taken.channels == 1 else pictures)
        if self._params.channels == "bgr":
            values = values.flip(1)
        if taken.last:
            values = values.permute(0, 2, 3, 1)
        if taken.field.kind == "uint8":
            values = values.round().clamp(0, 255)
        return values.to(getattr(torch, taken.field.kind)).contiguous().cpu().numpy()

    def _decode(self, output: Any, source: Tensor, taken: PictureInput) -> Tensor | None:
        """Turn the model's output into pictures, if it looks like them.

        Args:
            output: an array of any shape.
            source: what went in, (N, 3, H, W).
            taken: the model's input.

        Returns:
            RGB or grey in [0, 1], not clamped, (N, 1 or 3, H', W'); or None.
        """
        if output.dtype.name not in signature.PIXELS.values():
            return None
        height, width = source.shape[2:]
        made = as_pictures(torch.from_numpy(output), height, width, last=taken.last)
        if made is None or len(made) != len(source):
            return None
        made = made.to(source.device)
        if self._params.channels == "bgr":
            made = made.flip(1)
        return self._values.decode(made)

    def _rows(self, frame: pd.DataFrame) -> list[Record]:
        from impasto.scorers.onnx import rows

        taken = self._taken
        assert not isinstance(taken, PictureInput)
        records: list[Record] = []
        size = taken.batch or len(frame)
        for start in range(0, len(frame), size):
            some = frame.iloc[start : start + size]
            feed = rows.feed(self._name, taken, some, self._params.columns)
            missing = size - len(some)
            full = {
                name: np.concatenate([array, array[-1:].repeat(missing, axis=0)])
                for name, array in feed.items()
            }
            records += self._records(self._run(full), size)[: len(some)]
        return records

    def _run(self, feed: dict[str, Any]) -> list[Any]:
        try:
            outputs: list[Any] = self._session.run(None, feed)
        except Exception as error:
            message = " ".join(str(error).split())
            if "out of memory" in message or "Failed to allocate memory" in message:
                raise MemoryError(message) from error
            if "CUDA failure" in message:
                raise torch.AcceleratorError(message) from error
            raise
        return outputs

    def _records(self, outputs: list[Any], count: int) -> list[Record]:
        """Divide outputs among the items of a mini-batch; raises ValueError if that cannot be."""
        names = [field.name for field in self._outputs] if len(outputs) > 1 else ["output"]
        columns = [
            self._divided(field, output, count)
            for field, output in zip(self._outputs, outputs, strict=True)
        ]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _divided(self, field: signature.Field, output: Any, count: int) -> Sequence[Any]:
        """Return an output's value for each item, in JSON's types."""
        if self._taken.batch == 1 and field.shape[:1] not in ((), (1,)):
            return [plain(output)]
        if not hasattr(output, "__len__") or np.ndim(output) == 0 or len(output) != count:
            shape = np.shape(output)
            raise ValueError(
                f"output {field.name!r} has shape {shape} for {count} items, so it cannot be "
                "divided among them; export the model with a batch of 1"
            )
        if isinstance(output, np.ndarray) and field.shape[1:] == (1,):
            output = output.reshape(count)
        return [plain(value) for value in output]

    def _ranges(self, taken: PictureInput) -> Values:
        params = self._params
        if taken.field.kind == "uint8":
            if params.range not in ("auto", "byte"):
                raise BadInput(
                    f"{self._name}: input {taken.field} takes values 0 to 255", "leave `range` out"
                )
            return Values.of("byte", params.output_range, "byte")
        return Values.of(params.range, params.output_range, None)

    def _note(self) -> str:
        taken = self._taken
        if not isinstance(taken, PictureInput):
            fields = ", ".join(str(field) for field in taken.fields[:8])
            more = len(taken.fields) - 8
            rest = f" and {more} more" if more > 0 else ""
            return f"{self._name}: {'input' if taken.matrix else 'columns'} {fields}{rest}"
        layout = "NHWC" if taken.last else "NCHW"
        colours = {1: "grey", 3: self._params.channels.upper()}[taken.channels]
        height, width = taken.size
        size = "any size"
        if height or width:
            size = f"{width or 'any'} x {height or 'any'} (pictures are {self._params.fit}d)"
        return (
            f"{self._name}: input {taken.field.name!r} {taken.field.kind} {layout} {colours}, "
            f"{size}, {self._values.note()}"
        )
