"""The fast form on pictures of 4K and more, in strips, for a third of the memory.

The network's norms need statistics of the whole picture, so tiles that are painted one by one would
differ in tone. Here every layer but the last three is computed whole, at a quarter of the width and
height. The last ones run in strips with as many more rows as they look beyond their own: once for
statistics, which are merged, and again, with these, for the result. So there is no seam: the result
is that of the whole picture, up to rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from impasto.scorers.style.fast import LAST_COLUMNS, LAST_ROWS, FastTransformer, Padded
from impasto.scorers.style.kernels import spread
from impasto.scorers.style.norms import Moments, merged, moments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

ROWS = 256
"""Rows of a strip, a multiple of 4."""
LEAST = 5_000_000
"""Pixels from which pictures are painted in strips."""
BEFORE = 8
"""Rows beyond a strip that the first layers need, at least 7, and a multiple of 4."""
BETWEEN, AFTER = 1, 4
"""Rows beyond a strip that the second upsampling needs of the first's result, and that the last
convolution needs of the second's; `AFTER` is a multiple of 2."""


def paint(net: FastTransformer, image: Tensor, rows: int = ROWS) -> Tensor:
    """Paint one picture as `FastTransformer.__call__` does.

    Args:
        net: the network.
        image: RGB in [0, 1], (1, 3, H, W), H and W multiples of 4.
        rows: rows of a strip, a multiple of 4.

    Returns:
        RGB in [0, 1], (1, 3, H, W).
    """
    made, known = _last(net, _half(net, image, rows), rows)
    net.expand[2][1].squash(made, known)
    return spread(made, LAST_ROWS, LAST_COLUMNS).float()


def _last(net: FastTransformer, half: Tensor, rows: int) -> tuple[Tensor, Moments]:
    """Return the result of the last convolution, wide pixels of 3 channels, and its statistics.

    Args:
        net: the network.
        half: the result of the first upsampling, before its norm, (1, 16, H / 2, W / 2).
        rows: rows of a strip.
    """
    height, width = (2 * side for side in half.shape[2:])
    (_, norm), (kernel, next_norm), _ = net.expand
    known = moments(half, 1)
    factor = norm.factor(known)

    def upsampled(top: int, bottom: int) -> Tensor:
        """Return rows of the second upsampling, (1, 8, bottom - top, W), both even."""
        first, last = max(0, top // 2 - BETWEEN), min(height // 2, bottom // 2 + BETWEEN)
        x = Padded(net, half.shape[1], last - first, width // 2, before=1, after=1)
        norm.rectify(half[:, :, first:last], x.inside, known)
        y = net.upsample(x, net.rescaled(kernel, factor))
        return y[:, :, top - 2 * first : bottom - 2 * first]

    seen = [(b - a, moments(upsampled(a, b), 1)) for a, b in _strips(height, rows)]
    known_next = merged(seen)
    last_factor = next_norm.factor(known_next)
    made = torch.empty(
        (1, height // LAST_ROWS, width // LAST_COLUMNS, 3 * LAST_ROWS * LAST_COLUMNS),
        dtype=net.dtype,
        device=net.device,
    ).permute(0, 3, 1, 2)
    seen = []
    for top, bottom in _strips(height, rows):
        first, last = max(0, top - AFTER), min(height, bottom + AFTER)
        y = upsampled(first, last)
        x = Padded(net, y.shape[1], last - first, width, before=4, after=4)
        next_norm.rectify(y, x.inside, known_next)
        begin = (top - first) // LAST_ROWS
        y = net.last(x, last_factor)[:, :, begin : begin + (bottom - top) // LAST_ROWS]
        seen.append((bottom - top, moments(y, LAST_ROWS * LAST_COLUMNS)))
        made[:, :, top // LAST_ROWS : bottom // LAST_ROWS] = y
    return made, merged(seen)


def _half(net: FastTransformer, image: Tensor, rows: int) -> Tensor:
    """Return the result of the first upsampling, before its norm: (1, 16, H / 2, W / 2)."""
    height, width = image.shape[2:]
    x = Padded(net, net.depth, height // 4, width // 4, before=1, after=1)
    for top, bottom in _strips(height, rows):
        first, last = max(0, top - BEFORE), min(height, bottom + BEFORE)
        part = net.contract(image[:, :, first:last]).inside
        begin = (top - first) // 4
        x.inside[:, :, top // 4 : bottom // 4] = part[:, :, begin : begin + (bottom - top) // 4]
    net.transform(x)
    return net.upsample(x, net.expand[0][0])


def _strips(height: int, rows: int) -> Iterator[tuple[int, int]]:
    """Yield the first row of each strip, and the one after its last."""
    for top in range(0, height, rows):
        yield top, min(height, top + rows)
