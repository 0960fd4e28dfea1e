"""Score with an ONNX model: pictures to pictures, pictures to vectors, or rows to vectors.

What the model takes is read from its inputs (`signature`). Pictures need torch (`pictures`); rows
do not, and start much faster without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from impasto.errors import BadInput, meant
from impasto.scorers.base import DeviceLost, Scorer, Scores
from impasto.scorers.onnx import further, signature
from impasto.scorers.onnx.outputs import Outputs, as_they_are
from impasto.scorers.onnx.session import open_session
from impasto.scorers.onnx.signature import PictureInput
from impasto.scorers.results import is_tensor

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from onnxruntime import InferenceSession

    from impasto.scorers.base import Inputs, Record
    from impasto.scorers.detection.decode import Detector
    from impasto.scorers.onnx.params import OnnxParams
    from impasto.scorers.onnx.pictures import Pictures
    from impasto.scorers.onnx.signature import Field, RowInput


_RANDOM = (b"Random", b"Multinomial", b"Bernoulli")
"""Found in the names of the operators whose results differ from call to call."""


class OnnxScorer(Scorer):
    """Run an ONNX model on the CPU or a CUDA device, one thread per mini-batch.

    A model with one input of rank 4 takes pictures. One output that looks like pictures
    (`values.as_pictures`) makes pictures; anything else makes one record per picture: ``{"output":
    [...]}``, or a value for each of several outputs. A model whose file says that it finds objects
    (`detection.trained`) makes a record for each of them, or paints them. A model with an input
    (N, features), or with one (N, 1) per column, takes rows and makes one record per row.
    """

    resizes = True

    def __init__(
        self, params: OnnxParams, prepared: dict[str, Any], inputs: Inputs, device: str
    ) -> None:
        """Load the model.

        Raises:
            BadInput: it is not an ONNX model, its weights are not there, it has inputs of no
                supported form, or ONNX Runtime is missing.
            Unavailable: the store, or ONNX Runtime's CUDA, does not answer.
        """
        self._params, self._alive = params, inputs.alive
        self._name = PurePosixPath(params.model).name
        content = inputs.trusted(params.model)
        data = inputs.trusted(params.data) if params.data else None
        self._session = open_session(self._name, content, device, data)
        self._model = _Model.of(self._name, self._session, params, inputs)
        self._taken = self._model.taken
        self.batch = self._taken.batch
        self.pure = not any(operator in content for operator in _RANDOM)
        self._pictures: Pictures | None = None
        if isinstance(self._taken, PictureInput):
            from impasto.scorers.onnx import pictures, sizes

            found = sizes.Found.of(prepared)
            if found.singly:
                self.batch = 1
            self._outputs = Outputs(self._model.outputs, self.batch, found.axes)
            self._pictures = pictures.Pictures(
                self._name,
                self._taken,
                params,
                self._run,
                self._outputs,
                found,
                self._model.metadata,
                _detector(self._name, self._model.metadata, params, inputs),
                raw=inputs.wants == "arrays",
            )
        else:
            self._outputs = Outputs(self._model.outputs, self.batch)
        self.notes = (self._note(),)

    @classmethod
    def prepare(cls, params: OnnxParams, inputs: Inputs) -> dict[str, Any]:
        """Find out which sizes of pictures the model accepts; see `sizes.find`.

        Raises:
            BadInput: it runs at no size, or has inputs of no supported form.
        """
        name, content = PurePosixPath(params.model).name, inputs.trusted(params.model)
        data = inputs.trusted(params.data) if params.data else None
        try:
            session = open_session(name, content, "cpu", data)
        except BadInput:
            # It may need what the CPU lacks; if not, loading it says what is wrong.
            return {}
        model = _Model.of(name, session, params, inputs)
        if not isinstance(model.taken, PictureInput):
            return {}
        from impasto.scorers.onnx import sizes

        def run(feed: dict[str, Any]) -> list[Any]:
            inputs.alive()
            made: list[Any] = session.run(model.names, feed | model.given)
            return made

        def sample() -> tuple[int, int]:
            height, width, _ = inputs.sample().shape
            return height, width

        found = sizes.find(name, model.taken, model.outputs, params, model.metadata, run, sample)
        return found.state()

    def score(self, batch: torch.Tensor | pd.DataFrame) -> Scores:
        """Score RGB pictures, float32 in [0, 1], (N, 3, H, W), or a data frame of N rows.

        Raises:
            BadInput: the model takes the other kind, or other columns.
            ValueError: the output contradicts the assumed range, cannot be divided among the items,
                or cannot be tiled.
            MemoryError: the mini-batch does not fit on the device.
            DeviceLost: the device is broken.
        """
        if is_tensor(batch):
            if self._pictures is None:
                raise BadInput(
                    f"{self._name}: takes rows, not pictures",
                    "give a table (.csv, .jsonl, .parquet)",
                )
            return self._pictures.score(batch)
        if self._pictures is not None:
            raise BadInput(
                f"{self._name}: takes pictures, not rows",
                "give pictures; a table that lists their paths needs `items=pictures`",
            )
        records, missing = self._rows(batch)
        return Scores(records=[[record] for record in records], missing=missing)

    def _rows(self, frame: pd.DataFrame) -> tuple[list[Record], list[list[str]]]:
        """Return the records of rows, and the columns that each lacks."""
        from impasto.scorers.onnx import rows

        taken = self._taken
        assert not isinstance(taken, PictureInput)
        records: list[Record] = []
        missing: list[list[str]] = []
        size = taken.batch or len(frame)
        for start in range(0, len(frame), size):
            some = frame.iloc[start : start + size]
            feed = rows.feed(self._name, taken, some, self._params.columns)
            missing += rows.missing(taken, some, self._params.columns, feed)
            more = size - len(some)
            full = {
                name: np.concatenate([array, array[-1:].repeat(more, axis=0)])
                for name, array in feed.items()
            }
            made = self._outputs.items(self._run(full), size)[: len(some)]
            records += [record for each in made for record in as_they_are(each)]
        return records, missing

    def _run(self, feed: dict[str, Any]) -> list[Any]:
        self._alive()
        try:
            outputs: list[Any] = self._session.run(self._model.names, feed | self._model.given)
        except Exception as error:
            message = " ".join(str(error).split())
            if "out of memory" in message or "Failed to allocate memory" in message:
                raise MemoryError(message) from error
            if "CUDA failure" in message:
                raise DeviceLost(message) from error
            raise
        return outputs

    def _note(self) -> str:
        if self._pictures:
            return f"{self._name}: {self._pictures.note()}"
        assert not isinstance(self._taken, PictureInput)
        fields = ", ".join(str(field) for field in self._taken.fields[:8])
        more = len(self._taken.fields) - 8
        rest = f" and {more} more" if more > 0 else ""
        return f"{self._name}: {'input' if self._taken.matrix else 'columns'} {fields}{rest}"


@dataclass(frozen=True, slots=True)
class _Model:
    """What a model takes and returns.

    Attributes:
        taken: its inputs that items are for.
        given: the arrays of its other inputs, by name.
        outputs: its outputs that are used.
        metadata: what its file says of itself.
    """

    taken: PictureInput | RowInput
    given: dict[str, Any]
    outputs: tuple[Field, ...]
    metadata: dict[str, str]

    @property
    def names(self) -> list[str]:
        """The names of the outputs."""
        return [field.name for field in self.outputs]

    @classmethod
    def of(cls, name: str, session: InferenceSession, params: OnnxParams, inputs: Inputs) -> Self:
        """Read a model.

        Raises:
            BadInput: its inputs are of no supported form, or the user's values do not fit them.
            Unavailable: the store with a value does not answer.
        """
        fields = signature.fields(session.get_inputs())
        taken, given = further.split(name, fields, params.input)
        outputs = signature.fields(session.get_outputs())
        names = [field.name for field in outputs]
        if params.output_name and params.output_name not in names:
            raise BadInput(
                f"{name}: has no output {params.output_name!r}",
                meant(params.output_name, names) or f"choose from {', '.join(names)}",
            )
        return cls(
            signature.read(name, taken, params),
            further.values(given, params.input, inputs.trusted),
            tuple(each for each in outputs if params.output_name in ("", each.name)),
            session.get_modelmeta().custom_metadata_map,
        )


def _detector(
    name: str, metadata: dict[str, str], params: OnnxParams, inputs: Inputs
) -> Detector | None:
    """Return what reads a detector's outputs; None for other models, or where arrays are wanted.

    Raises:
        BadInput: it is to paint, and finds nothing, or the output holds no pictures.
    """
    from impasto.scorers.detection.decode import Detector
    from impasto.scorers.detection.trained import Trained

    if params.draw and inputs.wants != "pictures":
        raise BadInput(
            "`draw=true`: paints pictures, and the output holds none",
            "leave it out, or choose an output such as .mp4, or a folder",
        )
    trained = Trained.of(metadata, params.task)
    if trained is None:
        if params.draw:
            raise BadInput(
                f"{name}: its file does not say that it finds objects, which `draw=true` paints",
                "set `task` to detect, segment, pose or classify",
            )
        return None
    if inputs.wants == "arrays":
        return None
    return Detector(name, trained, params.threshold, params.iou)
