"""Make frames of scored pictures that are carried along, without making them blurred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from impasto.scorers.temporal.interval import Layer
    from impasto.scorers.temporal.motion import Floats, Motion

BANDS = 3
"""Sizes of details that are told apart: about 1, 2 and 4 pixels."""
AREA = 15
"""Pixels across which the energy of details is averaged."""
KEPT = 0.8
"""Share of the scored pictures' energy to which that of a mix is brought back."""
GAIN = 1.6
"""The most by which details are multiplied."""
_DEPTHS = {"uint8": 0, "float32": 5}
"""OpenCV's numbers of types."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A scored picture.

    Attributes:
        picture: RGB from 0 to 255, (H, W, 3), of any type.
        energies: mean square of its luma's details, by band, (h, w) as fields are.
    """

    picture: Any
    energies: tuple[Floats, ...]


class Mixing:
    """Mixes pictures; not to be shared between threads."""

    def __init__(self, motion: Motion) -> None:
        """Bind what samples pictures."""
        self._motion, self._cv2 = motion, motion.cv2

    def scored(self, picture: Any, shape: tuple[int, ...]) -> Scored:
        """Prepare a scored picture.

        Args:
            picture: RGB from 0 to 255, (H, W, 3).
            shape: height and width of the fields that it will be seen through.
        """
        luma = self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2GRAY).astype(np.float32)
        energies = (self._energy(each, shape, len(luma)) for each in self._details(luma))
        return Scored(picture, tuple(energies))

    def mixed(self, layers: Sequence[Layer], scored: Mapping[int, Scored]) -> Any:
        """Return a frame, RGB from 0 to 255, (H, W, 3), of the type of the scored pictures.

        Args:
            layers: what it is made of.
            scored: the scored pictures by place, all of one size and type.
        """
        motion, cv2 = self._motion, self._cv2
        shape = layers[0].weight.shape
        size = scored[layers[0].key].picture.shape[:2]
        total: Any = None
        sum_of_weights: Any = None
        wanted = [np.zeros(shape, np.float32) for _ in range(BANDS)]
        for layer in layers:
            one = scored[layer.key]
            seen, energies = one.picture, one.energies
            if layer.field is not None:
                far = self._enlarged(layer.field, size) * np.float32(size[1] / shape[1])
                seen = motion.sample(seen, far, cv2.INTER_CUBIC)
                energies = tuple(motion.sample(energy, layer.field) for energy in energies)
            weight = self._enlarged(layer.weight, size)
            if total is None:
                total, sum_of_weights = seen, weight
            else:
                total = cv2.blendLinear(total, seen, sum_of_weights, weight)
                sum_of_weights = sum_of_weights + weight
            for want, energy in zip(wanted, energies, strict=True):
                want += layer.weight * energy
        return self._restored(total, wanted) if len(layers) > 1 else total

    def _restored(self, mix: Any, wanted: Sequence[Floats]) -> Any:
        """Return a mix, (H, W, 3), with details of about the energies, (h, w), that are wanted."""
        cv2, shape = self._cv2, wanted[0].shape
        luma = cv2.cvtColor(mix, cv2.COLOR_RGB2GRAY).astype(np.float32)
        missing: list[Floats] = []
        for detail, want in zip(self._details(luma), wanted, strict=True):
            there = np.maximum(self._energy(detail, shape, len(luma)), 0.5)
            gain = np.clip(np.sqrt(KEPT * want / there), 1, GAIN) - 1
            missing.append(detail * self._enlarged(gain, detail.shape))
        finest, *coarser = missing
        finest += self._enlarged(coarser[0] + coarser[1], finest.shape)
        mixed = cv2.add(
            mix, cv2.cvtColor(finest, cv2.COLOR_GRAY2RGB), dtype=_DEPTHS[mix.dtype.name]
        )
        return mixed if mix.dtype == np.uint8 else np.clip(mixed, 0, 255)

    def _details(self, luma: Floats) -> Iterator[Floats]:
        """Yield the details of luma, (H, W), from the finest; the coarser ones at half its size."""
        cv2 = self._cv2
        soft = cv2.GaussianBlur(luma, (0, 0), 1)
        yield luma - soft
        height, width = luma.shape
        half = cv2.resize(soft, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
        for deviation in (1.0, 2.0):
            soft = cv2.GaussianBlur(half, (0, 0), deviation)
            yield half - soft
            half = soft

    def _energy(self, detail: Floats, shape: tuple[int, ...], height: int) -> Floats:
        """Return the local mean square of a detail at a size (h, w), of a picture H pixels high."""
        squared = self._enlarged(detail * detail, shape)
        side = max(3, AREA * shape[0] // height | 1)
        energy: Floats = self._cv2.blur(squared, (side, side))
        return energy

    def _enlarged(self, values: Floats, size: tuple[int, ...]) -> Floats:
        """Return (h, w) or (h, w, 2) at another size (H, W)."""
        cv2 = self._cv2
        if values.shape[:2] == size:
            return values
        how = cv2.INTER_LINEAR if size[0] > values.shape[0] else cv2.INTER_AREA
        resized: Floats = cv2.resize(values, size[::-1], interpolation=how)
        return resized
