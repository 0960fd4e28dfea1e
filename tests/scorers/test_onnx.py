from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import TensorProto, helper
from PIL import Image

from impasto import JobSpec, Settings
from impasto.driver import api
from impasto.errors import BadInput, Unavailable
from impasto.jobs.job import Job
from impasto.scorers.fitting import mirror, tile
from impasto.scorers.onnx import rows
from impasto.scorers.onnx.session import elsewhere_named, open_session
from impasto.scorers.onnx.signature import Field, RowInput
from impasto.scorers.values import DEVIATION, MEAN
from impasto.storage.stores import Stores
from support.calls import calls_of
from support.command import call
from support.model_file import ModelFile
from support.onnx_nets import BYTE, FLOAT, HALF, build, made, pictures, records, scorer

KERNEL = torch.randn(3, 3, 3, 3, generator=torch.Generator().manual_seed(3)) / 12


def blur(*shape: Any) -> bytes:
    """A local picture network: a padded 3x3 convolution, then a sigmoid."""
    return build(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("Sigmoid", ["c"], ["y"]),
        ],
        {"x": (FLOAT, shape or ["n", 3, "h", "w"])},
        {"y": (FLOAT, ["n", 3, None, None])},
        w=KERNEL.numpy(),
    )


def blurred(pictures: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(F.conv2d(pictures, KERNEL, padding=1))


def same(*shape: Any, kind: int = FLOAT) -> bytes:
    """A network that returns its input."""
    return build(
        [helper.make_node("Identity", ["x"], ["y"])], {"x": (kind, shape)}, {"y": (kind, None)}
    )


def test_pictures_of_any_size_match_torch() -> None:
    model = scorer(blur())
    for height, width in ((20, 28), (7, 41)):
        batch = pictures(3, height, width)
        torch.testing.assert_close(made(model.score(batch)), blurred(batch), atol=1e-6, rtol=0)
    assert model.batch == 0
    assert model.notes == (
        "net.onnx: input 'x' float32 NCHW RGB, any size, "
        "values 0 to 1 (assumed; set `range` to change that)",
    )


def test_bytes_with_colours_last_are_rounded_and_come_back() -> None:
    model = build(
        [
            helper.make_node("Cast", ["x"], ["f"], to=FLOAT),
            helper.make_node("Sub", ["white", "f"], ["g"]),
            helper.make_node("Cast", ["g"], ["y"], to=BYTE),
        ],
        {"x": (BYTE, ["n", "h", "w", 3])},
        {"y": (BYTE, ["n", "h", "w", 3])},
        white=np.float32(255),
    )
    batch = pictures()
    inverse = scorer(model)
    torch.testing.assert_close(made(inverse.score(batch + 0.0015)), 1 - batch, atol=1e-6, rtol=0)
    assert "uint8 NHWC RGB, any size, values 0 to 255" in inverse.notes[0]
    assert "assumed" not in inverse.notes[0]
    with pytest.raises(BadInput, match="takes values 0 to 255; leave `range` out"):
        scorer(model, range="unit")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("unit", lambda x: x),
        ("signed", lambda x: x * 2 - 1),
        ("byte", lambda x: x * 255),
        (
            "imagenet",
            lambda x: (
                (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
            ),
        ),
    ],
)
def test_each_range_is_what_the_network_sees_and_is_undone(name: str, expected: Any) -> None:
    batch = pictures()
    seen = records(scorer(_flat(), range=name).score(batch))
    torch.testing.assert_close(
        torch.tensor([each["output"] for each in seen]),
        expected(batch).flatten(1),
        atol=1e-4,
        rtol=1e-6,
    )
    back = made(scorer(same("n", 3, "h", "w"), range=name).score(batch))
    torch.testing.assert_close(back, batch, atol=1e-6, rtol=0)


def _flat() -> bytes:
    return build(
        [helper.make_node("Flatten", ["x"], ["y"])],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"y": (FLOAT, ["n", None])},
    )


def test_blue_first_swaps_what_goes_in_and_what_comes_out() -> None:
    batch = pictures()
    result = made(scorer(blur(), channels="bgr").score(batch))
    torch.testing.assert_close(result, blurred(batch.flip(1)).flip(1), atol=1e-6, rtol=0)


def test_half_precision_and_one_channel_are_met() -> None:
    batch = pictures()
    half = made(scorer(same("n", 3, "h", "w", kind=HALF)).score(batch))
    torch.testing.assert_close(half, batch, atol=5e-4, rtol=0)
    luma = made(scorer(same("n", 1, "h", "w")).score(batch))
    assert luma.shape == batch.shape
    red, green, blue = batch.unbind(1)
    torch.testing.assert_close(luma[:, 2], 0.2126 * red + 0.7152 * green + 0.0722 * blue)


def _scaled(by: float) -> bytes:
    return build(
        [helper.make_node("Mul", ["x", "k"], ["y"])],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"y": (FLOAT, ["n", 3, "h", "w"])},
        k=np.float32(by),
    )


def test_output_that_contradicts_the_assumed_range_is_refused() -> None:
    batch = pictures()
    with pytest.raises(ValueError, match="set `range` or `output_range`"):
        scorer(_scaled(255)).score(batch)
    torch.testing.assert_close(made(scorer(_scaled(255), output_range="byte").score(batch)), batch)
    overshoot = made(scorer(_scaled(1.5)).score(batch))
    torch.testing.assert_close(overshoot, (batch * 1.5).clamp(0, 1))


def _upscaler(*shape: Any) -> bytes:
    weights = torch.randn(12, 3, 3, 3, generator=torch.Generator().manual_seed(5)) / 9
    return build(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("Sigmoid", ["c"], ["s"]),
            helper.make_node("DepthToSpace", ["s"], ["y"], blocksize=2, mode="CRD"),
        ],
        {"x": (FLOAT, shape)},
        {"y": (FLOAT, None)},
        w=weights.numpy(),
    )


def _upscaled(batch: torch.Tensor) -> torch.Tensor:
    weights = torch.randn(12, 3, 3, 3, generator=torch.Generator().manual_seed(5)) / 9
    return F.pixel_shuffle(torch.sigmoid(F.conv2d(batch, weights, padding=1)), 2)


def test_super_resolution_comes_out_larger() -> None:
    model = scorer(_upscaler("n", 3, "h", "w"))
    batch = pictures(2, 9, 14)
    assert model.resizes
    torch.testing.assert_close(made(model.score(batch)), _upscaled(batch), atol=1e-6, rtol=0)


def test_tiles_of_a_local_model_equal_the_whole() -> None:
    batch = pictures(2, 75, 130)
    model = ModelFile(blur("n", 3, 32, 48))
    tiled = made(scorer(model, fit="tile").score(batch))
    torch.testing.assert_close(tiled, blurred(batch), atol=1e-6, rtol=0)
    assert model.beats > 9
    larger = made(scorer(_upscaler(1, 3, 32, 32), fit="tile").score(batch))
    torch.testing.assert_close(larger, _upscaled(batch), atol=1e-6, rtol=0)


def test_tiles_of_an_unsteady_model_leave_no_seam() -> None:
    levels = iter(torch.linspace(0, 1, 16))
    flat = tile(torch.zeros(1, 3, 64, 150), (64, 64), lambda t: t * 0 + next(levels))
    steps = flat[0, 0, 0].diff()
    assert float(flat.max()) > 0.1
    assert float(steps.abs().max()) <= 1 / 15 / 8 + 1e-6


def test_pictures_smaller_than_a_tile_are_mirrored() -> None:
    batch = pictures(1, 5, 1)
    result = made(scorer(blur("n", 3, 16, 16), fit="tile").score(batch))
    assert result.shape == batch.shape
    grown = np.pad(batch.numpy(), ((0, 0), (0, 0), (0, 11), (0, 15)), mode="reflect")
    torch.testing.assert_close(mirror(batch, (16, 16)), torch.from_numpy(grown))
    expected = blurred(torch.from_numpy(grown))[:, :, :5, :1]
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)


def test_a_fixed_size_is_met_by_resizing_there_and_back() -> None:
    batch = pictures(3, 60, 40)
    model = scorer(same(1, 3, 32, 32))
    assert model.batch == 1
    assert "32 x 32 (pictures are resized)" in model.notes[0]
    small = F.interpolate(batch, (32, 32), mode="bicubic", antialias=True).clamp(0, 1)
    back = F.interpolate(small, (60, 40), mode="bicubic", antialias=True).clamp(0, 1)
    torch.testing.assert_close(made(model.score(batch)), back)
    assert made(scorer(_upscaler(1, 3, 32, 32)).score(batch)).shape == (3, 3, 120, 80)


def test_a_fixed_mini_batch_is_filled_and_the_rest_dropped() -> None:
    batch = pictures(5)
    model = scorer(blur(2, 3, 20, 28))
    assert model.batch == 2
    torch.testing.assert_close(made(model.score(batch)), blurred(batch), atol=1e-6, rtol=0)


def _classifier(first: Any = "n") -> bytes:
    return build(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Softmax", ["f"], ["probabilities"]),
            helper.make_node("ReduceMax", ["f"], ["best"], axes=[1], keepdims=1),
        ],
        {"x": (FLOAT, [first, 3, 16, 16])},
        {"probabilities": (FLOAT, [first, 3]), "best": (FLOAT, [first, 1])},
    )


def test_a_classifier_makes_a_record_a_picture() -> None:
    batch = pictures(4, 16, 16)
    means = batch.mean((2, 3))
    for first in ("n", 1, 3):
        found = records(scorer(_classifier(first)).score(batch))
        assert [list(each) for each in found] == [["probabilities", "best"]] * 4
        np.testing.assert_allclose(
            [each["probabilities"] for each in found], means.softmax(1), atol=1e-6
        )
        np.testing.assert_allclose([each["best"] for each in found], means.amax(1), atol=1e-6)


def test_one_vector_is_called_output_and_is_no_picture() -> None:
    pool = build(
        [helper.make_node("GlobalAveragePool", ["x"], ["p"])],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"p": (FLOAT, ["n", 3, 1, 1])},
    )
    batch = pictures()
    found = records(scorer(pool).score(batch))
    np.testing.assert_allclose(
        [each["output"] for each in found], batch.mean((2, 3), keepdim=True), atol=1e-6
    )


def test_tiles_are_refused_for_a_model_that_makes_no_pictures() -> None:
    with pytest.raises(ValueError, match="set `fit=resize`"):
        scorer(_classifier(), fit="tile").score(pictures(1, 40, 40))


def test_detections_of_a_single_picture_are_its_own() -> None:
    found = build(
        [helper.make_node("Slice", ["boxes", "from", "to"], ["y"])],
        {"x": (FLOAT, [1, 3, 8, 8])},
        {"y": (FLOAT, ["k", 2])},
        boxes=np.arange(8, dtype=np.float32).reshape(4, 2),
        **{"from": np.array([1]), "to": np.array([4])},
    )
    boxes = [[2, 3], [4, 5], [6, 7]]
    assert records(scorer(found).score(pictures(2, 8, 8))) == [{"output": boxes}] * 2


def test_what_does_not_grow_with_the_mini_batch_belongs_to_one_picture() -> None:
    total = build(
        [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"y": (FLOAT, [])},
    )
    model, batch = scorer(total), pictures()
    assert model.batch == 1
    assert "any size, one by one, values 0 to 1" in model.notes[0]
    sums = [each["output"] for each in records(model.score(batch))]
    assert sums == pytest.approx(batch.sum((1, 2, 3)).tolist(), rel=1e-5)


def _linear(features: Any = 2, kind: int = FLOAT) -> bytes:
    return build(
        [
            helper.make_node("Cast", ["X"], ["f"], to=FLOAT),
            helper.make_node("MatMul", ["f", "w"], ["y"]),
        ],
        {"X": (kind, ["n", features])},
        {"y": (FLOAT, ["n", 1])},
        w=np.array([[1], [10]], np.float32),
    )


def test_a_matrix_takes_the_columns_in_order() -> None:
    frame = pd.DataFrame({"b": [1.5, 2.0, np.nan], "a": [3, 4, 5]})
    model = scorer(_linear())
    first, second, third = (each["output"] for each in records(model.score(frame)))
    assert (first, second) == (31.5, 42.0)
    assert np.isnan(third)
    assert model.notes == ("net.onnx: input 'X' float32 (?, 2)",)
    nullable = frame.convert_dtypes()
    assert records(model.score(nullable[:2])) == [{"output": 31.5}, {"output": 42.0}]


def test_columns_choose_the_features() -> None:
    frame = pd.DataFrame({"id": ["x", "y"], "a": [3, 4], "b": [True, False]})
    with pytest.raises(BadInput, match=r"takes 2 features, but the table has 3 \(id, a, b\)"):
        scorer(_linear()).score(frame)
    with pytest.raises(BadInput, match=r"but `columns` names 1 \(a\); set .* names of 2$"):
        scorer(_linear(), columns="a").score(frame)
    with pytest.raises(ValueError, match=r"'id' holds 'x', which is not a number"):
        scorer(_linear(), columns="id,a").score(frame)
    frame["day"] = pd.Timestamp("2024-01-01")
    with pytest.raises(BadInput, match="'day' is not numeric"):
        scorer(_linear(), columns="day,a").score(frame)
    with pytest.raises(BadInput, match=r"needs a column 'c'.*; correct `columns`"):
        scorer(_linear(), columns="a, c").score(frame)
    assert records(scorer(_linear(), columns="b, a").score(frame)) == [
        {"output": 31.0},
        {"output": 40.0},
    ]


@pytest.mark.parametrize("dtype", ["str", "object"])
@pytest.mark.parametrize("kind", [FLOAT, TensorProto.INT64])
def test_texts_that_are_numbers_are_taken_for_them(dtype: str, kind: int) -> None:
    frame = pd.DataFrame({"a": pd.Series(["007", "8"], dtype=dtype), "b": [1, 2]})
    assert records(scorer(_linear(kind=kind)).score(frame)) == [{"output": 17.0}, {"output": 28.0}]
    frame["a"] = pd.Series([None, [1]] if dtype == "object" else [None, "abc"], dtype=dtype)
    with pytest.raises(ValueError, match="which is not a number"):
        scorer(_linear(kind=kind)).score(frame)


def test_a_word_for_a_missing_value_is_one_beside_texts() -> None:
    frame = pd.DataFrame({"a": pd.Series(["NA", "8"], dtype="str"), "b": [1, 2]})
    missing, known = records(scorer(_linear()).score(frame))
    assert np.isnan(missing["output"])
    assert known == {"output": 28.0}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "a,b\n1,2\nabc,2\n3,4\n"),
        ("t.jsonl", '{"a": 1, "b": 2}\n{"a": "abc", "b": 2}\n{"a": 3, "b": 4}\n'),
    ],
)
def test_a_cell_that_is_no_number_costs_its_row_alone(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "net.onnx").write_bytes(_linear())
    output = tmp_path / "o.jsonl"
    done = call(
        *("run", tmp_path / name, "--scorer", f"onnx:{tmp_path / 'net.onnx'}", "-o", output),
        *("--home", tmp_path / "home", "--max-failed", 1, "--json"),
    )
    assert done.returncode == 0, done.stderr
    (aside,) = json.loads(done.stdout)["aside"]
    assert aside["item"] == 1
    assert "column 'a' holds 'abc', which is not a number" in aside["error"]
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(it["item"], it["output"]) for it in found] == [(0, 21.0), (2, 43.0)]


@pytest.mark.parametrize("columns", ["", "a,b"])
def test_missing_values_that_a_model_got_as_nan_are_counted_by_column(
    tmp_path: Path, columns: str
) -> None:
    (tmp_path / "net.onnx").write_bytes(_linear())
    (tmp_path / "mood.csv").write_text("a,b\n,2\n3,4\n5,\n,6\n7,8\n,oops\n9,9\n")
    chosen = {"columns": columns} if columns else {}
    job = JobSpec(
        source=str(tmp_path / "mood.csv"),
        output=str(tmp_path / "o.jsonl"),
        scorer="onnx",
        params={"model": str(tmp_path / "net.onnx"), **chosen},
        shard_frames=2,
        max_failed=1,
    )
    settings = Settings(home=str(tmp_path / "home"), engine="inline")
    result = api.run(job, settings=settings)
    assert (result.items, result.failed) == (7, 1)
    # The row that failed got nothing.
    told = "the model got NaN for missing values: a (2 rows), b (1 row)"
    assert result.notes == ("net.onnx: input 'X' float32 (?, 2)", told)
    again = api.finish(Job(Stores({}).open_home(settings.home), result.job), settings=settings)
    assert told in again.notes


def test_values_that_are_there_are_not_said_to_be_missing() -> None:
    frame = pd.DataFrame({"a": [3, 4], "b": [1.5, 2.0]})
    assert scorer(_linear()).score(frame).missing == [[], []]
    named = build(
        [helper.make_node("Neg", ["age"], ["y"])],
        {"age": (FLOAT, ["n", 1])},
        {"y": (FLOAT, ["n", 1])},
    )
    frame = pd.DataFrame({"age": [None, 4.0], "other": [None, None]})
    assert scorer(named).score(frame).missing == [["age"], []]


def test_a_wide_table_is_fed_without_a_look_at_each_column() -> None:
    def cost(width: int) -> int:
        taken = RowInput((Field("X", "float32", (None, None)),), matrix=True, batch=0)
        frame = pd.DataFrame(np.ones((3, width)))
        return calls_of(lambda: rows.feed("net.onnx", taken, frame, ""))

    assert cost(4000) < cost(1000) + 3000 * 5


def test_whole_numbers_are_converted_only_where_nothing_is_lost() -> None:
    model = scorer(_linear(kind=TensorProto.INT64))
    assert records(model.score(pd.DataFrame({"a": [1.0], "b": [2.0]}))) == [{"output": 21.0}]
    with pytest.raises(ValueError, match="'a' holds a value that does not fit input 'X' int64"):
        model.score(pd.DataFrame({"a": [1.5], "b": [2.0]}))
    with pytest.raises(ValueError, match="'b' lacks a value"):
        model.score(pd.DataFrame({"a": [1.0], "b": [None]}, dtype="float64"))


def test_a_fixed_number_of_rows_is_filled() -> None:
    model = build(
        [helper.make_node("Identity", ["X"], ["y"])],
        {"X": (FLOAT, [2, 2])},
        {"y": (FLOAT, [2, 2])},
    )
    frame = pd.DataFrame(np.arange(10.0).reshape(5, 2))
    found = records(scorer(model).score(frame))
    assert [each["output"] for each in found] == frame.to_numpy().tolist()


def test_columns_are_fed_by_name_whatever_their_order() -> None:
    model = build(
        [
            helper.make_node("Squeeze", ["age", "one"], ["flat"]),
            helper.make_node("Neg", ["flat"], ["minus"]),
            helper.make_node("Identity", ["city"], ["place"]),
        ],
        {"age": (FLOAT, ["n", 1]), "city": (TensorProto.STRING, ["n"])},
        {"minus": (FLOAT, ["n"]), "place": (TensorProto.STRING, ["n"])},
        one=np.array([1]),
    )
    frame = pd.DataFrame({"city": ["Bonn", "Łódź"], "extra": [0, 0], "age": [3, 4]})
    assert records(scorer(model).score(frame)) == [
        {"minus": -3.0, "place": "Bonn"},
        {"minus": -4.0, "place": "Łódź"},
    ]
    with pytest.raises(BadInput, match="needs a column 'age', but the table has city"):
        scorer(model).score(frame[["city"]])
    with pytest.raises(ValueError, match="'city' lacks a value"):
        scorer(model).score(pd.DataFrame({"city": [None, "x"], "age": [1, 2]}))


def test_a_dictionary_of_probabilities_is_a_record_a_row() -> None:
    classes = helper.make_node(
        "LinearClassifier",
        ["X"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        coefficients=[1.0, 0.0, 0.0, 1.0],
        intercepts=[0.0, 0.0],
        classlabels_ints=[7, 8],
        post_transform="SOFTMAX",
    )
    mapped = helper.make_node(
        "ZipMap", ["scores"], ["chances"], domain="ai.onnx.ml", classlabels_int64s=[7, 8]
    )
    content = build(
        [classes, mapped],
        {"X": (FLOAT, ["n", 2])},
        {"label": (TensorProto.INT64, ["n"])},
    )
    model = onnx.load_from_string(content)
    key = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(FLOAT, None))
    model.graph.output.append(
        helper.make_value_info("chances", helper.make_sequence_type_proto(key))
    )
    rows = np.array([[3.0, 1.0], [0.0, 2.0]])
    found = records(scorer(model.SerializeToString()).score(pd.DataFrame(rows)))
    assert [each["label"] for each in found] == [7, 8]
    expected = torch.tensor(rows).softmax(1)
    np.testing.assert_allclose([list(each["chances"].values()) for each in found], expected, 1e-5)
    assert [list(each["chances"]) for each in found] == [["7", "8"]] * 2


def test_items_of_the_wrong_kind_are_refused_with_the_remedy() -> None:
    with pytest.raises(BadInput, match="takes rows, not pictures; give a table"):
        scorer(_linear()).score(pictures())
    with pytest.raises(BadInput, match="takes pictures, not rows; give pictures"):
        scorer(blur()).score(pd.DataFrame({"a": [1]}))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (("n", 5, 7), r"input 'x' float32 \(\?, 5, 7\) has an unsupported form"),
        (("n", 5, 8, 8), r"input 'x' float32 \(\?, 5, 8, 8\) has 5 channels"),
    ],
)
def test_unknown_inputs_are_refused_at_load(shape: tuple[Any, ...], words: str) -> None:
    with pytest.raises(BadInput, match=words) as raised:
        scorer(same(*shape))
    assert "\n" not in str(raised.value)
    assert "supported are" in str(raised.value)


def test_several_pictures_at_once_are_refused_at_load() -> None:
    two = build(
        [helper.make_node("Add", ["a", "b"], ["y"])],
        {"a": (FLOAT, ["n", 3, 8, 8]), "b": (FLOAT, ["n", 3, 8, 8])},
        {"y": (FLOAT, None)},
    )
    with pytest.raises(BadInput, match=r"'a' .* and no item is all of these; give all but one"):
        scorer(two)


def test_layout_decides_where_the_shape_does_not() -> None:
    batch = pictures(1, 6, 9)
    free = ("n", "a", "b", "c")
    first = records(scorer(_shape(*free)).score(batch))
    last = records(scorer(_shape(*free), layout="nhwc").score(batch))
    assert (first, last) == ([{"output": [1, 3, 6, 9]}], [{"output": [1, 6, 9, 3]}])


def _shape(*shape: Any) -> bytes:
    return build(
        [
            helper.make_node("Shape", ["x"], ["s"]),
            helper.make_node("Unsqueeze", ["s", "at"], ["y"]),
        ],
        {"x": (FLOAT, shape)},
        {"y": (TensorProto.INT64, [1, 4])},
        at=np.array([0]),
    )


def apart(path: Path, location: str) -> bytes:
    """Write a model whose weights are in another file; returns the model."""
    model = onnx.load_from_string(blur())
    onnx.save(model, path, save_as_external_data=True, location=location, size_threshold=1)
    return path.read_bytes()


@pytest.mark.parametrize("location", ["net.data", "weights of a net." + "x" * 180])
def test_weights_in_another_file_are_those_that_are_given(tmp_path: Path, location: str) -> None:
    content = apart(tmp_path / "net.onnx", location)
    with pytest.raises(BadInput, match=r"keeps its weights in (net|weights of a net)\.") as raised:
        open_session("net.onnx", content, "cpu")
    assert "is not beside it; set `data` to that file" in str(raised.value)
    session = open_session("net.onnx", content, "cpu", (tmp_path / location).read_bytes())
    whole = open_session("net.onnx", blur(), "cpu")
    picture = np.random.default_rng(1).random((1, 3, 8, 8), np.float32)
    feed = {whole.get_inputs()[0].name: picture}
    assert np.array_equal(session.run(None, feed)[0], whole.run(None, feed)[0])
    with pytest.raises(BadInput, match="is not an ONNX model that can be run"):
        open_session("net.onnx", content, "cpu", b"short")


def test_weights_in_many_files_are_refused(tmp_path: Path) -> None:
    one, two = (apart(tmp_path / "net.onnx", name) for name in ("a.data", "b.data"))
    assert elsewhere_named(one + two) == {"a.data", "b.data"}
    with pytest.raises(BadInput, match=r"in 2 other files; save it as one file: onnx\.save"):
        open_session("net.onnx", one + two, "cpu", b"")


@pytest.mark.parametrize("ending", [".data", "_data"])
def test_weights_beside_a_model_go_with_it_and_are_pinned(tmp_path: Path, ending: str) -> None:
    model, image = tmp_path / "net.onnx", tmp_path / "a.png"
    apart(model, "as it was called when it was exported")
    (tmp_path / "as it was called when it was exported").rename(f"{model}{ending}")
    Image.fromarray(np.full((8, 8, 3), 100, np.uint8)).save(image)
    words = ("run", image, "--scorer", f"onnx:{model}", "--home", tmp_path / "home", "--json")

    def job(*more: object) -> str:
        done = call(*words, *more)
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["job"])

    first = job("-o", tmp_path / "made.png")
    assert job("-o", tmp_path / "made.png", "--data", f"{model}{ending}") == first
    weights = bytearray(Path(f"{model}{ending}").read_bytes())
    weights[0] ^= 1
    Path(f"{model}{ending}").write_bytes(weights)
    assert job("-o", tmp_path / "made.png", "--overwrite") != first
    Path(f"{model}{ending}").rename(tmp_path / "elsewhere")
    done = call(*words, "-o", tmp_path / "other.png")
    assert done.returncode == 2
    assert "is not beside it; set --data to that file" in done.stdout


@pytest.mark.parametrize("content", [b"", b"no model", blur()[:60]])
def test_damaged_models_are_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(
        BadInput, match=r"net\.onnx: is not an ONNX model that can be run"
    ) as raised:
        scorer(content)
    assert "\n" not in str(raised.value)


def test_cuda_is_never_replaced_by_the_cpu() -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(Unavailable, match=r"ONNX Runtime cannot use cuda:1 .*`device=cpu`"):
        scorer(blur(), "cuda:1")


def test_threads_share_a_model() -> None:
    model = scorer(blur())
    batches = [pictures(1, 16 + n, 20, seed=n) for n in range(12)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(model.score, batches))
    for batch, result in zip(batches, results, strict=True):
        torch.testing.assert_close(made(result), blurred(batch), atol=1e-6, rtol=0)


def test_pictures_do_not_depend_on_their_mini_batch() -> None:
    model = scorer(blur())
    batch = pictures(5)
    alone = torch.cat([made(model.score(picture[None])) for picture in batch])
    assert torch.equal(made(model.score(batch)), alone)
