"""How near an output is to a painting, and to its source, in the eyes of VGG.

Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016: the
mean squared difference of Gram matrices (style) and of a convolution's values (content). Layers,
sizes and units are those of the scorer ``gatys``.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import torch

from impasto.scorers.gatys import vgg
from impasto.scorers.gatys.layers import parse_layers
from impasto.scorers.gatys.params import GatysParams
from impasto.scorers.gatys.scorer import gram
from impasto.scorers.pictures import resize

if TYPE_CHECKING:
    from torch import Tensor

    from impasto.metrics.footage import Picture
    from impasto.scorers.gatys.layers import Network

SMALLEST = 16
"""Shortest side, in pixels, at which the layers have a value."""


class Eye:
    """Compares pictures by what VGG sees in them. Any number of threads may call it."""

    def __init__(
        self, network: Network, file: IO[bytes], name: str, painting: Picture | None = None
    ) -> None:
        """Load the network.

        Args:
            network: the network.
            file: its weights, verified, as `vgg.parse_weights` takes them.
            name: what the weights are called.
            painting: RGB, (H, W, 3), or None: there is no style to compare with.

        Raises:
            BadInput: the weights are not those of the network, or cannot be read.
        """
        params = GatysParams(style="", network=network)
        self._longest = params.image_size
        self._styles = parse_layers(network, params.style_layers)
        self._contents = parse_layers(network, params.content_layers)
        numbers = {*self._styles, *self._contents} if painting is not None else {*self._contents}
        weights = vgg.parse_weights(network, file, name, max(numbers))
        self._features = vgg.Features(network, weights, [*numbers], torch.device("cpu"))
        self._painting = None if painting is None else _tensor(painting)
        self._aims: tuple[tuple[int, int], dict[int, Tensor]] | None = None

    def look(self, pictures: tuple[Picture, ...]) -> dict[str, tuple[float, ...]]:
        """Compare pictures, (H, W, 3), the first of which is the source's.

        Returns:
            Each one's ``content`` distance to the first, as a share of the mean square of that
            one's values, and if there is a painting its ``style`` distance to it.
        """
        with torch.inference_mode():
            fitted = [self._fitted(_tensor(picture)) for picture in pictures]
            seen = [self._features(picture) for picture in fitted]
            whole = sum(float(seen[0][n].square().mean()) for n in self._contents)
            content = [
                sum(float((each[n] - seen[0][n]).square().mean()) for n in self._contents) / whole
                for each in seen
            ]
            found = {"content": tuple(content)}
            if self._painting is not None:
                aims = self._aim(self._painting, (fitted[0].shape[2], fitted[0].shape[3]))
                found["style"] = tuple(
                    sum(float((gram(each[n]) - aims[n]).square().mean()) for n in self._styles)
                    for each in seen
                )
        return found

    def _aim(self, painting: Tensor, size: tuple[int, int]) -> dict[int, Tensor]:
        """Return the painting's Gram matrices, with as many pixels as pictures of a size have."""
        if self._aims is None or self._aims[0] != size:
            height, width = painting.shape[2:]
            scale = (size[0] * size[1] / (height * width)) ** 0.5
            sides = (max(SMALLEST, round(height * scale)), max(SMALLEST, round(width * scale)))
            seen = self._features(resize(painting, sides))
            self._aims = (size, {n: gram(seen[n]) for n in self._styles})
        return self._aims[1]

    def _fitted(self, picture: Tensor) -> Tensor:
        height, width = picture.shape[2:]
        scale = min(1.0, self._longest / max(height, width))
        return resize(
            picture, (max(SMALLEST, round(height * scale)), max(SMALLEST, round(width * scale)))
        )


def _tensor(picture: Picture) -> Tensor:
    """Turn (H, W, 3) into (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
