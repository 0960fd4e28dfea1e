"""The outputs of detectors, as ultralytics exports them, read as what they have found.

Two layouts are known. Raw, (4 + classes + more, anchors): centre, width and height of a box in
pixels of the network's input, and a score for each class. End to end, (boxes, 6 + more): edges of
a box, its score and its class, of which duplicates are gone. More is a pose's keypoints, or the
weights of a segmenter's masks, whose prototypes (weights, h, w) are another output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from impasto.errors import BadInput
from impasto.scorers.detection import masks
from impasto.scorers.detection.found import Found
from impasto.scorers.detection.suppress import suppress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from impasto.scorers.detection.trained import Trained
    from impasto.scorers.placing import Placed

CANDIDATES, MOST = 30_000, 300
"""Boxes that are compared, and that are kept, of a picture: as ultralytics' own predictor does."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes in a network's input.

    Attributes:
        edges: left, top, right and bottom, (N, 4), in the input's pixels.
        scores: (N,).
        kinds: classes, (N,).
        more: keypoints or weights of masks, (N, M).
    """

    edges: NDArray[Any]
    scores: NDArray[Any]
    kinds: NDArray[Any]
    more: NDArray[Any]

    def __getitem__(self, chosen: Any) -> Boxes:
        return Boxes(self.edges[chosen], self.scores[chosen], self.kinds[chosen], self.more[chosen])


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds objects in the outputs of a model.

    Attributes:
        name: what to call the model in errors.
        trained: what it was trained for.
        threshold: the least score of what counts as found; a classifier's best class always does.
        iou: the share of their union that two boxes of one class may have in common.
    """

    name: str
    trained: Trained
    threshold: float = 0.25
    iou: float = 0.7

    def find(self, outputs: dict[str, Any], placed: Placed) -> list[Found]:
        """Return what was found in a picture, the best first.

        Args:
            outputs: the model's outputs of one picture, by name, without the mini-batch.
            placed: where the picture is in the network's input.

        Raises:
            BadInput: they are of no known layout.
            ValueError: a value is no number, where nothing would be found by comparing.
        """
        arrays = [np.asarray(each, np.float32) for each in outputs.values()]
        if any(np.isnan(each).any() for each in arrays):
            raise ValueError("the model made values that are not numbers")
        if self.trained.task == "classify":
            return self._class(arrays)
        prototypes = self._prototypes(arrays)
        weights = 0 if prototypes is None else len(prototypes)
        flat = next((each for each in arrays if each.ndim == 2), None)
        if flat is None:
            raise self._strange(arrays)
        boxes = self._boxes(flat, weights + self.trained.keypoints[0] * self.trained.keypoints[1])
        if boxes is None:
            raise self._strange(arrays)
        found = (self._found(boxes[n], prototypes, placed) for n in range(len(boxes.scores)))
        return [each for each in found if each is not None]

    def _class(self, arrays: list[NDArray[Any]]) -> list[Found]:
        if len(arrays) != 1 or arrays[0].ndim != 1 or not arrays[0].size:
            raise self._strange(arrays)
        best = int(arrays[0].argmax())
        return [Found(best, self.trained.label(best), float(arrays[0][best]))]

    def _prototypes(self, arrays: list[NDArray[Any]]) -> NDArray[Any] | None:
        """Return the prototypes of masks, (weights, h, w), if the model makes masks."""
        if self.trained.task != "segment":
            return None
        found = next((each for each in arrays if each.ndim == 3), None)
        if found is None:
            raise self._strange(arrays)
        return found

    def _boxes(self, flat: NDArray[Any], more: int) -> Boxes | None:
        """Return the boxes that count; None if the output is of no known layout.

        Args:
            flat: the output.
            more: numbers of a box besides its place, score and class.
        """
        classes = len(self.trained.names)
        if classes and flat.shape[0] == 4 + classes + more:
            return self._raw(flat, classes)
        if flat.shape[1] == 6 + more:
            boxes = Boxes(flat[:, :4], flat[:, 4], flat[:, 5].astype(np.int64), flat[:, 6:])
            boxes = boxes[boxes.scores >= self.threshold]
            return boxes[np.argsort(-boxes.scores, kind="stable")]
        unnamed = flat.shape[0] - 4 - more
        return self._raw(flat, unnamed) if unnamed > 0 and not classes else None

    def _raw(self, flat: NDArray[Any], classes: int) -> Boxes:
        scores = flat[4 : 4 + classes]
        likely = np.flatnonzero(scores.max(axis=0) >= self.threshold)
        kinds = scores[:, likely].argmax(axis=0)
        best = scores[kinds, likely]
        centres, halves = flat[:2, likely].T, flat[2:4, likely].T / 2
        edges = np.concatenate([centres - halves, centres + halves], axis=1)
        boxes = Boxes(edges, best, kinds, flat[4 + classes :, likely].T)
        boxes = boxes[np.argsort(-best, kind="stable")[:CANDIDATES]]
        return boxes[suppress(boxes.edges, boxes.scores, boxes.kinds, self.iou, MOST)]

    def _found(self, one: Boxes, prototypes: NDArray[Any] | None, placed: Placed) -> Found | None:
        """Return what is in a box; None if no part of it is inside the picture."""
        height, width = map(float, placed.source)
        left, top = placed.point(float(one.edges[0]), float(one.edges[1]))
        right, bottom = placed.point(float(one.edges[2]), float(one.edges[3]))
        box = (
            *(min(max(left, 0.0), width), min(max(top, 0.0), height)),
            *(min(max(right, 0.0), width), min(max(bottom, 0.0), height)),
        )
        if box[0] >= box[2] or box[1] >= box[3]:
            return None
        points = mask = None
        if prototypes is not None:
            mask = masks.of(one.more, prototypes, box, placed)
        elif self.trained.keypoints[0]:
            points = one.more.reshape(self.trained.keypoints).copy()
            points[:, 0], points[:, 1] = placed.point(points[:, 0], points[:, 1])  # type: ignore[arg-type]
        kind = int(one.kinds)
        return Found(kind, self.trained.label(kind), float(one.scores), box, points, mask)

    def _strange(self, arrays: list[NDArray[Any]]) -> BadInput:
        shapes = " and ".join(str(each.shape) for each in arrays)
        classes = f" of {len(self.trained.names)} classes" if self.trained.names else ""
        return BadInput(
            f"{self.name}: outputs of shape {shapes} are of no known layout for the task "
            f"{self.trained.task}{classes}",
            "set `task=none` for the model's own numbers",
        )
