"""Inputs that the user gives, and outputs that the user chooses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from impasto.errors import BadInput
from impasto.scorers import registry
from impasto.scorers.params import Role
from impasto.scorers.roles import moved
from impasto.watch.allowed import check_allowed
from support.command import call
from support.onnx_nets import FLOAT, build, made, pictures, records, scorer

if TYPE_CHECKING:
    from pathlib import Path


def scaled() -> bytes:
    """A network that multiplies each channel by a further input, and adds another."""
    return build(
        [
            helper.make_node("Mul", ["x", "k"], ["m"]),
            helper.make_node("Cast", ["more"], ["f"], to=FLOAT),
            helper.make_node("Add", ["m", "f"], ["y"]),
        ],
        {
            "x": (FLOAT, [1, 3, "h", "w"]),
            "k": (FLOAT, [3, 1, 1]),
            "more": (TensorProto.INT64, []),
        },
        {"y": (FLOAT, [1, 3, "h", "w"])},
    )


def two_outputs() -> bytes:
    return build(
        [
            helper.make_node("Mul", ["x", "half"], ["dark"]),
            helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=0),
        ],
        {"x": (FLOAT, ["n", 3, "h", "w"])},
        {"dark": (FLOAT, ["n", 3, "h", "w"]), "mean": (FLOAT, ["n"])},
        half=np.float32(0.5),
    )


@pytest.mark.parametrize(
    ("k", "factors"),
    [
        ("0.5", [0.5, 0.5, 0.5]),
        ("[[[0.5]], [[1]], [[0]]]", [0.5, 1, 0]),
        ("zeros", [0, 0, 0]),
        (0.25, [0.25, 0.25, 0.25]),
        ([[[1]], [[0.5]], [[1]]], [1, 0.5, 1]),
    ],
)
def test_further_inputs_are_numbers_json_or_zeros(k: Any, factors: list[float]) -> None:
    batch = pictures(3)
    model = scorer(scaled(), input={"k": k, "more": 0})
    expected = batch * torch.tensor(factors)[:, None, None]
    torch.testing.assert_close(made(model.score(batch)), expected)
    assert "input 'x' float32 NCHW RGB, any size" in model.notes[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, r"takes 'x' .*'k' .*'more' int64 \(\), .* such as `input=k=zeros`"),
        ({"k": "1"}, "and no item is all of these"),
        ({"moore": "1"}, r"has no input 'moore'; .*more"),
        ({"k": "[1, 2, 3]", "more": "1"}, r"`input=k`: has the shape \(3,\), but .*\(3, 1, 1\)"),
        ({"k": "much", "more": "1"}, "'much' is no value; write a number, JSON"),
        ({"k": '["a"]', "more": "1"}, "is no array of numbers"),
        ({"k": "1", "more": "0.5"}, "`input=more`: does not fit 'more' int64"),
        ({"k": "1", "more": "1", "x": "1"}, "has no other input than those of `input`"),
        ({"k": "w.npy", "more": "1"}, "w.npy: is not an array in numpy's format"),
    ],
)
def test_what_no_input_takes_is_refused_in_one_line(given: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words) as raised:
        scorer(scaled(), input=given)
    assert "\n" not in str(raised.value)


def test_rows_have_further_inputs_too() -> None:
    model = build(
        [helper.make_node("Mul", ["X", "k"], ["y"])],
        {"X": (FLOAT, ["n", 2]), "k": (FLOAT, [2])},
        {"y": (FLOAT, ["n", 2])},
    )
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    found = records(scorer(model, input={"k": "[1, 10]"}).score(frame))
    assert found == [{"output": [1.0, 30.0]}, {"output": [2.0, 40.0]}]


def test_text_is_given_as_it_is() -> None:
    model = build(
        [helper.make_node("Concat", ["city", "more"], ["y"], axis=0)],
        {"city": (TensorProto.STRING, [1]), "more": (TensorProto.STRING, [1])},
        {"y": (TensorProto.STRING, [2])},
    )
    found = records(scorer(model, input={"more": "[x]"}).score(pd.DataFrame({"city": ["Łódź"]})))
    assert found == [{"output": ["Łódź", "[x]"]}]


def test_one_of_several_outputs_is_chosen() -> None:
    batch = pictures(2)
    both = scorer(two_outputs())
    assert both.notes[0].endswith("; outputs dark, mean (set `output_name` to take one)")
    every = records(both.score(batch))
    assert [[*each] for each in every] == [["dark", "mean"]] * 2
    dark = scorer(two_outputs(), output_name="dark")
    assert "outputs" not in dark.notes[0]
    torch.testing.assert_close(made(dark.score(batch)), batch / 2)
    means = records(scorer(two_outputs(), output_name="mean").score(batch))
    assert [each["output"] for each in means] == pytest.approx(batch.mean((1, 2, 3)).tolist())
    with pytest.raises(BadInput, match=r"no output 'darker'; did you mean dark\?"):
        scorer(two_outputs(), output_name="darker")
    with pytest.raises(BadInput, match="no output 'z'; choose from dark, mean"):
        scorer(two_outputs(), output_name="z")


def test_an_array_of_a_file_is_pinned_and_makes_the_jobs_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8), (200, 100, 50)).save(tmp_path / "p.png")
    (tmp_path / "net.onnx").write_bytes(scaled())
    np.save(tmp_path / "k.npy", np.array([0.5, 1, 0], np.float32).reshape(3, 1, 1))

    def run(name: str) -> dict[str, Any]:
        done = call(
            *("run", tmp_path / "p.png", "--scorer", f"onnx:{tmp_path / 'net.onnx'}"),
            *("--input", "k=k.npy", "--input=more=0", "--home", tmp_path / "home", "--json"),
            *("-o", tmp_path / name),
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    first = run("a.png")
    assert Image.open(tmp_path / "a.png").getpixel((3, 3)) == (100, 100, 0)
    shown = call("show", first["job"], "--home", tmp_path / "home")
    assert "--input k=k.npy" in shown.stdout
    assert "--input more=0" in shown.stdout
    assert run("b.png")["job"] == first["job"]
    np.save(tmp_path / "k.npy", np.ones((3, 1, 1), np.float32))
    assert run("c.png")["job"] != first["job"]


def test_a_value_needs_a_name_and_a_name_one_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").write_bytes(scaled())
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    for words, message in {
        ("--input", "k"): "--input k: has no name and value; write NAME=VALUE",
        ("--input", "k=1", "--input", "k=2"): "--input k=: is given twice; leave one out",
        ("--size", "big"): "--size big: must be a size such as 640x480",
    }.items():
        done = call("run", "a.png", "--scorer", "onnx:net.onnx", *words, "-o", tmp_path / "b.png")
        assert done.returncode == 2
        assert message in done.stderr


def test_arrays_are_files_like_others_by_their_names() -> None:
    entry = registry.find("onnx")
    params: dict[str, Any] = {"model": "a.onnx", "input": {"k": "k.npy", "sr": 16000, "name": "x"}}
    found = [(file.name, file.role, file.url) for file in entry.files(params)]
    assert found == [("model", Role.FILE, "a.onnx"), ("input.k", Role.FILE, "k.npy")]
    there = moved(params, {"model": "b.onnx", "input.k": "az://c/k.npy"})
    assert there == {"model": "b.onnx", "input": {**params["input"], "k": "az://c/k.npy"}}
    assert params["input"]["k"] == "k.npy"
    with pytest.raises(BadInput, match="`input`: must hold texts, numbers or lists of numbers"):
        entry.parse({"model": "a.onnx", "input": {"k": np.ones(3)}})


def test_trigger_files_may_not_name_arrays() -> None:
    with pytest.raises(BadInput, match="input is nothing that a trigger file may set"):
        check_allowed(["input"], registry.find("onnx"))
    check_allowed(["fit"], registry.find("onnx"))
