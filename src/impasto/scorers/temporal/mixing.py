"""Make frames of scored pictures that are carried along, without making them blurred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from impasto.scorers.temporal.interval import Layer
    from impasto.scorers.temporal.motion import Floats, Motion

BANDS = (1.0, 2.0, 4.0)
"""Deviations, in pixels, of the blurs that part a picture into details of three sizes."""
AREA = 15
"""Pixels across which the energy of details is averaged."""
KEPT = 0.8
"""Share of the scored pictures' energy to which that of a mix is brought back."""
GAIN = 1.6
"""The most by which details are multiplied."""


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
        energies = (self._energy(detail, shape) for detail in self._details(luma))
        return Scored(picture, tuple(energies))

    def mixed(self, layers: Sequence[Layer], scored: Mapping[int, Scored]) -> Floats:
        """Return a frame, RGB from 0 to 255, (H, W, 3).

        Args:
            layers: what it is made of.
            scored: the scored pictures by place, all of one size.
        """
        motion, cv2 = self._motion, self._cv2
        shape = layers[0].weight.shape
        size = scored[layers[0].key].picture.shape[:2]
        total = np.zeros((*size, 3), np.float32)
        wanted = [np.zeros(shape, np.float32) for _ in BANDS]
        for layer in layers:
            one = scored[layer.key]
            seen, energies = one.picture, one.energies
            if layer.field is not None:
                far = self._enlarged(layer.field, size)
                far *= np.float32(size[1] / shape[1])
                seen = motion.sample(seen, far, cv2.INTER_CUBIC)
                energies = tuple(motion.sample(energy, layer.field) for energy in energies)
            total += seen * self._enlarged(layer.weight, size)[..., None]
            for want, energy in zip(wanted, energies, strict=True):
                want += layer.weight * energy
        luma = cv2.cvtColor(total, cv2.COLOR_RGB2GRAY)
        missing = np.zeros(size, np.float32)
        for detail, want in zip(self._details(luma), wanted, strict=True):
            there = np.maximum(self._energy(detail, shape), 0.5)
            gain = np.clip(np.sqrt(KEPT * want / there), 1, GAIN) - 1
            missing += detail * self._enlarged(gain, size)
        total += missing[..., None]
        return np.clip(total, 0, 255, out=total)

    def _details(self, luma: Floats) -> Iterator[Floats]:
        """Yield the details of luma, (H, W), from the finest."""
        for deviation in BANDS:
            blurred = self._cv2.GaussianBlur(luma, (0, 0), deviation)
            yield luma - blurred
            luma = blurred

    def _energy(self, detail: Floats, shape: tuple[int, ...]) -> Floats:
        """Return the local mean square of (H, W) at another size (h, w)."""
        cv2, squared = self._cv2, detail * detail
        if squared.shape != shape:
            squared = cv2.resize(squared, shape[::-1], interpolation=cv2.INTER_AREA)
        side = max(3, AREA * shape[0] // detail.shape[0] | 1)
        energy: Floats = cv2.blur(squared, (side, side))
        return energy

    def _enlarged(self, values: Floats, size: tuple[int, ...]) -> Floats:
        """Return (h, w) or (h, w, 2) at another size (H, W); a copy where that is the same."""
        cv2 = self._cv2
        if values.shape[:2] == size:
            return values.copy()
        enlarged: Floats = cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR)
        return enlarged
