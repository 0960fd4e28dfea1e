"""Outputs of detectors, segmenters, pose models and classifiers, read as what was found."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from impasto.errors import BadInput
from impasto.scorers.detection import rle
from impasto.scorers.detection.decode import Detector
from impasto.scorers.detection.suppress import suppress
from impasto.scorers.detection.trained import Trained
from impasto.scorers.placing import Placed

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF = Placed((200, 400), (100, 200), (128, 224), (14, 12), mirrored=False)
"""A picture of 400x200 at half its size, 12 and 14 pixels into an input of 224x128."""
METADATA = {"task": "detect", "names": "{0: 'cat', 1: 'dog'}"}


def raw(*boxes: list[float]) -> dict[str, Any]:
    """The raw layout of boxes: x, y, width, height, a score for each class, and more."""
    return {"output0": np.array(boxes, np.float32).T}


def detector(threshold: float = 0.25, iou: float = 0.7, **metadata: str) -> Detector:
    trained = Trained.of({**METADATA, **metadata})
    assert trained
    return Detector("net.onnx", trained, threshold, iou)


def records(found: list[Any]) -> list[dict[str, Any]]:
    return [each.record() for each in found]


def test_a_box_is_in_the_pixels_of_the_source() -> None:
    # Its middle is 38 and 50 pixels into the resized picture, and so 76 and 100 into the source.
    found = detector().find(raw([50, 64, 20, 40, 0.1, 0.9]), HALF)
    assert records(found) == [
        {"label": "dog", "score": 0.9, "x1": 56, "y1": 60, "x2": 96, "y2": 140}
    ]


def test_a_box_ends_where_the_source_does() -> None:
    (found,) = records(detector().find(raw([12, 14, 1000, 20, 0.9, 0.1]), HALF))
    assert [found[edge] for edge in ("x1", "y1", "x2", "y2")] == [0, 0, 400, 20]


def test_a_box_outside_of_the_source_is_none_of_it() -> None:
    assert detector().find(raw([100, 7, 50, 10, 0.9, 0.1]), HALF) == []


def test_the_best_come_first_and_those_below_the_threshold_never() -> None:
    outputs = raw([30, 30, 9, 9, 0.3, 0], [60, 60, 9, 9, 0, 0.8], [90, 60, 9, 9, 0.2, 0.1])
    assert [each.score for each in detector().find(outputs, HALF)] == pytest.approx([0.8, 0.3])
    assert len(detector(0.5).find(outputs, HALF)) == 1


def test_of_boxes_that_overlap_the_best_of_each_class_stays() -> None:
    outputs = raw([50, 50, 20, 20, 0.9, 0], [51, 50, 20, 20, 0.8, 0], [50, 51, 20, 20, 0, 0.7])
    assert [each.label for each in detector().find(outputs, HALF)] == ["cat", "dog"]
    assert len(detector(iou=0.95).find(outputs, HALF)) == 3


def plainly(
    boxes: NDArray[Any], scores: NDArray[Any], kinds: NDArray[Any], iou: float
) -> list[int]:
    """Suppression as its definition reads."""

    def overlap(a: NDArray[Any], b: NDArray[Any]) -> float:
        wide = min(a[2], b[2]) - max(a[0], b[0])
        high = min(a[3], b[3]) - max(a[1], b[1])
        shared = max(wide, 0) * max(high, 0)
        areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
        return float(shared / (areas - shared))

    kept: list[int] = []
    for n in sorted(range(len(scores)), key=lambda n: (-scores[n], n)):
        if all(kinds[n] != kinds[m] or overlap(boxes[n], boxes[m]) <= iou for m in kept):
            kept.append(n)
    return kept


@pytest.mark.parametrize("iou", [0.2, 0.5, 0.8])
def test_suppression_is_what_its_definition_says(iou: float) -> None:
    draw = np.random.default_rng(5)
    corners = draw.uniform(-5, 60, (300, 2))
    boxes = np.concatenate([corners, corners + draw.uniform(5, 40, (300, 2))], axis=1)
    scores, kinds = draw.integers(0, 50, 300) / 50, draw.integers(0, 4, 300)
    kept = suppress(boxes, scores, kinds, iou, 300)
    assert kept.tolist() == plainly(boxes, scores, kinds, iou)
    assert suppress(boxes, scores, kinds, iou, 7).tolist() == kept.tolist()[:7]


def test_nothing_found_is_no_record() -> None:
    assert detector().find(raw([30, 30, 9, 9, 0.1, 0.1]), HALF) == []
    assert detector().find({"output0": np.zeros((0, 6), np.float32)}, HALF) == []


def test_boxes_end_to_end_are_taken_as_they_are() -> None:
    rows = [[22, 24, 32, 44, 0.6, 1], [22, 24, 32, 44, 0.9, 0], [0, 0, 0, 0, 0, 0]]
    found = records(detector().find({"output0": np.array(rows, np.float16)}, HALF))
    assert found == [
        {"label": "cat", "score": 0.8999, "x1": 20, "y1": 20, "x2": 40, "y2": 60},
        {"label": "dog", "score": 0.6001, "x1": 20, "y1": 20, "x2": 40, "y2": 60},
    ]


@pytest.mark.parametrize("layout", ["raw", "end to end"])
def test_a_value_that_is_no_number_is_not_nothing_found(layout: str) -> None:
    outputs = raw([50, 64, 20, 40, 0.1, np.nan])
    if layout == "end to end":
        outputs = {"output0": np.array([[np.nan, 24, 32, 44, 0.6, 1]], np.float32)}
    with pytest.raises(ValueError, match="made values that are not numbers"):
        detector().find(outputs, HALF)


def test_keypoints_are_in_the_pixels_of_the_source() -> None:
    pose = detector(task="pose", names="['person']", kpt_shape="[2, 3]")
    points = [22, 24, 0.9, 112, 64, 0.25]
    wanted = [[20, 20, 0.9], [200, 100, 0.25]]
    (found,) = records(pose.find(raw([60, 60, 9, 9, 0.8, *points]), HALF))
    assert (found["label"], found["keypoints"]) == ("person", wanted)
    rows = {"output0": np.array([[22, 24, 32, 44, 0.6, 0, *points]], np.float32)}
    assert records(pose.find(rows, HALF))[0]["keypoints"] == wanted


def test_a_mask_covers_the_pixels_of_the_source_that_its_prototypes_say() -> None:
    # One prototype, at a quarter of the input: positive right of its column 14, so of pixel 56.
    prototype = np.full((1, 32, 56), -1, np.float32)
    prototype[:, :, 14:] = 1
    outputs = {**raw([60, 64, 40, 60, 0.9, 0, 2.0]), "output1": prototype}
    (found,) = detector(task="segment").find(outputs, HALF)
    assert found.mask is not None
    assert found.mask.shape == (200, 400)
    # The box is from 56 to 136 and from 40 to 160; pixel 56 of the input is 88 of the source.
    wanted = np.zeros((200, 400), bool)
    wanted[40:160, 88:136] = True
    np.testing.assert_array_equal(found.mask, wanted)
    encoded = found.record()["mask"]
    assert encoded["size"] == [200, 400]
    np.testing.assert_array_equal(rle.decode(encoded), wanted)


def test_a_negative_weight_turns_a_mask_round() -> None:
    prototype = np.full((1, 32, 56), 1, np.float32)
    outputs = {**raw([60, 64, 40, 60, 0.9, 0, -1.0]), "output1": prototype}
    (found,) = detector(task="segment").find(outputs, HALF)
    assert found.mask is not None
    assert not found.mask.any()


PYCOCOTOOLS = [
    ([[0, 0], [0, 0]], "4"),
    ([[1, 1], [1, 1]], "04"),
    ([[0, 1, 0], [1, 1, 0]], "132"),
    ([[1, 0, 0, 1]], "0120"),
]
"""Masks, and what COCO's own library, pycocotools 2.0.11, makes of them."""


@pytest.mark.parametrize(("mask", "counts"), PYCOCOTOOLS)
def test_masks_are_encoded_as_coco_does(mask: list[list[int]], counts: str) -> None:
    assert rle.encode(np.array(mask, bool))["counts"] == counts


def test_a_large_mask_is_encoded_as_coco_does() -> None:
    y, x = np.mgrid[:200, :300]
    counts = rle.encode(((y - 90) / 50) ** 2 + ((x - 140) / 80) ** 2 < 1)["counts"]
    assert counts.startswith("ko;?e58J4L4L4M2M4M2M4M2N2N2N2N2N2O0O2N2N2N2O0O2N")
    # That of what pycocotools makes of it.
    digest = "66602d27da8cc844f349c13f4b9ab83c66859dfd4e68f9e7e5f246b842add94d"
    assert sha256(counts.encode()).hexdigest() == digest


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
def test_an_encoded_mask_comes_back(share: float) -> None:
    mask = np.random.default_rng(1).random((97, 211)) < share
    np.testing.assert_array_equal(rle.decode(rle.encode(mask)), mask)


def test_a_classifier_names_its_best_class() -> None:
    found = detector(task="classify").find({"output": np.array([0.25, 0.5])}, HALF)
    assert records(found) == [{"label": "dog", "score": 0.5}]


def test_classes_without_names_are_numbers() -> None:
    trained = Trained.of({}, "detect")
    assert trained
    assert trained.names == ()
    found = Detector("net.onnx", trained).find(raw([50, 64, 20, 40, 0.1, 0.2, 0.9]), HALF)
    assert [each.label for each in found] == ["2"]


@pytest.mark.parametrize(
    ("task", "shapes"),
    [
        ("detect", [(7, 100)]),
        ("detect", [(3, 8, 8)]),
        ("segment", [(6, 100)]),
        ("pose", [(6, 100)]),
        ("classify", [(2, 4)]),
    ],
)
def test_outputs_of_another_layout_are_refused(task: str, shapes: list[tuple[int, ...]]) -> None:
    outputs = {f"output{n}": np.zeros(shape) for n, shape in enumerate(shapes)}
    with pytest.raises(BadInput, match="are of no known layout for the task") as refused:
        detector(task=task).find(outputs, HALF)
    assert refused.value.remedy == "set `task=none` for the model's own numbers"


@pytest.mark.parametrize("metadata", [{}, {"task": "obb"}, {"task": ""}])
def test_a_model_of_another_purpose_is_left_alone(metadata: dict[str, str]) -> None:
    assert Trained.of(metadata) is None
    assert Trained.of(METADATA, "none") is None


@pytest.mark.parametrize("names", ["['a', 'b']", "{1: 'b', 0: 'a'}", '{"0": "a", "1": "b"}'])
def test_names_are_read_however_they_are_written(names: str) -> None:
    trained = Trained.of({"task": "detect", "names": names})
    assert trained is not None
    assert trained.names == ("a", "b")


@pytest.mark.parametrize("names", ["", "{", "{0: 'a', 2: 'b'}", "(" * 10_000, "open('x')"])
def test_names_that_cannot_be_read_are_not_known(names: str) -> None:
    trained = Trained.of({"task": "detect", "names": names})
    assert trained is not None
    assert trained.names == ()
