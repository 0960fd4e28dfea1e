"""What the frames of one interval are made of: which keyframes, where, and how much of each.

It follows from the source's frames of the interval alone, never from what is painted. Frames that
the keyframes at the interval's ends explain need not be scored. Of those that they do not explain,
the middle one is scored as well, and carried to the others; and so on, until next to nothing is
left of each frame, or it is scored itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from impasto.scorers.temporal.motion import Floats, Look, Motion

FEATHER = 5
"""Pixels over which what is carried and what is not fade into each other."""
CHANGED, LOST = 0.3, 0.5
"""Share of a picture that differs from the one before, and of this share what motion does not
explain, from which there is a cut between them."""
ENOUGH, PLENTY = 0.01, 0.05
"""Share of a frame whose holes may be closed from beside, and where speed counts more."""
HOLE = 15
"""Pixels across which most of a frame is missing where there is a hole in it."""
FAINT = 0.05
"""Weight below which a layer is not made stronger."""


@dataclass(slots=True)
class Layer:
    """A part of a frame.

    Attributes:
        key: the place in the interval of the frame whose scored picture is seen.
        weight: how much of it, (h, w).
        field: where it is seen, (h, w, 2), see `motion`; None for the frame itself.
    """

    key: int
    weight: Floats
    field: Floats | None = None


@dataclass(slots=True)
class _Rest:
    """A frame that is not explained yet: what is, and how much is missing, (h, w)."""

    layers: list[Layer]
    missing: Floats


class Interval:
    """The frames between two keyframes, both included.

    Attributes:
        layers: what each frame is made of; one that is shown as it was scored has one layer.
        scored: the places of the frames that are to be scored, ascending.
    """

    def __init__(
        self, motion: Motion, looks: Sequence[Look], amount: float, enough: float = ENOUGH
    ) -> None:
        """Explain all frames.

        Args:
            motion: estimates motion.
            looks: the frames.
            amount: how much is tolerated, see `Motion.belief`.
            enough: share of a frame whose holes are closed with what the nearest keyframe shows.
        """
        self._motion, self._looks = motion, looks
        self._amount, self._enough = amount, enough
        last = len(looks) - 1
        pairs = [*pairwise(looks)]
        self._back = [motion.between(now, before) for before, now in pairs]
        self._ahead = [motion.between(now, after) for now, after in pairs]
        whole = np.ones(looks[0].luma.shape, np.float32)
        self.layers = [[Layer(n, whole)] for n in range(last + 1)]
        cuts = [n for n in range(1, last + 1) if self._cut(n)]
        ends = sorted({0, last, *cuts, *(cut - 1 for cut in cuts)})
        for first, second in pairwise(ends):
            if second - first > 1:
                self._between(first, second)
        self.scored = sorted({layer.key for layers in self.layers for layer in layers})

    def _cut(self, n: int) -> bool:
        """Return whether a frame begins a new scene."""
        now, before = self._looks[n], self._looks[n - 1]
        changed = self._motion.differs(now, before, None)
        lost = self._motion.differs(now, before, self._back[n - 1]) & changed
        return bool(changed.mean() > CHANGED and lost.sum() > LOST * changed.sum())

    def _between(self, first: int, second: int) -> None:
        """Explain the frames between two keyframes of one scene."""
        looks, motion, span = self._looks, self._motion, second - first
        ahead = dict(self._fields(first, range(first + 1, second)))
        rests: dict[int, _Rest] = {}
        for n, after in self._fields(second, range(second - 1, first, -1)):
            before = ahead.pop(n)
            one = motion.belief(looks[n], looks[first], before, self._amount)
            two = motion.belief(looks[n], looks[second], after, self._amount)
            top = np.maximum(one, two)
            one *= np.float32((second - n) / span)
            two *= np.float32((n - first) / span)
            scale = top / np.maximum(one + two, 1e-4)
            missing = motion.cv2.blur(1 - top, (FEATHER, FEATHER))
            scale /= np.maximum((one + two) * scale + missing, 1e-4)
            layers = [Layer(first, one * scale, before), Layer(second, two * scale, after)]
            rests[n] = _Rest(layers, np.maximum(1 - (one + two) * scale, 0))
        self._fill(first, second, rests)
        for n, rest in rests.items():
            self.layers[n] = self._closed(n, rest)

    def _fill(self, first: int, second: int, rests: dict[int, _Rest]) -> None:
        """Have frames scored that those between two others, which are scored, are missing."""
        between = range(first + 1, second)
        wanting = [n for n in between if self._hole(rests[n].missing) > self._enough]
        if not wanting:
            return
        key = wanting[len(wanting) // 2]
        rests[key].layers.append(Layer(key, rests[key].missing))
        rests[key].missing = np.zeros_like(rests[key].missing)
        for order in (range(key - 1, wanting[0] - 1, -1), range(key + 1, wanting[-1] + 1)):
            for n, field in self._fields(key, order):
                rest = rests[n]
                seen = self._motion.belief(self._looks[n], self._looks[key], field, self._amount)
                weight = rest.missing * seen
                rest.layers.append(Layer(key, weight, field))
                rest.missing = rest.missing - weight
        self._fill(first, key, rests)
        self._fill(key, second, rests)

    def _hole(self, missing: Floats) -> float:
        """Return the share of a frame that lies in holes; specks can be closed from beside."""
        around = self._motion.cv2.blur(missing, (HOLE, HOLE))
        return float((around > 0.5).mean())

    def _closed(self, n: int, rest: _Rest) -> list[Layer]:
        """Return the layers of a frame, which share what is missing.

        Where there is none at all, that of the nearest frame is shown.
        """
        total = 1 - rest.missing
        scale = (1 / np.maximum(total, FAINT)).astype(np.float32)
        for layer in rest.layers:
            layer.weight *= scale
        nearest = min(rest.layers, key=lambda layer: (abs(layer.key - n), layer.key))
        nearest.weight += 1 - total * scale
        return [layer for layer in rest.layers if layer.weight.max() > 1 / 512]

    def _fields(self, key: int, order: range) -> Iterator[tuple[int, Floats]]:
        """Yield the field from each frame to a keyframe, going away from it."""
        looks, motion = self._looks, self._motion
        field = np.zeros((*looks[key].luma.shape, 2), np.float32)
        for n in order:
            step = self._back[n - 1] if n > key else self._ahead[n]
            field = motion.refine(looks[n], looks[key], motion.follow(step, field))
            yield n, field
