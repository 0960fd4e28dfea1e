"""Tiles of large pictures: how large they may be, and how much more than a tile a network must see.

How far a network looks cannot be read off its weights: the sum of its kernels is an upper bound
that deep ones come nowhere near, and attention has none. So it is measured. Part of a picture is
taken away, and the distance at which the rest of the result no longer changes is what tiles need
around them.
"""

from __future__ import annotations

import math
import os
import threading
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.nn.modules.module import register_module_forward_hook

from impasto.errors import BadInput
from impasto.machine import machine_memory
from impasto.scorers.fitting import Overlap, tile

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.scorers.checkpoint.model import Model
    from impasto.scorers.fitting import Run

SHARE, MOST = 8, 512 << 20
"""The share of memory that one tile may take on each core of a CPU, an eighth, and the most."""
CUDA_SHARE = 4
"""The share of a CUDA device's memory, where two mini-batches are scored at a time: a quarter."""
CHANGE = 1 / 1020
"""Changes in [0, 1] below this, a quarter of a step of 8 bits, do not count."""
PROBES = (128, 256)
"""Sides of the pictures with which the reach is measured, in pixels; the next is for networks that
look further than the one before can show."""
BLENDED = 8
"""Pixels over which neighbouring tiles blend."""
UNBOUNDED = 64
"""The pixels around a tile, and half of those over which it blends, for networks that look further
than the last probe can show."""
LEAST = 64
"""The shortest side of a tile that is chosen, in pixels, without what is around it."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles of pictures, all numbers in pixels of the source.

    Attributes:
        side: a tile's, with what is around it.
        margin: what is around it, on each side.
        blended: what two neighbours share.
        align: of which sides and places are multiples.
    """

    side: int
    margin: int
    blended: int
    align: int

    def fields(self) -> dict[str, int]:
        """Return the fields by name."""
        return asdict(self)

    def needed(self, pictures: Tensor) -> bool:
        """Return whether pictures, (N, 3, H, W), are larger than a tile."""
        return pictures.shape[2] * pictures.shape[3] > self.side**2

    def apply(self, pictures: Tensor, run: Run) -> Tensor:
        """Run a network on tiles of (N, 3, H, W); see `fitting.tile`."""
        height, width = pictures.shape[2:]
        # A picture that is narrow is cut in one direction only, and its tiles are longer.
        high = wide = self.side
        if min(height, width) < self.side:
            short = -(-min(height, width) // self.align) * self.align
            long = max(self.side, self.side**2 // short // self.align * self.align)
            high, wide = (short, long) if height < width else (long, short)
        overlap = Overlap(self.margin, self.blended, self.align)
        return tile(pictures, (high, wide), run, overlap, "tile=no")


def choose(
    model: Model,
    run: Callable[[Tensor], Tensor],
    wanted: str,
    size: tuple[int, int] | None,
) -> Tiles | None:
    """Choose tiles for a model.

    Args:
        model: the model.
        run: runs it on RGB in [0, 1], (N, 3, H, W).
        wanted: ``auto``, or the side of a tile without what is around it, in pixels.
        size: the height and width of all pictures, or None if they differ.

    Returns:
        The tiles, or None where none are needed or the model does better without.

    Raises:
        BadInput: a side is given, and the model takes pictures of one size only.
    """
    if wanted == "auto" and not model.tiles:
        return None
    if any(model.size) or model.batch > 1:
        if wanted == "auto":
            return None
        raise BadInput(f"`tile={wanted}`: the model takes one size only", "leave it out")
    if wanted != "auto":
        margin = reach(run, model.align)
        return _around(int(wanted), margin, model.align)
    side = side_for(run, model.align)
    if size and size[0] * size[1] <= side**2:
        return None
    margin = reach(run, model.align)
    around = _around(LEAST, margin, model.align)
    return replace(around, side=max(side, around.side))


def _around(inner: int, margin: int, align: int) -> Tiles:
    """Return tiles with an inner side, after a reach of 0 for one that is not bounded."""
    blended = BLENDED if margin else UNBOUNDED // 2
    margin = margin or -(-UNBOUNDED // align) * align
    side = -(-(inner + 2 * margin + blended) // align) * align
    return Tiles(side, margin, blended, align)


def reach(run: Callable[[Tensor], Tensor], align: int) -> int:
    """Measure how many pixels around its own a network looks at.

    Args:
        run: the network: (1, 3, H, W) in [0, 1] to (1, C, H and W times a whole number).
        align: of which H and W must be multiples.

    Returns:
        The largest distance in pixels at which a missing part changes the result visibly, and a
        quarter more, rounded up to a multiple of `align`; 0 if it is further than can be shown.
    """
    for side in PROBES:
        side = -(-side // (4 * align)) * 4 * align
        picture = _probe(side)
        whole = run(picture)
        found = max(_changed(run, picture, whole, down=True), _changed(run, picture, whole))
        if found < side // 4 - 4:
            return math.ceil((found * 1.25 + 1) / align) * align
    return 0


def _probe(side: int) -> Tensor:
    """Return a picture of soft shapes under noise, (1, 3, side, side) in [0, 1]."""
    draw = torch.Generator().manual_seed(1)
    soft = F.interpolate(torch.rand(1, 3, 8, 8, generator=draw), (side, side), mode="bicubic")
    sharp = torch.rand(1, 3, side // 4, side // 4, generator=draw).repeat_interleave(4, 2)
    noise = torch.rand(1, 3, side, side, generator=draw)
    picture = 0.5 * soft + 0.3 * sharp.repeat_interleave(4, 3) + 0.2 * noise
    return picture.clamp(0, 1)


def _changed(
    run: Callable[[Tensor], Tensor], picture: Tensor, whole: Tensor, *, down: bool = False
) -> int:
    """Return how far from its edges the middle half of a picture changes, cut out of it.

    Args:
        run: see `reach`.
        picture: (1, C, side, side).
        whole: what the network makes of it.
        down: whether to cut off top and bottom, rather than left and right.

    Returns:
        A number of pixels, side // 4 at most.
    """
    dim, quarter = (2 if down else 3), picture.shape[2] // 4
    scale = whole.shape[2] // picture.shape[2]
    part = run(picture.narrow(dim, quarter, 2 * quarter))
    change = (whole.narrow(dim, quarter * scale, 2 * quarter * scale) - part).abs()
    at = (change.amax([d for d in range(4) if d != dim]) > CHANGE).nonzero().flatten() // scale
    return int(torch.minimum(at, 2 * quarter - 1 - at).max()) + 1 if len(at) else 0


def side_for(run: Callable[[Tensor], Tensor], align: int) -> int:
    """Return the side of the largest square that a network may be given at once, in pixels.

    Args:
        run: the network, on (1, 3, H, W) in [0, 1].
        align: of which the side must be a multiple.
    """
    probe = -(-LEAST // align) * align
    picture = torch.zeros(1, 3, probe, probe)
    device = run(picture).device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run(picture)
        taken = torch.cuda.max_memory_allocated(device) - before
        allowed = torch.cuda.get_device_properties(device).total_memory // CUDA_SHARE
    else:
        taken, allowed = _taken(run, picture), _power_of_two(_allowed_here())
    side = math.isqrt(int(allowed / max(1, taken) * probe * probe))
    return max(1, side // align) * align


def _allowed_here() -> int:
    """Return the bytes that a tile may take on a CPU."""
    return min(MOST, machine_memory() // SHARE // (os.cpu_count() or 1))


def _power_of_two(number: int) -> int:
    """Round down, so that machines of about the same memory choose the same tiles."""
    return 1 << (max(1, number).bit_length() - 1)


def _taken(run: Callable[[Tensor], Tensor], picture: Tensor) -> int:
    """Return about how many bytes a network holds at once: what its largest layer reads and writes.

    Twice that, since others keep what is added or joined later.
    """
    most, thread = 0, threading.get_ident()

    def count(_: object, given: Any, made: Any) -> None:
        nonlocal most
        tensors = [each for each in (*given, made) if isinstance(each, Tensor)]
        if threading.get_ident() == thread:
            most = max(most, sum(each.nbytes for each in tensors))

    hook = register_module_forward_hook(count)
    try:
        run(picture)
    finally:
        hook.remove()
    return 2 * most
