"""Results that are arrays: folders of numpy's files, nested lists of Parquet, and no long lines."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from impasto import BadInput, Incomplete, Interrupted, JobSpec, Settings
from impasto.driver import api
from support import inprocess
from support.command import call
from support.jobs import spec, the_job

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from conftest import MakeClip
    from impasto.schema.progress import Progress

CLASS = """
from pathlib import Path

import numpy as np


class Model:
    def __init__(self, many: bool = False) -> None:
        self.many = many

    def score(self, batch):
        mood = Path(__file__).with_name("mood")
        if mood.exists() and any(picture[0, 0, 0] == 3 for picture in batch):
            raise ValueError("not 3")
        depth = [picture.astype("float32").mean(axis=2) / 3 for picture in batch]
        if not self.many:
            return np.stack(depth)[:, None]
        return [{"depth": each, "level": float(each.mean()), "name": "x"} for each in depth]
"""
SIDE = 64
"""Of pictures: their depth is 16 kB, which is too much for a line of text."""


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def picture(n: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(n).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    noise[0, 0, 0] = n
    return noise


def depth(n: int) -> NDArray[np.float32]:
    made: NDArray[np.float32] = picture(n).astype("float32").mean(axis=2) / 3
    return made


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for n in range(6):
        Image.fromarray(picture(n)).save(folder / ("more" if n > 3 else "") / f"{n}.png")
    return folder


def modelled(photos: Path, output: Path, **fields: Any) -> JobSpec:
    module = output.parent / "model.py"
    module.write_text(CLASS)
    scorer = f"python:{module}:Model"
    source = photos / "**/*.png" if photos.is_dir() else photos
    return spec(source, output, scorer=scorer, **{"shard_frames": 3, **fields})


def test_each_item_becomes_an_array_of_its_name(
    photos: Path, tmp_path: Path, settings: Settings
) -> None:
    result = api.run(modelled(photos, tmp_path / "out", frames="npy"), settings=settings)
    assert (result.items, result.failed) == (6, 0)
    made = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert made == {"0.npy", "1.npy", "2.npy", "3.npy", "more/4.npy", "more/5.npy"}
    array = np.load(tmp_path / "out/more/4.npy")
    assert (array.dtype, array.shape) == (np.float32, (1, SIDE, SIDE))
    np.testing.assert_array_equal(array[0], depth(4))


def test_several_values_of_an_item_are_held_by_name_in_the_same_bytes_each_time(
    photos: Path, tmp_path: Path, settings: Settings
) -> None:
    job = modelled(photos, tmp_path / "out", frames="npz", params={"many": True})
    api.run(job, settings=settings)
    first = (tmp_path / "out/1.npz").read_bytes()
    with np.load(tmp_path / "out/1.npz") as held:
        np.testing.assert_array_equal(held["depth"], depth(1))
        assert float(held["level"]) == pytest.approx(depth(1).mean())
        assert str(held["name"]) == "x"
    again = Settings(home=str(tmp_path / "other"))
    api.run(job.model_copy(update={"output": str(tmp_path / "again")}), settings=again)
    assert (tmp_path / "again/1.npz").read_bytes() == first


def test_several_values_do_not_fit_into_one_array(
    photos: Path, tmp_path: Path, settings: Settings
) -> None:
    job = modelled(photos, tmp_path / "out", frames="npy", params={"many": True})
    with pytest.raises(BadInput, match=r"3 values of an item \(depth, level, name\)") as refused:
        api.run(job, settings=settings)
    assert refused.value.remedy == "set `frames=npz`"


def test_an_item_that_fails_has_no_array_until_a_retry(
    photos: Path, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "mood").touch()
    job = modelled(photos, tmp_path / "out", frames="npy")
    with pytest.raises(Incomplete, match=r"5 of 6 images written to out; 1 failed"):
        api.run(job, settings=settings)
    assert not (tmp_path / "out/3.npy").exists()
    before = (tmp_path / "out/more/4.npy").stat()
    (tmp_path / "mood").unlink()
    result = api.finish(the_job(settings), settings=settings, retry=True)
    assert (result.items, result.failed, result.scored) == (6, 0, 1)
    np.testing.assert_array_equal(np.load(tmp_path / "out/3.npy")[0], depth(3))
    assert (tmp_path / "out/more/4.npy").stat().st_size == before.st_size


def test_a_stopped_job_goes_on_with_the_arrays_that_are_missing(
    photos: Path, tmp_path: Path, settings: Settings
) -> None:
    job, stop = modelled(photos, tmp_path / "out", frames="npz"), threading.Event()

    def watch(_: Progress) -> None:
        if inprocess.InProcess.ran:
            stop.set()

    with pytest.raises(Interrupted):
        api.run(job, settings=settings, on_progress=watch, stop=stop)
    assert not (tmp_path / "out").exists()
    result = api.run(job, settings=settings)
    assert (result.items, result.scored) == (6, 3)
    for n in range(6):
        with np.load(next((tmp_path / "out").rglob(f"{n}.npz"))) as held:
            np.testing.assert_array_equal(held["output"][0], depth(n))


def test_parquet_keeps_its_arrays_where_a_retry_scores_one_item(
    photos: Path, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "mood").touch()
    with pytest.raises(Incomplete, match=r"5 of 6 images written to out\.parquet"):
        api.run(modelled(photos, tmp_path / "out.parquet"), settings=settings)
    (tmp_path / "mood").unlink()
    result = api.finish(the_job(settings), settings=settings, retry=True)
    assert (result.items, result.scored) == (6, 1)
    for n, row in enumerate(pq.read_table(tmp_path / "out.parquet")["output"].to_pylist()):
        np.testing.assert_array_equal(np.array(row[0], np.float32), depth(n))


def test_an_accepted_failure_leaves_the_other_arrays(
    photos: Path, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "mood").touch()
    result = api.run(
        modelled(photos, tmp_path / "out", frames="npy", max_failed=1), settings=settings
    )
    assert result.failed == 1
    assert len([*(tmp_path / "out").rglob("*.npy")]) == 5


def test_frames_and_rows_are_counted_from_1(
    clip: MakeClip, tmp_path: Path, settings: Settings
) -> None:
    api.run(modelled(clip(frames=4), tmp_path / "out", frames="npy"), settings=settings)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{n:06d}.npy" for n in range(1, 5)
    ]
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "rows.py").write_text(
        "class Rows:\n    def score(self, batch):\n        return batch.to_numpy() * 2.0\n"
    )
    api.run(
        spec(
            tmp_path / "rows.csv",
            tmp_path / "rows",
            scorer=f"python:{tmp_path / 'rows.py'}:Rows",
            frames="npy",
        ),
        settings=settings,
    )
    np.testing.assert_array_equal(np.load(tmp_path / "rows/000002.npy"), [6.0, 8.0])


def test_parquet_holds_arrays_as_nested_lists_of_their_own_type(
    photos: Path, tmp_path: Path, settings: Settings
) -> None:
    api.run(modelled(photos, tmp_path / "out.parquet"), settings=settings)
    table = pq.read_table(tmp_path / "out.parquet")
    floats = pa.list_(pa.list_(pa.list_(pa.float32())))
    assert table.schema.field("output").type == floats
    for n, row in enumerate(table["output"].to_pylist()):
        np.testing.assert_array_equal(np.array(row, np.float32)[0], depth(n))
    frame = pd.read_parquet(tmp_path / "out.parquet")
    np.testing.assert_array_equal(np.stack(frame["output"][5][0]), depth(5))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".txt"])
def test_text_does_not_hold_large_arrays(
    suffix: str, photos: Path, tmp_path: Path, settings: Settings
) -> None:
    with pytest.raises(BadInput, match=r"0\.png: its record holds arrays of 16 kB") as refused:
        api.run(modelled(photos, tmp_path / f"out{suffix}"), settings=settings)
    assert refused.value.remedy == "choose .parquet as output, or a folder with `frames=npy`"


@pytest.mark.parametrize("kind", ["onnx", "checkpoint"])
def test_a_model_gives_its_numbers_as_they_are_where_arrays_are_wanted(
    kind: str, photos: Path, tmp_path: Path, settings: Settings
) -> None:
    # Its one channel, which would be a grey picture, is far outside any picture's range.
    if kind == "onnx":
        model = tmp_path / "model.onnx"
        model.write_bytes(_thousandfold())
    else:
        model = tmp_path / "model.pt"
        scripted: Any = torch.jit.script(_Thousandfold())
        scripted.save(str(model))
    scorer = f"{kind}:{model}"
    job = spec(photos, tmp_path / "out", scorer=scorer, frames="npy", params={"range": "unit"})
    api.run(job, settings=settings)
    red = picture(2)[..., 0].astype("float32") / 255
    array = np.load(tmp_path / "out/2.npy")
    assert array.shape == (1, SIDE, SIDE)
    np.testing.assert_allclose(array[0], red * 1000, rtol=1e-5, atol=1e-3)


class _Thousandfold(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1] * 1000


def _thousandfold() -> bytes:
    graph = helper.make_graph(
        [
            helper.make_node("Split", ["x", "parts"], ["r", "g", "b"], axis=1),
            helper.make_node("Mul", ["r", "k"], ["y"]),
        ],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [
            helper.make_tensor("parts", TensorProto.INT64, [3], [1, 1, 1]),
            helper.make_tensor("k", TensorProto.FLOAT, [1], [1000.0]),
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return model


def test_arrays_need_a_folder_and_a_scorer_that_makes_them(photos: Path, tmp_path: Path) -> None:
    words = ["run", photos, "--home", tmp_path / "home", "--frames", "npy"]
    named = call(*words, "--scorer", "identity", "-o", tmp_path / "out.mp4")
    assert "out.mp4: is named like a file, but arrays need a folder; name a folder" in named.stderr
    cannot = call(*words, "--scorer", "identity", "-o", tmp_path / "out")
    assert "out: scorer identity does not make arrays" in cannot.stderr
    assert (named.returncode, cannot.returncode) == (2, 2)


def test_a_folder_of_arrays_is_replaced_on_request(
    photos: Path, tmp_path: Path, settings: Settings
) -> None:
    job = modelled(photos, tmp_path / "out", frames="npy")
    api.run(job, settings=settings)
    other = job.model_copy(update={"frames": "npz", "overwrite": True})
    api.run(other, settings=settings)
    assert {path.suffix for path in (tmp_path / "out").rglob("*.*")} == {".npz"}
