"""Instance norms of a constant style, which cost no pass of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from impasto.scorers.style.kernels import gather

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EPSILON = 1e-5


class Moments(NamedTuple):
    """Statistics of each channel over a picture, float32 (C,) each.

    Attributes:
        mean: the mean.
        variance: the variance, of the population.
    """

    mean: Tensor
    variance: Tensor

    @property
    def deviation(self) -> Tensor:
        """What the norm divides by, float32 (C,)."""
        return (self.variance + EPSILON).sqrt()


class StyleNorm:
    """Instance norm with one style's scale and shift, (C,) each, and what follows it."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        # A channel with a scale of 0 would be constant; `rectify` divides by it.
        self.scale = torch.where(scale.abs() < EPSILON, EPSILON, scale)
        self.shift = shift
        self.ratio = shift / self.scale
        self.rising = self.scale > 0

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], name: str, style: Tensor) -> StyleNorm:
        """Evaluate the norm of a layer for a style vector, (100,).

        Args:
            tensors: ``<name>.scale.weight``, (C, 100), its ``bias``, (C,), and the ``shift``'s.
            name: the layer.
            style: the style vector.
        """
        scale, shift = (
            F.linear(style, tensors[f"{name}.{part}.weight"], tensors[f"{name}.{part}.bias"])
            for part in ("scale", "shift")
        )
        return cls(scale, shift)

    def rectify(self, x: Tensor, out: Tensor, known: Moments | None = None) -> Tensor:
        """Apply norm and ReLU, up to a factor and a constant per channel, in one pass.

        With the norm written as a * x + b, relu(a * x + b) - b = a * z, where z is x kept above
        -b / a, or below it where a is negative. Writes z; the next convolution's weights take up
        a, and its norm would remove b.

        Args:
            x: channels_last, (1, C, H, W).
            out: where z goes, of the same shape.
            known: the statistics, where x is only a part of the picture.

        Returns:
            The factor a of each channel, float32 (C,).
        """
        repeats = max(1, 32 // x.shape[1])
        found = known or moments(gather(x, repeats), repeats)
        mean, deviation = found.mean, found.deviation
        knee = mean - self.ratio * deviation
        low = torch.where(self.rising, knee, -torch.inf).repeat(repeats)
        high = torch.where(self.rising, torch.inf, knee).repeat(repeats)
        low, high = per_channel(low, x.dtype), per_channel(high, x.dtype)
        torch.clamp(gather(x, repeats), low, high, out=gather(out, repeats))
        return self.factor(found)

    def factor(self, known: Moments) -> Tensor:
        """Return the factor of each channel, float32 (C,), of pixels with these statistics."""
        return self.scale / known.deviation

    def add_to(self, total: Tensor, x: Tensor) -> None:
        """Add the norm of x, (1, C, H, W), to a total of the same shape."""
        found = moments(x, 1)
        factor = self.scale / found.deviation
        # The constant matters to no later norm, but a centred total rounds less in 16 bits.
        total.add_(per_channel(self.shift - found.mean * factor, x.dtype))
        total.addcmul_(x, per_channel(factor, x.dtype))

    def squash(self, x: Tensor, known: Moments | None = None) -> None:
        """Apply norm and sigmoid to wide pixels, (1, k * C, H, W), in place: values in [0, 1].

        Args:
            x: the pixels.
            known: their statistics.
        """
        repeats = x.shape[1] // len(self.scale)
        found = known or moments(x, repeats)
        factor = self.scale / found.deviation
        constant = per_channel((self.shift - found.mean * factor).repeat(repeats), x.dtype)
        torch.addcmul(constant, x, per_channel(factor.repeat(repeats), x.dtype), out=x).sigmoid_()


def moments(x: Tensor, repeats: int) -> Moments:
    """Return the statistics of wide pixels, (1, repeats * C, H, W), for each of the C channels."""
    # Statistics follow the type of the running ones, which are otherwise unused.
    unused = torch.zeros(2, x.shape[1], device=x.device)
    means, variances = torch.batch_norm_update_stats(x, unused[0], unused[1], 0.0)
    between, mean = torch.var_mean(means.view(repeats, -1), 0, correction=0)
    return Moments(mean, variances.view(repeats, -1).mean(0) + between)


def merged(parts: Sequence[tuple[int, Moments]]) -> Moments:
    """Return the statistics of a picture from those of its strips, each with its rows."""
    rows = torch.tensor([count for count, _ in parts], dtype=torch.float64)
    rows = rows.to(parts[0][1].mean.device)[:, None]
    shares = rows / rows.sum()
    means = torch.stack([part.mean for _, part in parts]).double()
    variances = torch.stack([part.variance for _, part in parts]).double()
    mean = (shares * means).sum(0)
    variance = (shares * (variances + (means - mean).square())).sum(0)
    return Moments(mean.float(), variance.float())


def per_channel(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Shape (C,) to broadcast over (1, C, H, W)."""
    return values.to(dtype).view(1, -1, 1, 1)
