"""Scripts in the shapes in which batch deployments are published: what they return and import."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from impasto.scorers.user import azureml
from impasto.scorers.user.loading import ScriptError
from impasto.scorers.user.params import ScriptParams
from impasto.scorers.user.script import ScriptScorer
from impasto.sources.item import Blob
from impasto.worker.items import FileScoring
from support.fake_inputs import Given

if TYPE_CHECKING:
    from impasto.outputs.base import Scored


class OneFile(Given):
    """Trusts the script alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.files = folder

    def trusted(self, url: str) -> bytes:
        return Path(url).read_bytes()


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZUREML_MODEL_DIR", "AZUREML_BI_OUTPUT_PATH"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr("sys.argv", ["test"])
    monkeypatch.setattr("sys.path", [*__import__("sys").path])


YIELDS = """
calls = []
def run(mini_batch):
    calls.append(list(mini_batch))
    for name in mini_batch:
        if "bad" in name:
            raise ValueError(f"cannot score {name}")
        yield name.upper()
"""


def scorer_of(tmp_path: Path, source: str, retries: int = 0) -> ScriptScorer:
    path = tmp_path / "score.py"
    path.write_text(source)
    return ScriptScorer(
        ScriptParams(script=str(path), retries=retries), {}, OneFile(tmp_path), "cpu"
    )


def scored(scorer: ScriptScorer, *names: str) -> list[Scored]:
    items = [Blob(n, name, Path(name), fetched=False) for n, name in enumerate(names)]
    return FileScoring(scorer)(items, lambda _: None)


def told(made: list[Scored]) -> list[Any]:
    return [each.error.error if each.error else [*each.records] for each in made]


def test_a_run_that_yields_gives_an_element_an_item(tmp_path: Path) -> None:
    scorer = scorer_of(tmp_path, YIELDS)
    assert told(scored(scorer, "a", "b")) == [[{"output": "A"}], [{"output": "B"}]]
    assert vars(scorer._module)["calls"] == [["a", "b"]]


def test_an_item_that_a_run_stops_at_is_set_aside_without_halving(tmp_path: Path) -> None:
    scorer = scorer_of(tmp_path, YIELDS)
    made = scored(scorer, "a", "b", "bad", "c", "d", "e", "f", "g")
    assert told(made) == [
        *([{"output": each}] for each in "AB"),
        "ValueError: cannot score bad",
        *([{"output": each}] for each in "CDEFG"),
    ]
    names = ["a", "b", "bad", "c", "d", "e", "f", "g"]
    assert vars(scorer._module)["calls"] == [names, ["bad"], names[3:]]
    assert made[2].error
    assert 'raise ValueError(f"cannot score {name}")' in made[2].error.traceback


def test_first_last_and_neighbouring_items_are_set_aside(tmp_path: Path) -> None:
    scorer = scorer_of(tmp_path, YIELDS)
    made = scored(scorer, "bad0", "a", "bad2", "bad3", "b", "bad5")
    failed = [each.index for each in made if each.error]
    assert failed == [0, 2, 3, 5]
    assert [each.index for each in made] == [0, 1, 2, 3, 4, 5]
    assert told(made)[1] == [{"output": "A"}]
    assert told(made)[4] == [{"output": "B"}]


def test_a_run_that_skips_items_before_it_fails_gives_nobodys_result_to_another(
    tmp_path: Path,
) -> None:
    source = YIELDS.replace("        if", "        if 'skip' in name: continue\n        if")
    made = scored(scorer_of(tmp_path, source), "skip", "a", "bad", "b")
    assert told(made) == [
        "run() returned nothing for it; it must return a list, a DataFrame or another iterable "
        "with one element per item",
        [{"output": "A"}],
        "ValueError: cannot score bad",
        [{"output": "B"}],
    ]


def test_an_item_that_fails_once_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = YIELDS.replace("name:\n", "name and len(calls) < 3:\n")
    made = scored(scorer_of(tmp_path, source, retries=1), "a", "bad", "b")
    assert told(made) == [[{"output": "A"}], [{"output": "BAD"}], [{"output": "B"}]]
    assert capsys.readouterr().err.count("trying again") == 1


def test_a_run_that_yields_too_much_is_halved(tmp_path: Path) -> None:
    source = "def run(batch):\n    while True:\n        yield 1\n"
    with pytest.raises(ScriptError, match="returned 3 results for 2 items"):
        scorer_of(tmp_path, source).score(["a", "b"])


def test_rows_are_scored_by_a_run_that_yields(tmp_path: Path) -> None:
    source = (
        "def run(frame):\n"
        "    for row in frame.itertuples():\n"
        "        yield {'root': row.x ** 0.5} if row.x >= 0 else 1 / 0\n"
    )
    scores = scorer_of(tmp_path, source).score(pd.DataFrame({"x": [4, 9, -1, 16]}))
    assert scores.records == [[{"root": 2.0}], [{"root": 3.0}], [], [{"root": 4.0}]]
    assert {n: type(error) for n, error in scores.failed.items()} == {2: ZeroDivisionError}


def test_memory_that_runs_out_is_no_items_fault(tmp_path: Path) -> None:
    source = "def run(batch):\n    yield 1\n    raise MemoryError\n"
    with pytest.raises(MemoryError):
        scorer_of(tmp_path, source).score(["a", "b"])


@pytest.mark.parametrize(
    "made", ["(n for n in b)", "map(str, b)", "dict(zip(b, b)).values()", "deque(b)", "zip(b)"]
)
def test_any_iterable_is_a_sequence_of_elements(tmp_path: Path, made: str) -> None:
    scorer = scorer_of(tmp_path, f"from collections import deque\ndef run(b): return {made}")
    expected: list[Any] = ["a", "b"] if made != "zip(b)" else [["a"], ["b"]]
    assert [each[0]["output"] for each in scorer.score(["a", "b"]).records or ()] == expected


@pytest.mark.parametrize("made", ["{'a', 'b'}", "'ab'", "{'a': 1, 'b': 2}", "b'ab'"])
def test_what_has_no_order_of_items_is_refused(tmp_path: Path, made: str) -> None:
    with pytest.raises(ScriptError, match=r"run\(\) returned a \w+; it must return a list"):
        scorer_of(tmp_path, f"def run(b): return {made}").score(["a", "b"])


def test_a_model_is_found_with_and_without_a_subfolder(tmp_path: Path) -> None:
    model = tmp_path / "mnist"
    (model / "deep").mkdir(parents=True)
    for name in ("model.pt", "deep/labels.txt"):
        (model / name).write_text(name)
    links = azureml.model_folder(model, tmp_path / "links")
    found = sorted(str(path.relative_to(links)) for path in links.rglob("*") if path.is_file())
    assert found == ["deep/labels.txt", "mnist/deep/labels.txt", "mnist/model.pt", "model.pt"]
    assert (links / "mnist/deep/labels.txt").read_text() == "deep/labels.txt"
    walked = [name for _, _, names in os.walk(links) for name in names]
    assert sorted(walked) == ["labels.txt", "labels.txt", "model.pt", "model.pt"]


def test_a_folder_of_model_folders_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "models/model").mkdir(parents=True)
    (tmp_path / "models/model/x.bin").write_text("x")
    models = tmp_path / "models"
    assert azureml.model_folder(models, tmp_path / "links") == models
