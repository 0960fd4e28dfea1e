"""Pictures and mini-batches of any size, for networks that require a certain one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from impasto.scorers.placing import Placed

Made: TypeAlias = Tensor | Sequence[Any]
"""A network's result for N pictures: N pictures, (N, C, H, W), or N values of any other kind, such
as records."""
Run: TypeAlias = Callable[[Tensor], Made]
CROPPED, BLENDED = 16, 8
"""The share of a tile that is cut off at each edge inside the picture, and the share over which two
neighbours blend: one sixteenth, one eighth."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The way pictures are fitted to a network.

    Where one side is fixed, the other follows it, so that pictures keep their shape.

    Attributes:
        size: the height and width that it requires; None is any.
        batch: how many pictures it requires at once; 0 is any number.
        tiled: whether larger pictures are cut into tiles of its size, rather than resized.
        multiple: the number of which a side of any size must be a multiple.
        way: what is done to pictures of another size: ``pad``, ``letterbox``, ``crop`` or
            ``resize``; ``auto`` resizes to a fixed size and pads to a multiple.
    """

    size: tuple[int | None, int | None] = (None, None)
    batch: int = 0
    tiled: bool = False
    multiple: int = 1
    way: str = "auto"

    def place(self, height: int, width: int) -> Placed:
        """Return where pictures of a size are in the network's input; tiles are placed whole.

        Raises:
            ValueError: they are larger than the size that they are to be padded to.
        """
        source = (height, width)
        high, wide = self.size
        if self.tiled and (high or wide):
            return Placed(source, source, source)
        inner = source
        if high and wide:
            inner = self._inside(source, (high, wide))
        elif (high or wide) and self.way != "pad":
            scale = high / height if high else (wide or width) / width
            inner = high or max(1, round(height * scale)), wide or max(1, round(width * scale))
        outer = high or self._whole(inner[0]), wide or self._whole(inner[1])
        if self.way == "crop":
            corner = round((outer[0] - inner[0]) / 2), round((outer[1] - inner[1]) / 2)
            return Placed(source, inner, outer, corner)
        if inner[0] > outer[0] or inner[1] > outer[1]:
            raise ValueError(
                f"a picture of {width}x{height} is larger than the model's {outer[1]}x{outer[0]}, "
                "so it cannot be padded; set `fit` to letterbox, resize or tile"
            )
        if self.way == "resize":
            inner = outer
        corner = (0, 0)
        if self.way == "letterbox":
            # Rounded as detectors are trained.
            corner = round((outer[0] - inner[0]) / 2 - 0.1), round((outer[1] - inner[1]) / 2 - 0.1)
        return Placed(source, inner, outer, corner, self.way != "letterbox")

    def _whole(self, length: int) -> int:
        return -(-length // self.multiple) * self.multiple

    def _inside(self, source: tuple[int, int], fixed: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width that pictures get within a fixed size."""
        if self.way == "pad":
            return source
        if self.way not in ("letterbox", "crop"):
            return fixed
        scales = [new / old for old, new in zip(source, fixed, strict=True)]
        scale = min(scales) if self.way == "letterbox" else max(scales)
        return max(1, round(source[0] * scale)), max(1, round(source[1] * scale))

    def __call__(self, pictures: Tensor, run: Run) -> Made:
        """Run a network on pictures of any size.

        Args:
            pictures: RGB in [0, 1], (N, 3, H, W).
            run: the network, on pictures in [0, 1] of the size and number that it requires.

        Returns:
            Records; or pictures of H and W times what the network scales by, not clamped.

        Raises:
            ValueError: pictures are to be tiled, and the network returns records or shrinks them;
                or they are to be cropped, and it returns pictures.
        """
        height, width = pictures.shape[2:]
        size = (self.size[0] or height, self.size[1] or width)
        if self.tiled and size != (height, width):
            return tile(pictures, size, lambda tiles: self._batches(tiles, run))
        placed = self.place(height, width)
        made = self._batches(placed.into(pictures), run)
        if isinstance(made, Tensor) and self.way == "crop":
            raise ValueError("the model makes pictures, which cannot be cropped; set `fit=resize`")
        return placed.back(made) if isinstance(made, Tensor) else made

    def _batches(self, pictures: Tensor, run: Run) -> Made:
        """Run the network on (N, C, H, W), as many at once as it requires; returns its results."""
        if self.batch in (0, len(pictures)):
            return run(pictures)
        made = [self._filled(some, run) for some in torch.split(pictures, self.batch)]
        if all(isinstance(some, Tensor) for some in made):
            return torch.cat([some for some in made if isinstance(some, Tensor)])
        return [each for some in made for each in some]

    def _filled(self, pictures: Tensor, run: Run) -> Made:
        """Run the network on (N, C, H, W), the last one repeated to a full batch; N come back."""
        count = len(pictures)
        missing = self.batch - count
        full = torch.cat([pictures, pictures[-1:].expand(missing, -1, -1, -1)])
        return run(full)[:count]


def mirror(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Grow (N, C, H, W) to a size at the right and bottom, mirrored as often as it takes.

    Returns:
        (N, C, *size), or more where H or W are larger already.
    """
    height, width = pictures.shape[2:]
    rows, columns = (
        _reflected(old, max(old, new), pictures.device)
        for old, new in zip((height, width), size, strict=True)
    )
    return pictures[:, :, rows][:, :, :, columns]


def _reflected(old: int, new: int, device: torch.device) -> Tensor:
    """Return the index, 0 to old - 1, of each of so many mirrored rows, int64 (new,)."""
    period = max(1, 2 * (old - 1))
    index = torch.arange(new, device=device) % period
    return torch.minimum(index, period - index).clamp(max=old - 1)


@dataclass(frozen=True, slots=True)
class Overlap:
    """The way tiles meet, in pixels of the source.

    Attributes:
        cropped: what is cut off at each edge inside the picture.
        blended: what two neighbours share and blend linearly, at least 1.
        align: of which the tiles' places are multiples.
    """

    cropped: int
    blended: int
    align: int = 1


def tile(
    pictures: Tensor,
    size: tuple[int, int],
    run: Run,
    overlap: Overlap | None = None,
    otherwise: str = "fit=resize",
) -> Tensor:
    """Run a network on overlapping tiles of pictures, so that no seam shows.

    What is cut off of a tile is where a neighbour is better, being further from its edge. So a
    network that looks no further than that returns exactly what it returns for the whole picture.
    Pictures that are smaller than a tile are mirrored.

    Args:
        pictures: (N, C, H, W).
        size: height and width of a tile, of which `overlap.align` is a divisor.
        run: the network: (N, C, *size) to (N, C', *size times a whole number).
        overlap: how tiles meet; otherwise a sixteenth of a tile is cut off, and an eighth blended.
        otherwise: the parameter that does without tiles, for errors.

    Returns:
        (N, C', H and W times that number).

    Raises:
        ValueError: the network returns no pictures, or shrinks them.
    """
    height, width = pictures.shape[2:]
    down_overlap, across_overlap = (overlap or _share(side) for side in size)
    align = down_overlap.align
    grown = mirror(pictures, _rounded((max(height, size[0]), max(width, size[1])), align))
    tops = _places(grown.shape[2], size[0], down_overlap)
    lefts = _places(grown.shape[3], size[1], across_overlap)
    whole: Tensor | None = None
    for n, top in enumerate(tops):
        for m, left in enumerate(lefts):
            made = run(grown[:, :, top : top + size[0], left : left + size[1]])
            down, across = _scale(made, size, otherwise)
            assert isinstance(made, Tensor)
            if whole is None:
                high, wide = grown.shape[2] * down, grown.shape[3] * across
                whole = made.new_zeros(len(made), made.shape[1], high, wide)
                rows = _weights(tops, grown.shape[2], size[0], down, made, down_overlap)
                columns = _weights(lefts, grown.shape[3], size[1], across, made, across_overlap)
            y, x = top * down, left * across
            part = whole[:, :, y : y + made.shape[2], x : x + made.shape[3]]
            part.addcmul_(made, rows[n][:, None] * columns[m])
    assert whole is not None
    return whole[:, :, : height * down, : width * across]


def _share(side: int) -> Overlap:
    """Return the overlap of tiles whose size is the network's choice."""
    return Overlap(side // CROPPED, max(1, side // BLENDED))


def _rounded(size: tuple[int, int], align: int) -> tuple[int, int]:
    """Return a size rounded up to multiples."""
    return -(-size[0] // align) * align, -(-size[1] // align) * align


def _places(length: int, tile: int, overlap: Overlap) -> list[int]:
    """Return where tiles start: evenly, the first and the last at the picture's edges."""
    align = overlap.align
    # Rounding moves two neighbours apart by less than `align`.
    step = max(1, tile - 2 * overlap.cropped - overlap.blended - (align - 1))
    count = -(-(length - tile) // step)
    places = [round(n * (length - tile) / count / align) * align for n in range(count)]
    return [*places, length - tile]


def _scale(made: Made, size: tuple[int, int], otherwise: str) -> tuple[int, int]:
    """Return the factors by which a network multiplies height and width."""
    if not isinstance(made, Tensor):
        raise ValueError(f"tiles are for models that make pictures; set `{otherwise}`")  # noqa: TRY004
    down, across = made.shape[2] // size[0], made.shape[3] // size[1]
    if made.shape[2:] != (down * size[0], across * size[1]) or not (down and across):
        raise ValueError(
            f"the model makes {made.shape[2]} x {made.shape[3]} of {size[0]} x {size[1]}, which is "
            f"not a whole multiple, so its tiles do not fit together; set `{otherwise}`"
        )
    return down, across


def _weights(
    places: list[int], length: int, tile: int, scale: int, like: Tensor, overlap: Overlap
) -> list[Tensor]:
    """Return every tile's weights along one dimension, (tile * scale,) each, of the type of `like`.

    Over each pixel they add up to 1.
    """
    cropped, blended = overlap.cropped, overlap.blended
    at = (torch.arange(tile * scale, device=like.device, dtype=torch.float64) + 0.5) / scale
    total = at.new_zeros(length * scale)
    ramps = []
    for place in places:
        begins = torch.ones_like(at) if place == 0 else (at - cropped) / blended
        ends = torch.ones_like(at) if place + tile == length else (tile - at - cropped) / blended
        ramps.append(torch.minimum(begins, ends).clamp(0, 1))
        total[place * scale : (place + tile) * scale] += ramps[-1]
    return [
        (ramp / total[place * scale : (place + tile) * scale]).to(like.dtype)
        for place, ramp in zip(places, ramps, strict=True)
    ]
