"""Which sizes, mini-batches and channels a model takes is found out."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from impasto.errors import BadInput
from impasto.scorers.onnx.params import OnnxParams
from impasto.scorers.onnx.scorer import OnnxScorer
from support.model_file import ModelFile
from support.onnx_nets import BYTE, FLOAT, HALF, build, made, pictures, records, scorer


def halves(depth: int, **fixed: int) -> bytes:
    """A network that halves pictures so often, doubles them again and adds the picture itself."""
    down = [
        helper.make_node("MaxPool", [f"d{n}"], [f"d{n + 1}"], kernel_shape=[2, 2], strides=[2, 2])
        for n in range(depth)
    ]
    up = helper.make_node("Resize", [f"d{depth}", "", "scales"], ["u"], mode="nearest")
    ends = [helper.make_node("Add", ["u", "x"], ["s"]), helper.make_node("Mul", ["s", "k"], ["y"])]
    shape = ["n", 3, fixed.get("height", "h"), fixed.get("width", "w")]
    return build(
        [helper.make_node("Identity", ["x"], ["d0"]), *down, up, *ends],
        {"x": (FLOAT, shape)},
        {"y": (FLOAT, ["n", 3, None, None])},
        scales=np.array([1, 1, 2**depth, 2**depth], np.float32),
        k=np.float32(0.5),
    )


def halved(batch: torch.Tensor, depth: int) -> torch.Tensor:
    pooled = torch.nn.functional.max_pool2d(batch, 2**depth)
    return (pooled.repeat_interleave(2**depth, 2).repeat_interleave(2**depth, 3) + batch) / 2


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 7])
def test_pictures_are_padded_to_the_multiple_that_runs_and_cut_out_again(depth: int) -> None:
    batch = pictures(2, 45, 70)
    model = scorer(halves(depth))
    words = f"multiples of {2**depth} as trials show (pictures are padded)"
    assert words in model.notes[0]
    size = [-(-n // 2**depth) * 2**depth for n in (45, 70)]
    grown = np.pad(batch, ((0, 0), (0, 0), (0, size[0] - 45), (0, size[1] - 70)), mode="reflect")
    expected = halved(torch.from_numpy(grown), depth)[:, :, :45, :70]
    torch.testing.assert_close(made(model.score(batch)), expected, atol=1e-6, rtol=0)


def test_patches_of_14_pixels_are_tried_too() -> None:
    """A vision transformer cuts pictures into patches, and DINOv2 and its kin of 14 pixels."""
    patches = build(
        [
            helper.make_node("SpaceToDepth", ["x"], ["patches"], blocksize=14),
            helper.make_node("DepthToSpace", ["patches"], ["y"], blocksize=14),
        ],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"y": (FLOAT, ["n", 3, "h", "w"])},
    )
    batch, model = pictures(1, 45, 70), scorer(patches)
    assert "multiples of 14 as trials show (pictures are padded)" in model.notes[0]
    torch.testing.assert_close(made(model.score(batch)), batch)


def test_sizes_that_come_out_odd_are_padded_too() -> None:
    """A network of strides rounds a side up to a multiple of 4, as an exported one of torch."""
    strided = build(
        [
            helper.make_node("MaxPool", ["x"], ["d"], kernel_shape=[1, 1], strides=[4, 4]),
            helper.make_node("Resize", ["d", "", "scales"], ["y"], mode="nearest"),
        ],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"y": (FLOAT, ["n", 3, None, None])},
        scales=np.array([1, 1, 4, 4], np.float32),
    )
    model = scorer(strided)
    assert "multiples of 4 as trials show" in model.notes[0]
    assert made(model.score(pictures(1, 45, 70))).shape == (1, 3, 45, 70)


def test_the_file_may_state_a_multiple_and_the_user_too() -> None:
    file = onnx.load_from_string(halves(3))
    file.metadata_props.add(key="stride", value="32")
    stated = scorer(file.SerializeToString())
    assert "multiples of 32 as its file says (pictures are padded)" in stated.notes[0]
    given = scorer(file.SerializeToString(), multiple=16, fit="resize")
    assert "multiples of 16 (pictures are resized)" in given.notes[0]
    batch = pictures(1, 45, 70)
    for model in (stated, given):
        assert made(model.score(batch)).shape == (1, 3, 45, 70)


def test_detectors_get_letterboxes_of_the_size_that_they_were_trained_with() -> None:
    file = onnx.load_from_string(_seen())
    for key, value in {"stride": "32", "imgsz": "[64, 96]", "task": "detect"}.items():
        file.metadata_props.add(key=key, value=value)
    content = file.SerializeToString()
    model = scorer(content, task="none")
    assert "96 x 64 (pictures are letterboxed)" in model.notes[0]
    assert records(model.score(pictures(1, 30, 30))) == [{"output": [3, 64, 96]}]
    assert "96 x 64 (pictures are resized)" in scorer(content, fit="resize").notes[0]
    larger = scorer(content, size="128x128", task="none")
    assert records(larger.score(pictures(1, 30, 30))) == [{"output": [3, 128, 128]}]


def _seen() -> bytes:
    """A network that returns the size of its input, a vector a picture."""
    return build(
        [
            helper.make_node("Shape", ["x"], ["s"], start=1),
            helper.make_node("Shape", ["x"], ["n"], end=1),
            helper.make_node("Concat", ["n", "three"], ["ns"], axis=0),
            helper.make_node("Expand", ["s", "ns"], ["y"]),
        ],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"y": (TensorProto.INT64, ["n", 3])},
        three=np.array([3]),
    )


@pytest.mark.parametrize(("size", "seen"), [("x48", [48, 84]), ("60x", [34, 60])])
def test_one_side_that_is_given_keeps_the_shape_of_pictures(size: str, seen: list[int]) -> None:
    model = scorer(_seen(), size=size)
    assert records(model.score(pictures(2, 20, 35))) == [{"output": [3, *seen]}] * 2


def test_one_side_that_is_fixed_keeps_it_too() -> None:
    model = scorer(halves(2, height=48))
    assert "any x 48 (pictures are resized), multiples of 4 as trials show" in model.notes[0]
    assert made(model.score(pictures(1, 24, 71))).shape == (1, 3, 24, 71)


def test_a_size_contradicts_a_fixed_one() -> None:
    with pytest.raises(BadInput, match="has a fixed size, which `size` contradicts; leave `size`"):
        scorer(halves(2, height=48, width=48), size="x32")


def test_a_model_that_runs_at_no_size_is_refused_with_the_remedy() -> None:
    only = build(
        [helper.make_node("Add", ["x", "k"], ["y"])],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"y": (FLOAT, ["n", 3, None, None])},
        k=np.zeros((3, 20, 28), np.float32),
    )

    class First(ModelFile):
        def __init__(self, height: int, width: int) -> None:
            super().__init__(only)
            self.first = np.zeros((height, width, 3), np.uint8)

        def sample(self) -> Any:
            return self.first

    with pytest.raises(
        BadInput, match=r"runs at no size that was tried .*set `multiple`.* `size`.* or x48"
    ):
        scorer(First(21, 28))
    model = scorer(First(20, 28))
    assert "the first picture's size (others may fail; set `size`" in model.notes[0]
    assert made(model.score(pictures(2, 20, 28))).shape == (2, 3, 20, 28)
    resized = scorer(First(21, 28), size="28x20")
    assert made(resized.score(pictures(2, 10, 14))).shape == (2, 3, 10, 14)


def test_all_workers_use_what_the_first_one_found() -> None:
    params, file = OnnxParams(model="models/net.onnx"), ModelFile(halves(3))
    found = OnnxScorer.prepare(params, file)
    assert found == {"multiple": 8, "size": [None, None], "axes": [0], "how": "tried"}
    batch = pictures(1, 13, 21)
    tried = made(OnnxScorer(params, found, file, "cpu").score(batch))
    assert tried.shape == batch.shape
    earlier = OnnxScorer(params, {}, file, "cpu")
    with pytest.raises(Exception, match="Add"):
        earlier.score(batch)


def test_outputs_whose_time_comes_first_are_divided_by_their_mini_batch() -> None:
    series = build(
        [
            helper.make_node("ReduceMean", ["x"], ["m"], axes=[2], keepdims=0),
            helper.make_node("Transpose", ["m"], ["y"], perm=[2, 0, 1]),
        ],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"y": (FLOAT, [None, None, 3])},
    )
    batch = pictures(7, 5, 7)
    found = records(scorer(series).score(batch))
    np.testing.assert_allclose(
        [each["output"] for each in found], batch.mean(2).permute(0, 2, 1), atol=1e-6
    )


def test_a_fixed_mini_batch_is_found_where_time_comes_first() -> None:
    series = build(
        [
            helper.make_node("ReduceMean", ["x"], ["m"], axes=[2], keepdims=0),
            helper.make_node("Transpose", ["m"], ["y"], perm=[2, 0, 1]),
        ],
        {"x": (FLOAT, [4, 3, 5, 7])},
        {"y": (FLOAT, [7, 4, 3])},
    )
    batch = pictures(6, 5, 7)
    found = records(scorer(series).score(batch))
    np.testing.assert_allclose(
        [each["output"] for each in found], batch.mean(2).permute(0, 2, 1), atol=1e-6
    )


@pytest.mark.parametrize("said", [[None, 1, 3], [1, "t"], None])
def test_a_fixed_mini_batch_of_one_owns_all_that_comes_out(said: list[Any] | None) -> None:
    """Whatever its file says of the output: that of a known recogniser says (1, t)."""
    series = build(
        [
            helper.make_node("ReduceMean", ["x"], ["m"], axes=[2], keepdims=0),
            helper.make_node("Transpose", ["m"], ["y"], perm=[2, 0, 1]),
        ],
        {"x": (FLOAT, [1, 3, "h", "w"])},
        {"y": (FLOAT, said)},
    )
    batch = pictures(2, 5, 7)
    found = records(scorer(series).score(batch))
    np.testing.assert_allclose(
        [each["output"] for each in found],
        batch.mean(2).permute(0, 2, 1)[:, :, None],
        atol=1e-6,
    )


@pytest.mark.parametrize("kind", [BYTE, HALF, TensorProto.INT32, TensorProto.INT64])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_types_and_channels_of_the_input_are_met(kind: int, channels: int) -> None:
    """A network that returns the mean of each channel of its input."""
    means = build(
        [
            helper.make_node("Cast", ["x"], ["f"], to=FLOAT),
            helper.make_node("ReduceMean", ["f"], ["y"], axes=[2, 3], keepdims=0),
        ],
        {"x": (kind, ["n", channels, "h", "w"])},
        {"y": (FLOAT, ["n", channels])},
    )
    red, green, blue = batch = torch.full((3,), 0.2), torch.full((3,), 0.4), torch.full((3,), 0.8)
    colours = torch.stack(batch, 1)[:, :, None, None].expand(-1, -1, 6, 6)
    expected = {
        1: (0.2126 * red + 0.7152 * green + 0.0722 * blue)[:, None],
        3: torch.stack(batch, 1),
        4: torch.stack([*batch, torch.ones(3)], 1),
    }[channels]
    top = 1 if kind == HALF else 255
    found = torch.tensor([each["output"] for each in records(scorer(means).score(colours))])
    torch.testing.assert_close(
        found.view(3, -1), (expected * top).round(decimals=0 if top > 1 else 6), atol=2e-3, rtol=0
    )


def test_of_four_channels_that_come_out_three_are_the_picture() -> None:
    opaque = build(
        [helper.make_node("Identity", ["x"], ["y"])],
        {"x": (FLOAT, ["n", "h", "w", 4])},
        {"y": (FLOAT, ["n", "h", "w", 4])},
    )
    batch = pictures()
    model = scorer(opaque)
    torch.testing.assert_close(made(model.score(batch)), batch)
    assert "NHWC RGBA (opaque)" in model.notes[0]


def test_an_even_picture_is_a_result_like_any_other() -> None:
    mask = build(
        [
            helper.make_node("ReduceMax", ["x"], ["m"], axes=[1], keepdims=1),
            helper.make_node("Mul", ["m", "zero"], ["y"]),
        ],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"y": (FLOAT, ["n", 1, "h", "w"])},
        zero=np.float32(0),
    )
    blank = torch.ones(2, 3, 10, 12)
    assert torch.equal(made(scorer(mask).score(blank)), torch.zeros(2, 3, 10, 12))


def test_tiles_may_have_a_size_that_the_model_does_not_fix() -> None:
    batch = pictures(1, 75, 130)
    brighter = build(
        [helper.make_node("Sqrt", ["x"], ["y"])],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"y": (FLOAT, ["n", 3, "h", "w"])},
    )
    model = scorer(brighter, fit="tile", size="48x32")
    assert "48 x 32 (pictures are tiled)" in model.notes[0]
    torch.testing.assert_close(made(model.score(batch)), batch.sqrt(), atol=1e-6, rtol=0)
