"""Style transfer with any painting, in one forward pass."""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from impasto.errors import BadInput
from impasto.scorers import weights
from impasto.scorers.base import Scorer
from impasto.scorers.memory import keep_freed_memory
from impasto.scorers.moved import SQUARE, UNMOVED, mean_of_moves
from impasto.scorers.pictures import pad_to_fit, resize
from impasto.scorers.style import strips
from impasto.scorers.style.fast import FastTransformer, fast_dtype
from impasto.scorers.style.network import Predictor
from impasto.scorers.style.params import WEIGHTS_SHA256

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from impasto.scorers.base import Inputs
    from impasto.scorers.style.params import StyleParams

STYLE_SIZE = 256
USUAL_PIXELS = 1280 * 720
"""Pixels of a picture on which strokes of the network's own size look right."""
LOOK = 2
"""How pictures are painted; what a job prepared says which look it began with, and it keeps that.
1, of jobs that say nothing: as in the paper. 2: with a border, and a smooth second upsampling."""


class StyleScorer(Scorer):
    """Repaint pictures of any size in the style of a painting.

    With strength s, the style vector is (1 - s) * own + s * painting, where own is that of the
    source's first picture, and the output is source + m * (repainted - source), m = s * (2 - s).
    The network repaints even with a picture's own vector, hence the mix: 0 is exactly the source
    and 1 exactly the repainted picture; m runs ahead of s, so that in between the style vector does
    most of the work and little of the source shows through.

    Attributes:
        batch: the preferred mini-batch. Pictures are painted one at a time on every device, so that
            none depends on its neighbours; on CUDA a mini-batch saves transfers.
    """

    pure = True

    def __init__(
        self, params: StyleParams, prepared: dict[str, Any], inputs: Inputs, device: str
    ) -> None:
        """Load the transformer for the prepared style; raises what `weights.load` does."""
        self.params, self.device = params, torch.device(device)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.batch = 8 if self.device.type == "cuda" else 1
        style = torch.tensor(prepared["style"], dtype=torch.float32)
        fades = prepared.get("fades", [])
        if fades and not inputs.consecutive:
            raise BadInput(
                "`fade`: needs the times of a video, which the source is not", "leave it out"
            )
        self.timed, self.pure = bool(fades), not fades
        self._times = [0.0, *(at for at, _ in fades)]
        self._styles = [style, *(torch.tensor(each) for _, each in fades)]
        tensors = _weights(params, inputs, "transformer")
        self._bordered = prepared.get("look", 1) >= 2
        # Frames that are carried along have no use for half of the weave.
        self.still = self._bordered and (params.finish == "fine" or inputs.carried)
        smooth = self._bordered and not self.still
        with torch.inference_mode():
            self.network = FastTransformer(
                tensors, style, self.device, fast_dtype(self.device), smooth=smooth
            )

    @classmethod
    def prepare(cls, params: StyleParams, inputs: Inputs) -> dict[str, Any]:
        """Predict the style vector: ``{"style": 100 floats}``, each exactly a float32.

        With it is the look of new jobs, so that a job that is resumed keeps its own.

        Raises:
            BadInput: the painting, the source's first picture or the weights cannot be read.
            Unavailable: a store did not answer.
        """
        with torch.device("meta"):
            predictor = Predictor()
        predictor.load_state_dict(_weights(params, inputs, "predictor"), assign=True)
        with torch.inference_mode():
            style = predictor(square(inputs.image(params.style)))
            fades = [
                (float(at), predictor(square(inputs.image(url)))) for at, url in params.fade.items()
            ]
            style = style * (1 - sum(params.mix.values()))
            # Not in the order in which they are given, which does not matter.
            for url, share in sorted(params.mix.items(), key=lambda each: each[1]):
                style += share * predictor(square(inputs.image(url)))
            if params.strength < 1:
                own = predictor(square(inputs.sample()))
                style = torch.lerp(own, style, params.strength)
                fades = [(at, torch.lerp(own, each, params.strength)) for at, each in fades]
        found = {"style": style[0].tolist(), "look": LOOK}
        if fades:
            found["fades"] = [[at, each[0].tolist()] for at, each in sorted(fades)]
        return found

    def score(self, batch: Tensor) -> Tensor:
        """Repaint RGB pictures: float32 in [0, 1], (N, 3, H, W), any size, to the same."""
        return self.score_at(batch, [0.0] * len(batch))

    def score_at(self, batch: Tensor, seconds: Sequence[float]) -> Tensor:
        """Repaint frames of a video, shown at these seconds, as `score` does."""
        if self.params.strength == 0:
            return batch
        with torch.inference_mode():
            painted = [
                self._paint(picture[None], self._network_at(at))
                for picture, at in zip(batch, seconds, strict=True)
            ]
            return painted[0] if len(painted) == 1 else torch.cat(painted)

    def _network_at(self, seconds: float) -> FastTransformer:
        """Return the network for what the style is at a time."""
        if not self.timed:
            return self.network
        n = min(bisect_right(self._times, seconds), len(self._times) - 1)
        since, until = self._times[n - 1], self._times[n]
        share = min((seconds - since) / (until - since), 1.0)
        return self.network.restyled(torch.lerp(self._styles[n - 1], self._styles[n], share))

    def _paint(self, source: Tensor, network: FastTransformer) -> Tensor:
        """Repaint one picture as the parameters ask: (1, 3, H, W) in [0, 1], to the same."""
        picture = source.to(self.device)
        height, width = picture.shape[2:]
        scale = self._scale(height, width)
        size = (max(1, round(height / scale)), max(1, round(width / scale)))
        result = resize(self._repaint(resize(picture, size), network), (height, width))
        if self.params.preserve_colour:
            result = with_luma_of(result, picture)
        if (strength := self.params.strength) < 1:
            result = torch.lerp(picture, result, strength * (2 - strength))
        return result.to(source.device)

    def _scale(self, height: int, width: int) -> float:
        """Return the factor by which a picture is reduced before it is painted."""
        scale = self.params.style_scale
        if scale != "auto":
            return scale
        suited = math.sqrt(height * width / USUAL_PIXELS)
        return min(max(suited, 0.25), 8.0)

    def _repaint(self, picture: Tensor, network: FastTransformer) -> Tensor:
        """Run a network on one picture of any size: (1, 3, H, W) in [0, 1], to the same."""
        if self._bordered:
            moves = SQUARE if self.still else UNMOVED
            run = partial(_in_parts, network)
            return mean_of_moves(picture, run, moves=moves, multiple=4)
        height, width = picture.shape[2:]
        return network(pad_to_fit(picture))[:, :, :height, :width]


def _in_parts(network: FastTransformer, picture: Tensor) -> Tensor:
    """Run a network on one picture that fits it, in strips if it is large."""
    if picture.shape[2] * picture.shape[3] < strips.LEAST:
        return network(picture)
    return strips.paint(network, picture)


def square(picture: NDArray[np.uint8]) -> Tensor:
    """Crop a picture's centre to a square and resize it for the predictor.

    Args:
        picture: RGB, uint8 (H, W, 3).

    Returns:
        RGB in [0, 1], float32 (1, 3, 256, 256).
    """
    import numpy as np
    from PIL import Image

    image = Image.fromarray(picture)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    image = image.resize((STYLE_SIZE, STYLE_SIZE), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def with_luma_of(result: Tensor, source: Tensor) -> Tensor:
    """Move the source's colours to the result's luma (BT.709): differences between channels stay.

    Args:
        result: the picture whose luma is taken, RGB in [0, 1], (N, 3, H, W).
        source: the picture whose colours are kept, of the same shape.

    Returns:
        RGB in [0, 1], (N, 3, H, W).
    """
    weights_709 = source.new_tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)
    change = ((result - source) * weights_709).sum(1, keepdim=True)
    return (source + change).clamp_(0, 1)


def load_weights(part: str) -> dict[str, Tensor]:
    """Load the float32 tensors of ``predictor`` or ``transformer``, named as in `network`.

    Raises what `weights.load` does.
    """
    return weights.load("style.safetensors", WEIGHTS_SHA256, part)


def _weights(params: StyleParams, inputs: Inputs, part: str) -> dict[str, Tensor]:
    """Load the user's weights if there are any, else those of the package, as `load_weights`."""
    if params.weights is None:
        return load_weights(part)
    content = inputs.trusted(params.weights)
    return weights.parse(content, part, params.weights)
