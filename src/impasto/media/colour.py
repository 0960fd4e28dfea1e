"""Turn planes of code values into RGB and back, in floating point on the planes' device.

Both directions use the same matrix, range and chroma positions, so an unchanged picture comes back
as it was. No library scaler is involved, because scalers darken or shift it. Chroma is repeated on
the way in and averaged on the way out (box), which is exact for a repeated sample.

Video without a tag of its range is taken as limited range, as players do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch

from impasto.media.matrix import WEIGHTS, resolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from impasto.media.frame import Layout


@dataclass(frozen=True, slots=True)
class _Coding:
    """The constants of one layout: weights of R, G, B in luma, and spans in code values.

    Attributes:
        red: weight of red.
        green: weight of green.
        blue: weight of blue.
        black: luma code of black.
        luma: luma codes from black to white.
        zero: chroma code of grey.
        chroma: chroma codes from one extreme to the other.
        top: the largest code.
        dtype: the planes' type.
    """

    red: float
    green: float
    blue: float
    black: float
    luma: float
    zero: float
    chroma: float
    top: int
    dtype: torch.dtype


def to_rgb(planes: Sequence[Tensor], layout: Layout) -> Tensor:
    """Turn a batch of planes into RGB.

    Args:
        planes: Y (N, H, W), U and V (N, h, w), or one RGB plane (N, H, W, 3); uint8 or uint16.
        layout: how to read them.

    Returns:
        (N, 3, H, W), float32 in [0, 1], on the planes' device.
    """
    code = _coding(layout)
    if layout.chroma is None:
        return planes[0].permute(0, 3, 1, 2).to(torch.float32).div_(code.top)
    luma = planes[0].to(torch.float32).mul_(1 / code.luma)
    # The offsets of luma and chroma are added to the small chroma planes.
    cb, cr = (p.to(torch.float32).sub_(code.zero).mul_(2 / code.chroma) for p in planes[1:])
    black = code.black / code.luma
    parts = (
        cr * (1 - code.red) - black,
        (cr * (code.red * (code.red - 1) / code.green) - black).add_(
            cb, alpha=code.blue * (code.blue - 1) / code.green
        ),
        cb * (1 - code.blue) - black,
    )
    count, height, width = luma.shape
    rgb = luma.new_empty((count, 3, height, width))
    for channel, part in enumerate(parts):
        _add_spread(luma, part, layout.chroma, rgb[:, channel])
    return rgb.clamp_(0, 1)


def from_rgb(rgb: Tensor, layout: Layout) -> tuple[Tensor, ...]:
    """Turn a batch of RGB pictures into planes; the inverse of ``to_rgb`` for the same layout.

    Args:
        rgb: (N, 3, H, W), floating point; values outside [0, 1] are clamped to legal codes.
        layout: the planes wanted; its size must be the pictures'.

    Returns:
        Y, U, V or one RGB plane, as ``to_rgb`` takes them, rounded to the nearest code.
    """
    code = _coding(layout)
    rgb = rgb.to(torch.float32)
    if layout.chroma is None:
        return (_codes(rgb * code.top + 0.5, code).permute(0, 2, 3, 1).contiguous(),)
    red, green, blue = rgb.unbind(1)
    luma = torch.mul(red, code.red * code.luma).add_(green, alpha=code.green * code.luma)
    luma.add_(blue, alpha=code.blue * code.luma)
    mean = _box(luma, layout.chroma)
    cb = _difference(_box(blue, layout.chroma), mean, code.blue, code, layout.chroma)
    cr = _difference(_box(red, layout.chroma), mean, code.red, code, layout.chroma)
    return _codes(luma.add_(code.black + 0.5), code), _codes(cb, code), _codes(cr, code)


def _difference(
    colour: Tensor, luma: Tensor, weight: float, code: _Coding, chroma: tuple[int, int]
) -> Tensor:
    """Return chroma codes, to be truncated, of sums of a colour (0 to 1) and luma (in codes)."""
    scale = code.chroma / (2 - 2 * weight) / (1 << sum(chroma))
    return (colour * scale).add_(luma, alpha=-scale / code.luma).add_(code.zero + 0.5)


def _codes(values: Tensor, code: _Coding) -> Tensor:
    return values.clamp_(0, code.top).to(code.dtype)


@cache
def _coding(layout: Layout) -> _Coding:
    red, blue = WEIGHTS[resolved(layout)]
    unit, top = 1 << (layout.depth - 8), (1 << layout.depth) - 1
    full = bool(layout.colour.full_range)
    return _Coding(
        red=red,
        green=1 - red - blue,
        blue=blue,
        black=0 if full else 16 * unit,
        luma=top if full else 219 * unit,
        zero=128 * unit,
        chroma=top if full else 224 * unit,
        top=top,
        dtype=torch.uint8 if layout.depth == 8 else torch.uint16,
    )


def _add_spread(luma: Tensor, part: Tensor, chroma: tuple[int, int], out: Tensor) -> None:
    """Write luma (N, H, W) plus a part (N, h, w) repeated to its size into ``out``."""
    across, down = chroma
    for _ in range(across):
        # A complex number of twice the same value is the fastest way to repeat in place.
        part = torch.view_as_real(torch.complex(part, part)).flatten(-2)
    part = part[..., : luma.shape[2]]
    step = 1 << down
    whole = luma.shape[1] // step
    end = whole * step
    rows = (len(luma), whole, step, luma.shape[2])
    torch.add(luma[:, :end].view(rows), part[:, :whole, None], out=out[:, :end].view(rows))
    if end < luma.shape[1]:
        torch.add(luma[:, end:], part[:, whole:], out=out[:, end:])


def _box(plane: Tensor, chroma: tuple[int, int]) -> Tensor:
    """Sum the blocks of a plane (N, H, W); a cut-off block repeats the plane's edge."""
    across, down = chroma
    plane = _filled(_filled(plane, 1, down), 2, across)
    for _ in range(down):
        plane = plane[:, 0::2] + plane[:, 1::2]
    for _ in range(across):
        plane = plane[..., 0::2] + plane[..., 1::2]
    return plane


def _filled(plane: Tensor, axis: int, log: int) -> Tensor:
    """Return the plane with its last line repeated up to a multiple of ``2**log`` lines."""
    missing = -plane.shape[axis] % (1 << log)
    if not missing:
        return plane
    edge = plane.narrow(axis, plane.shape[axis] - 1, 1)
    return torch.cat([plane, *[edge] * missing], axis)
