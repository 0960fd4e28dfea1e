"""Style transfer by optimisation: a picture with one's content and another's statistics.

Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016. The
loss of a picture x is

    style_weight * sum_l mean((gram_l(x) - gram_l(style))^2)
        + content_weight * sum_l mean((features_l(x) - features_l(content))^2)

where features_l are the values of a convolution of VGG before its ReLU, C channels of H x W, and
gram_l = F F^T / (C H W) with F of C rows. It is minimised over x in [0, 1] by L-BFGS. Unlike in the
paper, the start is not the content but the output of a network trained for one pass, with the
painting's moments; and for a video's next frame, the last one's result carried along by the motion.
"""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from impasto.scorers.base import Scorer, Scores
from impasto.scorers.gatys import moments, vgg
from impasto.scorers.gatys.download import official
from impasto.scorers.gatys.layers import parse_layers
from impasto.scorers.gatys.lbfgs import Points, minimise
from impasto.scorers.pictures import resize
from impasto.scorers.style.params import StyleParams
from impasto.scorers.style.scorer import StyleScorer
from impasto.scorers.temporal.flow import Flow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from impasto.scorers.base import Inputs, Record
    from impasto.scorers.gatys.params import GatysParams

SMALLEST = 16
"""Shortest side, in pixels, at which VGG's last convolutions still have a value."""


class Objective:
    """The loss of pictures against their contents and one painting."""

    def __init__(
        self,
        features: vgg.Features,
        params: GatysParams,
        grams: dict[int, Tensor],
        contents: Tensor,
    ) -> None:
        """Compute what the pictures are compared with.

        Args:
            features: of the network.
            params: the layers and weights of the loss.
            grams: the painting's, (1, C, C), by layer.
            contents: RGB in [0, 1], (N, 3, H, W).
        """
        self._features, self._params, self._grams = features, params, grams
        layers = parse_layers(params.network, params.content_layers)
        with torch.no_grad():
            values = features(contents)
        self._values = {layer: values[layer] for layer in layers}

    def __call__(self, pictures: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluate; see `lbfgs.Objective`.

        Args:
            pictures: (K, 3, H, W).
            numbers: the place of each one's content, (K,).

        Returns:
            The style's and the content's part of each loss, weighted, (K, 2), and the gradient,
            (K, 3, H, W).
        """
        with torch.enable_grad():
            pictures = pictures.detach().requires_grad_()
            found = self._features(pictures)
            style = sum(_distance(gram(found[n]), aim) for n, aim in self._grams.items())
            content = sum(_distance(found[n], aim[numbers]) for n, aim in self._values.items())
            weights = pictures.new_tensor([self._params.style_weight, self._params.content_weight])
            parts = torch.stack([torch.as_tensor(style), torch.as_tensor(content)], 1) * weights
            (gradient,) = torch.autograd.grad(parts.sum(), pictures)
        return parts.detach(), gradient


class GatysScorer(Scorer):
    """Repaint pictures by optimisation.

    Attributes:
        batch: on CUDA several pictures are optimised side by side, independently of each other.
        serial: a video's frames start from the result of the frame before.
    """

    serial = True

    def __init__(
        self, params: GatysParams, prepared: dict[str, Any], inputs: Inputs, device: str
    ) -> None:
        """Load the network.

        Raises:
            BadInput: the weights or the painting are wrong, or a package is missing.
            Unavailable: the weights cannot be fetched.
        """
        self._params, self._inputs, self._device = params, inputs, torch.device(device)
        self.batch = 4 if self._device.type == "cuda" else 1
        styles = parse_layers(params.network, params.style_layers)
        numbers = styles + parse_layers(params.network, params.content_layers)
        self._styles = styles
        with _weights(params, inputs) as (file, name):
            weights = vgg.parse_weights(params.network, file, name, max(numbers))
        self._features = vgg.Features(params.network, weights, numbers, self._device)
        painting = torch.tensor(inputs.image(params.style)).permute(2, 0, 1)[None]
        self._painting = painting.to(self._device).float() / 255
        self._small = self._painting
        self._grams: dict[int, Tensor] = {}
        self._size = (0, 0)
        self._first = None
        if params.init != "content":
            self._first = StyleScorer(_feed_forward(params), prepared, inputs, device)
        following = params.init == "auto" and inputs.consecutive
        self._flow = Flow() if following else None
        self.restart()

    @classmethod
    def prepare(cls, params: GatysParams, inputs: Inputs) -> dict[str, Any]:
        """Predict the style vector for the start, and make sure that the weights are available.

        Raises:
            BadInput: the painting or the weights cannot be read.
            Unavailable: a store did not answer, or the weights cannot be fetched.
        """
        with _weights(params, inputs):
            pass
        if params.init == "content":
            return {}
        # Without the look, since what it starts from is as it has always been.
        return {"style": StyleScorer.prepare(_feed_forward(params), inputs)["style"]}

    def restart(self) -> None:
        """Forget the previous frame."""
        self._last: tuple[Tensor, Tensor] | None = None
        self._usual = 0.0

    def score(self, batch: Tensor) -> Scores:
        """Repaint RGB pictures, float32 in [0, 1], (N, 3, H, W).

        Returns:
            The pictures, (N, 3, H, W), and for each the evaluations made (``steps``), the weighted
            ``style_loss`` and ``content_loss``, and ``losses``, the smallest so far after each.
        """
        # Gradients need tensors that track them, and the caller disables tracking.
        with torch.inference_mode(mode=False), torch.no_grad():
            contents = self._at_size(batch.to(self._device).clone())
            objective = Objective(self._features, self._params, self._aims(contents), contents)
            start = self._start(contents, objective)
            params, alive = self._params, self._inputs.alive
            found = minimise(objective, start, params.num_steps, params.tolerance, alive)
            if self._flow:
                self._last = (contents[-1:], found.pictures[-1:])
            pictures = resize(found.pictures, (batch.shape[2], batch.shape[3]))
        return Scores(pictures=pictures.to(batch.device), facts=_facts(found))

    def _start(self, contents: Tensor, objective: Objective) -> Points:
        """Choose where to start each picture of the contents, (N, 3, H, W).

        A start carried over from the previous frame is compared with the feed-forward one only when
        its loss is larger than that one's was, so that most frames are spared the evaluation.
        """
        if self._first is None:
            return Points.of(objective, contents)
        painted = [self._first.score(picture[None]) for picture in contents]
        first = torch.cat([moments.match(picture, self._small) for picture in painted])
        carried = self._carried(contents, first)
        if carried is None:
            start = Points.of(objective, first)
            self._usual = min(curve[-1] for curve in start.losses)
            return start
        start = Points.of(objective, carried)
        poor = [n for n, curve in enumerate(start.losses) if not curve[-1] < self._usual]
        start.or_else(objective, first, poor if self._params.num_steps > 1 else [])
        return start

    def _carried(self, contents: Tensor, first: Tensor) -> Tensor | None:
        """Move the last result to each picture.

        Args:
            contents: RGB in [0, 1], (N, 3, H, W).
            first: the feed-forward pictures, of the same shape; they replace the result where the
                motion is not to be believed.

        Returns:
            (N, 3, H, W), or None where there is no last result of this size.
        """
        last = self._last
        if self._flow is None or last is None or last[0].shape[2:] != contents.shape[2:]:
            return None
        carried = []
        for content, painted in zip(contents[:, None], first[:, None], strict=True):
            moved, belief = self._flow.follow(last[0], content, last[1])
            carried.append(torch.where(belief, moved, painted))
        return torch.cat(carried)

    def _aims(self, contents: Tensor) -> dict[int, Tensor]:
        """Return the Gram matrices of the painting, (1, C, C), by layer.

        It is scaled to as many pixels as each of the contents, (N, 3, H, W), has.
        """
        size = (contents.shape[2], contents.shape[3])
        if self._size != size:
            height, width = self._painting.shape[2:]
            scale = (size[0] * size[1] / (height * width)) ** 0.5
            wanted = (max(SMALLEST, round(height * scale)), max(SMALLEST, round(width * scale)))
            self._small = resize(self._painting, wanted)
            found = self._features(self._small)
            self._grams = {layer: gram(found[layer]) for layer in self._styles}
            self._size = size
        return self._grams

    def _at_size(self, pictures: Tensor) -> Tensor:
        """Resize (N, 3, H, W) to the size at which pictures are optimised, (N, 3, H', W')."""
        height, width = pictures.shape[2:]
        scale = self._params.image_size / max(height, width) or 1.0
        return resize(
            pictures,
            (max(SMALLEST, round(height * scale)), max(SMALLEST, round(width * scale))),
        )


def gram(values: Tensor) -> Tensor:
    """Return correlations of channels: (N, C, H, W) to (N, C, C), divided by C * H * W."""
    flat = values.flatten(2)
    return flat @ flat.mT / flat[0].numel()


def _distance(found: Tensor, aim: Tensor) -> Tensor:
    """Return the mean squared difference, (N,), of (N, ...) and what broadcasts to it."""
    return (found - aim).square().flatten(1).mean(1)


def _feed_forward(params: GatysParams) -> StyleParams:
    return StyleParams(style=params.style)


@contextmanager
def _weights(params: GatysParams, inputs: Inputs) -> Iterator[tuple[IO[bytes], str]]:
    """Open the network's weights, verified: the user's if there are any, else torchvision's."""
    if params.weights is None:
        with official(params.network, inputs.alive) as file:
            yield file, file.name
    else:
        content = inputs.trusted(params.weights)
        yield BytesIO(content), params.weights


def _facts(found: Points) -> list[Record]:
    return [
        {
            "steps": len(losses),
            "style_loss": _rounded(style),
            "content_loss": _rounded(content),
            "losses": [_rounded(loss) for loss in losses],
        }
        for (style, content), losses in zip(found.parts.tolist(), found.losses, strict=True)
    ]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
