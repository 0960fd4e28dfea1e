from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import torch

from impasto.errors import BadInput
from impasto.scorers import results
from impasto.scorers.user.loading import ScriptError
from impasto.scorers.user.params import ScriptParams
from impasto.scorers.user.script import ScriptScorer
from support import SCRIPTS
from support.calls import calls_of
from support.fake_inputs import Given

if TYPE_CHECKING:
    from collections.abc import Iterator

CPU = "cpu"
VARIABLES = ("AZUREML_MODEL_DIR", "AZUREML_BI_OUTPUT_PATH")


class Folder(Given):
    """Trusts a folder of this machine and one object of a control store."""

    def __init__(self, folder: Path, stored: bytes = b"") -> None:
        super().__init__()
        self.files = folder
        self._stored = stored

    def trusted(self, url: str) -> bytes:
        return self._stored if url.startswith("az://") else Path(url).read_bytes()

    def folder(self, url: str) -> Path:
        return Path(url)


@pytest.fixture(autouse=True)
def _process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    logging.getLogger("azureml_user.parallel_run").handlers.clear()
    yield
    for name in list(sys.modules):
        if name.partition(".")[0] in {"azureml_user", "impasto_user_code", "neighbour_of_score"}:
            del sys.modules[name]


def load(script: Path | str, inputs: Folder, **params: Any) -> ScriptScorer:
    return ScriptScorer(ScriptParams(script=str(script), **params), {}, inputs, CPU)


def written(tmp_path: Path, source: str, **params: Any) -> ScriptScorer:
    path = tmp_path / "score.py"
    path.write_text(source)
    return load(path, Folder(tmp_path), **params)


def returning(tmp_path: Path, result: Any, count: int) -> list[list[dict[str, Any]]]:
    """The records of a script that returns this for so many files."""
    scorer = written(tmp_path, "def run(mini_batch): return RESULT", retries=0)
    vars(scorer._module)["RESULT"] = result
    records = scorer.score([f"{n}.bin" for n in range(count)]).records
    assert records is not None
    return [list(item) for item in records]


def files(folder: Path, *names: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(name.encode())
    return [str(folder / name) for name in names]


def test_script_gets_its_arguments_and_model_and_returns_text(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/labels.txt").write_text("cat dog bird")
    scorer = load(
        SCRIPTS / "classify_new_style.py",
        Folder(tmp_path),
        args="--unknown 1 --prefix 'a b '",
        model=str(tmp_path),
    )
    assert scorer.serial
    assert scorer.batch == 10
    paths = files(tmp_path / "in", "a.bin", "b.bin", "c.bin")
    labels = [["cat", "dog", "bird"][sum(Path(path).read_bytes()) % 3] for path in paths]
    assert scorer.score(paths).records == [
        [{"output": f"a b {name}.bin: {label}"}] for name, label in zip("abc", labels, strict=True)
    ]


def test_model_of_one_file_lies_in_the_model_folder(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("weights")
    written(tmp_path, "def run(b): ...", model=str(tmp_path / "model.bin"))
    assert (Path(os.environ["AZUREML_MODEL_DIR"]) / "model.bin").read_text() == "weights"


def test_entry_script_scores_rows_and_logs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    scorer = load(SCRIPTS / "regress_entry_script.py", Folder(tmp_path), args="--slope 3")
    rows = pd.DataFrame({"x": [0, 1, 2, 5]}).iloc[2:]
    expected = [[{"x": 2, "prediction": 7.0}], [{"x": 5, "prediction": 16.0}]]
    assert scorer.score(rows).records == expected
    assert list(rows.columns) == ["x"]
    told = capfd.readouterr().err
    assert "INFO init() is called" in told
    assert "run() is called" not in told


def test_entry_script_is_one_object_with_the_workers_folders(tmp_path: Path) -> None:
    module = written(
        tmp_path,
        "from azureml_user.parallel_run import EntryScript\n"
        "import azureml_user\n"
        "def run(b): ...\n"
        "one, two = EntryScript(), azureml_user.parallel_run.EntryScript()",
    )._module
    entry = vars(module)["one"]
    assert entry is vars(module)["two"]
    assert entry.output_dir == str(tmp_path)
    assert entry.working_dir == str(tmp_path)
    assert entry.agent_name
    assert Path(entry.log_dir).is_dir()
    assert entry.log_dir == entry.log_dir
    Path(entry.log_dir).rmdir()


def test_installed_azureml_package_is_left_alone(tmp_path: Path) -> None:
    package = tmp_path / "installed/azureml_user"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "parallel_run.py").write_text("EntryScript = 'the real one'")
    sys.path.insert(0, str(package.parent))
    source = "from azureml_user.parallel_run import EntryScript\ndef run(b): return [EntryScript]"
    assert written(tmp_path, source).score(["a"]).records == [[{"output": "the real one"}]]


def test_summary_script_gets_a_context_and_writes_files(tmp_path: Path) -> None:
    output = tmp_path / "out"
    scorer = load(SCRIPTS / "summary_with_context.py", Folder(output))
    paths = files(tmp_path / "in", "a.bin", "long-name.bin")
    assert scorer.score(paths).records == [[{"output": path}] for path in paths]
    assert sorted(path.name for path in output.iterdir()) == [
        "a.summary.txt",
        "long-name.summary.txt",
    ]
    assert (output / "a.summary.txt").read_text() == "5 bytes\n"


@pytest.mark.parametrize(
    ("signature", "context"),
    [
        ("(mini_batch)", False),
        ("(data, /)", False),
        ("(mini_batch, threshold=0.5)", False),
        ("(mini_batch, *args, **kwargs)", False),
        ("(*args)", False),
        ("(mini_batch, anything)", True),
        ("(mini_batch, mini_batch_context=None)", True),
        ("(mini_batch, anything, threshold=0.5)", True),
        ("(mini_batch, *, mini_batch_context)", True),
    ],
)
def test_context_is_given_to_a_run_that_takes_one(
    tmp_path: Path, signature: str, context: bool
) -> None:
    source = (
        f"def run{signature}:\n"
        "    found = [v for v in locals().values() if hasattr(v, 'partition_key_value')]\n"
        "    return [[str(c.partition_key_value) for c in found]]\n"
    )
    expected = ["{}"] if context else []
    assert written(tmp_path, source).score(["a"]).records == [[{"output": expected}]]


def test_every_mini_batch_has_its_own_name(tmp_path: Path) -> None:
    scorer = written(tmp_path, "def run(batch, context): return [context.minibatch_index]")
    assert scorer.score(["a"]).records != scorer.score(["a"]).records


@pytest.mark.parametrize("signature", ["()", "(a, b, c)"])
def test_run_of_another_arity_is_refused(tmp_path: Path, signature: str) -> None:
    with pytest.raises(BadInput, match=r"score\.py: run.* must take \(mini_batch\)"):
        written(tmp_path, f"def run{signature}: ...")


NESTED: dict[str, Any] = {"box": [np.int64(1), 2.5], "at": pd.Timestamp("2026-01-02")}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (["a", 2], [{"output": "a"}, {"output": 2}]),
        (("a", None), [{"output": "a"}, {"output": None}]),
        ([{"p": 1}, {"q": {3: True}}], [{"p": 1}, {"q": {"3": True}}]),
        ([[1, 2], (3, {"a": 4})], [{"output": [1, 2]}, {"output": [3, {"a": 4}]}]),
        (np.array([1.5, 2.5]), [{"output": 1.5}, {"output": 2.5}]),
        (torch.tensor([[1, 2], [3, 4]]), [{"output": [1, 2]}, {"output": [3, 4]}]),
        (torch.ones(2, dtype=torch.bfloat16), [{"output": 1.0}, {"output": 1.0}]),
        (pd.Series(["x", "y"], index=[7, 9]), [{"output": "x"}, {"output": "y"}]),
        (pd.DataFrame({"a": [1, 2], 3: ["x", None]}), [{"a": 1, "3": "x"}, {"a": 2, "3": None}]),
        (
            pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
            [{"a": 1, "a.1": 2}, {"a": 3, "a.1": 4}],
        ),
        (pd.DataFrame(index=[0, 1]), [{}, {}]),
        ([pd.Series({"a": 1}), NESTED], [{"a": 1}, {"box": [1, 2.5], "at": "2026-01-02T00:00:00"}]),
        ([Path("x"), pd.NaT], [{"output": "x"}, {"output": None}]),
        ([b"x", 1j], [{"output": "b'x'"}, {"output": "1j"}]),
        (np.array([0, 1], "M8[D]"), [{"output": "1970-01-01"}, {"output": "1970-01-02"}]),
    ],
)
def test_elements_become_records(tmp_path: Path, result: Any, expected: list[Any]) -> None:
    records = returning(tmp_path, result, 2)
    text = json.dumps(records, default=lambda value: value.tolist())
    assert json.loads(text) == [[record] for record in expected]


class Opaque:
    """Its text is an address in memory."""


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "object"),
        (Opaque(), "Opaque"),
        ({"a": [Opaque()]}, "Opaque"),
        (pd.Series({"a": Opaque()}), "Opaque"),
        (np.array([Opaque()]), "Opaque"),
        (files, "function"),
        ((n for n in "ab"), "generator"),
    ],
)
def test_a_result_whose_text_is_an_address_is_refused(
    tmp_path: Path, value: object, name: str
) -> None:
    with pytest.raises(TypeError) as caught:
        returning(tmp_path, [value, 1], 2)
    assert str(caught.value) == (
        f"a result holds an object of class '{name}', which has no text but its address in memory; "
        "return numbers, text, lists or dicts"
    )
    kept = [b"x at 0x12>", Path("x at 0x12")]
    assert returning(tmp_path, kept, 2) == [[{"output": str(each)}] for each in kept]


def test_rows_of_a_frame_for_each_item_are_its_records(tmp_path: Path) -> None:
    boxes = [pd.DataFrame({"box": [1, 2]}), pd.DataFrame({"box": []})]
    assert returning(tmp_path, boxes, 2) == [[{"box": 1}, {"box": 2}], []]


def test_single_item_may_have_several_results(tmp_path: Path) -> None:
    assert returning(tmp_path, ["a", "b"], 1) == [[{"output": "a"}, {"output": "b"}]]


@pytest.mark.parametrize(
    ("result", "count", "message"),
    [
        (["x"] * 7, 10, "returned 7 results for 10 items"),
        (["x"] * 3, 2, "returned 3 results for 2 items"),
        ([], 1, "returned nothing for it"),
        (pd.DataFrame(), 1, "returned nothing for it"),
        (None, 2, "returned None; it must return a list"),
        ("text", 4, "returned a str; it must return a list"),
        ({"a": 1, "b": 2}, 2, "returned a dict"),
        (np.float32(1), 1, "returned a float32"),
        (torch.tensor(1), 1, "returned a Tensor"),
    ],
)
def test_results_that_do_not_fit_the_items_are_refused(
    tmp_path: Path, result: Any, count: int, message: str
) -> None:
    with pytest.raises(ScriptError, match=message):
        returning(tmp_path, result, count)


def test_poison_item_is_refused_alone_with_the_scripts_own_error(tmp_path: Path) -> None:
    scorer = load(SCRIPTS / "poison.py", Folder(tmp_path))
    with pytest.raises(ValueError, match=r"cannot score poison-raise\.bin") as caught:
        scorer.score(["a.bin", "poison-raise.bin"])
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.filename == str(SCRIPTS / "poison.py")
    assert last.line == 'raise ValueError(f"cannot score {name}")'
    assert scorer.score(["a.bin"]).records == [[{"output": "scored a.bin"}]]


def test_a_poisonous_script_scores_what_is_healthy(tmp_path: Path) -> None:
    scorer = load(SCRIPTS / "poison.py", Folder(tmp_path))
    expected = [[{"output": "scored a"}], [{"output": "scored b"}]]
    assert scorer.score(["in/a", "in/b"]).records == expected
    assert scorer.score(pd.DataFrame({"name": ["a", "b"]})).records == expected


def test_exit_in_run_is_an_items_failure(tmp_path: Path) -> None:
    scorer = load(SCRIPTS / "poison.py", Folder(tmp_path))
    with pytest.raises(ScriptError, match=r"^SystemExit: 42$") as caught:
        scorer.score(["poison-exit"])
    assert isinstance(caught.value.__cause__, SystemExit)
    assert scorer.score(["a"]).records == [[{"output": "scored a"}]]


def test_ctrl_c_is_no_items_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, "def run(b): raise KeyboardInterrupt").score(["a"])


def test_too_few_results_are_found_by_halving(tmp_path: Path) -> None:
    scorer = load(SCRIPTS / "poison.py", Folder(tmp_path))
    with pytest.raises(ScriptError, match="returned 1 results for 2 items"):
        scorer.score(["a", "poison-few"])
    with pytest.raises(ScriptError, match="returned nothing for it"):
        scorer.score(["poison-few"])


FLAKY = """
calls = 0
def run(batch):
    global calls
    calls += 1
    if calls <= {failures}:
        raise {error}
    return batch
"""


def test_single_item_is_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scorer = written(tmp_path, FLAKY.format(failures=2, error="OSError('busy')"), retries=2)
    assert scorer.score(["a"]).records == [[{"output": "a"}]]
    assert isinstance(scorer._inputs, Folder)
    assert scorer._inputs.beats == 2
    assert capsys.readouterr().err.count("OSError: busy; trying again") == 2


@pytest.mark.parametrize(
    ("error", "items", "calls"),
    [
        ("OSError('busy')", ["a"], 3),
        ("OSError('busy')", ["a", "b"], 1),
        ("MemoryError", ["a"], 1),
    ],
)
def test_tries_are_for_a_single_item_and_what_they_can_mend(
    tmp_path: Path, error: str, items: list[str], calls: int
) -> None:
    scorer = written(tmp_path, FLAKY.format(failures=9, error=error), retries=2)
    with pytest.raises((OSError, MemoryError)):
        scorer.score(items)
    assert vars(scorer._module)["calls"] == calls


def test_failing_init_names_the_script_and_the_line(tmp_path: Path) -> None:
    path = SCRIPTS / "init_fails.py"
    with pytest.raises(BadInput) as caught:
        load(path, Folder(tmp_path))
    assert str(caught.value) == (
        f"{path}: init() failed (line 11): FileNotFoundError: no-such-model.bin: no such model; "
        "correct it"
    )
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_arguments_that_a_script_refuses_are_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput, match=r"init\(\) failed \(line 15\): SystemExit: 2"):
        load(SCRIPTS / "regress_entry_script.py", Folder(tmp_path), args="--slope steep")
    assert "invalid float value: 'steep'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def run(b):\n    return [", r"SyntaxError: .*\(score\.py, line 2\)"),
        ("x = 1\nimport no_such_module\n", r"\(line 2\): ModuleNotFoundError"),
        ("import sys\nsys.exit('no GPU')\n", r"\(line 2\): SystemExit: no GPU"),
        ("def score(b): ...", r"has no function run\(mini_batch\); add it"),
        ("run = 3", r"has no function run\(mini_batch\); add it"),
    ],
)
def test_script_that_cannot_be_loaded_is_bad_input(
    tmp_path: Path, source: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        written(tmp_path, source)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "score.py"))


def test_open_quote_in_the_arguments_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"`args=.*No closing quotation"):
        written(tmp_path, "def run(b): ...", args="--name 'x")


def test_script_has_no_init_and_shutdown_is_called(tmp_path: Path) -> None:
    scorer = load(SCRIPTS / "shutdown_marker.py", Folder(tmp_path))
    assert not (tmp_path / "shut-down.txt").exists()
    scorer.close()
    assert (tmp_path / "shut-down.txt").exists()
    written(tmp_path, "def run(b): ...").close()


def test_script_imports_its_neighbours_and_is_not_main(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_score.py").write_text("value = 7")
    source = (
        "from dataclasses import dataclass\n"
        "import sys, neighbour_of_score\n"
        "@dataclass\n"
        "class Item:\n"
        "    name: 'str'\n"
        "if __name__ == '__main__':\n"
        "    raise SystemExit('run as main')\n"
        "def run(b): return [[neighbour_of_score.value, __file__, *sys.argv]]\n"
    )
    path = str(tmp_path / "score.py")
    scorer = written(tmp_path, source, args="-v")
    assert scorer.score(["a"]).records == [[{"output": [7, path, path, "-v"]}]]


def test_script_in_a_store_shows_its_lines_in_tracebacks(tmp_path: Path) -> None:
    inputs = Folder(tmp_path, b"def run(b):\n    raise ValueError('wrong')\n")
    scorer = load("az://control/score.py", inputs, retries=0)
    with pytest.raises(ValueError, match="wrong") as caught:
        scorer.score(["a"])
    told = "".join(traceback.format_exception(caught.value))
    assert 'File "az://control/score.py", line 2, in run\n    raise ValueError' in told


def test_script_may_use_gradients(tmp_path: Path) -> None:
    source = (
        "import torch\n"
        "def run(b):\n"
        "    x = torch.ones(1, requires_grad=True)\n"
        "    (3 * x).sum().backward()\n"
        "    return x.grad\n"
    )
    scorer = written(tmp_path, source)
    assert scorer.score(["a"]).records == [[{"output": 3.0}]]


def test_a_wide_frame_becomes_records_without_a_look_at_each_column() -> None:
    def cost(width: int) -> int:
        return calls_of(lambda: results.of_frame(pd.DataFrame(np.ones((3, width)))))

    assert cost(4000) < cost(1000) + 3000 * 20
