"""Pictures for an ONNX model, and pictures of its output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from impasto.errors import BadInput
from impasto.scorers.base import Scores
from impasto.scorers.detection.draw import draw
from impasto.scorers.fitting import Fit
from impasto.scorers.onnx import signature
from impasto.scorers.onnx.outputs import as_they_are
from impasto.scorers.values import Values, as_pictures, grey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from torch import Tensor

    from impasto.scorers.detection.decode import Detector
    from impasto.scorers.fitting import Made
    from impasto.scorers.onnx.outputs import Outputs
    from impasto.scorers.onnx.params import OnnxParams
    from impasto.scorers.onnx.signature import PictureInput
    from impasto.scorers.onnx.sizes import Found
    from impasto.scorers.placing import Placed

BOXED = {"detect", "segment", "pose", "obb"}
"""Tasks, as ultralytics names them in a file's metadata, of networks trained on letterboxes."""


class Pictures:
    """Feeds RGB pictures to a model and makes pictures or records of what it returns.

    The range of a picture's values cannot be read from the model, so it is assumed, reported, and
    doubted where the results contradict it (`values`). Pictures are fitted to a model of one size
    by resizing or by tiles (`fitting`).
    """

    def __init__(
        self,
        name: str,
        taken: PictureInput,
        params: OnnxParams,
        run: Callable[[dict[str, Any]], list[Any]],
        outputs: Outputs,
        found: Found,
        metadata: Mapping[str, str],
        detector: Detector | None = None,
        *,
        raw: bool = False,
    ) -> None:
        """Bind a model.

        Args:
            name: what to call it in errors.
            taken: its input.
            params: the job's parameters.
            run: runs it on arrays by input.
            outputs: divides its outputs among the items of a mini-batch.
            found: what was found out about its sizes.
            metadata: what its file says of itself.
            detector: finds objects in its outputs; None is a model of another purpose.
            raw: whether what looks like pictures is left as it is.

        Raises:
            BadInput: the parameters contradict the input's type.
        """
        self._taken, self._params = taken, params
        self._run, self._outputs, self._detector = run, outputs, detector
        self._raw = raw
        self._values = _ranges(name, taken, params, detector)
        self._found = found
        self._fit = Fit(
            (taken.size[0] or found.size[0], taken.size[1] or found.size[1]),
            1 if found.singly else taken.batch,
            params.fit == "tile",
            found.multiple,
            _way(params, metadata),
        )

    def note(self) -> str:
        """Say what the model takes, and what was assumed."""
        taken = self._taken
        layout = "NHWC" if taken.last else "NCHW"
        colours = {1: "grey", 3: self._params.channels.upper(), 4: "RGBA (opaque)"}[taken.channels]
        field = taken.field
        singly = ", one by one" if self._found.singly else ""
        return (
            f"input {field.name!r} {field.kind} {layout} {colours}, {self._sizes()}{singly}, "
            f"{self._values.note()}{self._finds()}"
        )

    def _finds(self) -> str:
        """Say what the model finds, and that it can be painted; or that one output can be taken."""
        if self._detector is None:
            names = ", ".join(self._outputs.names)
            return f"; outputs {names} (set `output_name` to take one)" if "," in names else ""
        painted = "" if self._params.draw else " (set `draw` to paint what it finds)"
        return f"; {self._detector.trained.note()}{painted}"

    def _sizes(self) -> str:
        """Say which sizes the model takes, and what becomes of pictures of another."""
        (height, width), fit, found = self._fit.size, self._fit, self._found
        done = {"pad": "padded", "letterbox": "letterboxed", "resize": "resized", "tile": "tiled"}
        done["crop"] = "cropped to their middle"
        way = "tile" if fit.tiled else fit.way
        if height and width:
            way = "resize" if way == "auto" else way
            return f"{width} x {height} (pictures are {done[way]})"
        multiples = ""
        if found.how == "first":
            return "the first picture's size (others may fail; set `size` to what the model takes)"
        if found.multiple > 1:
            how = {"tried": "as trials show", "stated": "as its file says"}.get(found.how, "")
            way = way if way in ("resize", "letterbox") else "pad"
            multiples = f"multiples of {found.multiple} {how}".rstrip()
            multiples += f" (pictures are {done[way]})"
        if height or width:
            size = f"{width or 'any'} x {height or 'any'} (pictures are resized)"
            return f"{size}, {multiples}" if multiples else size
        return multiples or "any size"

    def score(self, batch: Tensor) -> Scores:
        """Score RGB pictures, float32 in [0, 1], (N, 3, H, W).

        Raises:
            ValueError: the output contradicts the assumed range, cannot be divided among the items,
                or cannot be tiled.
        """
        with torch.inference_mode():
            placed = self._fit.place(batch.shape[2], batch.shape[3])
            made = self._fit(batch, lambda pictures: self._made(pictures, placed))
            if isinstance(made, torch.Tensor):
                return Scores(pictures=self._values.settle(made))
            if self._detector is None:
                return Scores(records=made)
            painted = draw(batch, made) if self._params.draw else None
        return Scores(pictures=painted, records=[[each.record() for each in one] for one in made])

    def _made(self, pictures: Tensor, placed: Placed) -> Made:
        """Run the model on RGB in [0, 1], (N, 3, H, W), of the size and number that it takes.

        Returns:
            Pictures in [0, 1], not clamped, (N, 1 or 3, H', W'); or the records of each, or
            what was `Found` in it.
        """
        outputs = self._run({self._taken.field.name: self._encode(pictures)})
        if len(outputs) == 1 and not (self._raw or self._detector):
            made = self._decode(outputs[0], pictures)
            if made is not None:
                return made
        items = self._outputs.items(outputs, len(pictures))
        if self._detector:
            return [self._detector.find(each, placed) for each in items]
        return [as_they_are(each) for each in items]

    def _encode(self, pictures: Tensor) -> np.ndarray[Any, Any]:
        """Turn RGB in [0, 1], (N, 3, H, W), into an array as the model takes it.

        Returns:
            (N, C, H, W), or (N, H, W, C) where colours come last.
        """
        taken = self._taken
        values = self._values.encode(grey(pictures) if taken.channels == 1 else pictures)
        if self._params.channels == "bgr":
            values = values.flip(1)
        if taken.channels == 4:
            opaque = self._values.encode(torch.ones_like(pictures[:, :1]))
            values = torch.cat([values, opaque], 1)
        if taken.last:
            values = values.permute(0, 2, 3, 1)
        if taken.field.kind in signature.WHOLE.values():
            values = values.round().clamp(0, 255)
        array: np.ndarray[Any, Any] = (
            values.to(getattr(torch, taken.field.kind)).contiguous().cpu().numpy()
        )
        return array

    def _decode(self, output: Any, source: Tensor) -> Tensor | None:
        """Turn the model's output into pictures, if it looks like them.

        Args:
            output: an array of any shape, or a sequence.
            source: what went in, (N, 3, H, W).

        Returns:
            RGB or grey in [0, 1], not clamped, (N, 1 or 3, H', W'); or None.
        """
        dtype = getattr(output, "dtype", None)
        if dtype is None or dtype.name not in signature.PIXELS.values():
            return None
        height, width = source.shape[2:]
        last = self._taken.last
        result = torch.from_numpy(output)
        if self._taken.channels == 4 and result.dim() == 4 and result.shape[3 if last else 1] == 4:
            # Of RGBA, the alpha is the source's own.
            result = result[..., :3] if last else result[:, :3]
        made = as_pictures(result, height, width, last=last)
        if made is None or len(made) != len(source):
            return None
        made = made.to(source.device)
        if self._params.channels == "bgr":
            made = made.flip(1)
        return self._values.decode(made)


def _way(params: OnnxParams, metadata: Mapping[str, str]) -> str:
    """Return what is done to pictures of another size; see `Fit`."""
    task = metadata.get("task") if params.task in ("auto", "none") else params.task
    if params.fit == "auto" and task in BOXED:
        return "letterbox"
    if params.fit == "auto" and task == "classify":
        return "crop"
    return "auto" if params.fit == "tile" else params.fit


def _ranges(
    name: str, taken: PictureInput, params: OnnxParams, detector: Detector | None
) -> Values:
    if taken.field.kind in signature.WHOLE.values():
        if params.range not in ("auto", "byte"):
            raise BadInput(
                f"{name}: input {taken.field} takes values 0 to 255", "leave `range` out"
            )
        return Values.of("byte", params.output_range, "byte")
    # Networks with such metadata are all trained on it.
    return Values.of(params.range, params.output_range, "unit" if detector else None)
