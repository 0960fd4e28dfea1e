from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import torch

from impasto.errors import BadInput
from impasto.scorers.user import python, signature
from impasto.scorers.user.declared import Argument, Default
from impasto.scorers.user.loading import ScriptError
from impasto.scorers.user.params import PythonParams
from impasto.scorers.user.python import PythonScorer
from support.fake_inputs import Given

if TYPE_CHECKING:
    from collections.abc import Iterator

CPU = "cpu"
HELP = "see `impasto scorers python:FILE.py:CLASS`"

UPSCALE = '''
class Upscale:
    """Nearest-neighbour upscaling.

    More of it.
    """

    batch = 3

    def __init__(self, factor: int = 2) -> None:
        self.factor = factor

    def setup(self, device: str) -> None:
        self.device = device

    def score(self, batch):
        assert self.device == "cpu"
        assert batch.dtype == "uint8" and batch.flags.c_contiguous and batch.flags.writeable
        return batch.repeat(self.factor, axis=1).repeat(self.factor, axis=2)
'''


class Files(Given):
    """Trusts every file of this machine."""

    def trusted(self, url: str) -> bytes:
        return Path(url).read_bytes()


@pytest.fixture(autouse=True)
def _process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in list(sys.modules):
        if name.partition(".")[0] in {"paint_kit", "impasto_user_code", "neighbour_of_mine"}:
            del sys.modules[name]


def load(path: Path, name: str, **args: Any) -> PythonScorer:
    params = PythonParams(module=str(path), name=name, args=args)
    return PythonScorer(params, {}, Files(), CPU)


def written(tmp_path: Path, source: str, name: str, **args: Any) -> PythonScorer:
    path = tmp_path / "mine.py"
    path.write_text(source)
    return load(path, name, **args)


def returning(tmp_path: Path, result: Any) -> PythonScorer:
    """A scorer that returns this for whatever it is given."""
    scorer = written(tmp_path, "class Fixed:\n    def score(self, b): return self.made", "Fixed")
    scorer._user.made = result
    return scorer


def pictures(count: int, height: int = 5, width: int = 7) -> torch.Tensor:
    """Random pictures on the 256 levels that real ones have."""
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator).float() / 255


def test_pictures_go_in_and_come_out_larger(tmp_path: Path) -> None:
    scorer = written(tmp_path, UPSCALE, "Upscale", factor=3)
    batch = pictures(2)
    before = batch.clone()
    result = scorer.score(batch).pictures
    assert result is not None
    assert result.dtype == torch.float32
    assert torch.equal(result, batch.repeat_interleave(3, 2).repeat_interleave(3, 3))
    assert torch.equal(batch, before)
    assert scorer.resizes
    assert scorer.batch == 3
    assert scorer.serial


def test_values_between_two_codes_are_rounded(tmp_path: Path) -> None:
    scorer = written(tmp_path, "class Same:\n    def score(self, b): return b", "Same")
    values = torch.tensor([-0.1, 0.0, 0.0019, 0.0021, 0.5, 0.999, 1.2]).expand(1, 3, 1, -1)
    result = scorer.score(values).pictures
    assert result is not None
    assert (result[0, 0, 0] * 255).round().tolist() == [0, 0, 0, 1, 128, 255, 255]


def test_class_that_says_nothing_is_probed_and_takes_turns(tmp_path: Path) -> None:
    scorer = returning(tmp_path, None)
    assert scorer.batch == 0
    assert scorer.serial


def test_parallel_class_is_called_from_several_threads(tmp_path: Path) -> None:
    source = (
        "import threading\n"
        "meet = threading.Barrier(2, timeout=30)\n"
        "class Wide:\n"
        "    parallel = True\n"
        "    def score(self, batch):\n"
        "        meet.wait()\n"
        "        return batch\n"
    )
    scorer = written(tmp_path, source, "Wide")
    assert not scorer.serial
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(scorer.score, [pictures(1), pictures(2)]))
    assert [len(scores.pictures) for scores in results if scores.pictures is not None] == [1, 2]


@pytest.mark.parametrize("value", [-1, 2.5, True, "8"])
def test_batch_that_is_no_number_is_refused(tmp_path: Path, value: object) -> None:
    source = f"class A:\n    batch = {value!r}\n    def score(self, b): ..."
    with pytest.raises(BadInput, match=r"A\.batch is .*; it must be a whole number"):
        written(tmp_path, source, "A")


def test_list_of_pictures_and_tensors_are_pictures(tmp_path: Path) -> None:
    made = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    expected = torch.from_numpy(made).permute(0, 3, 1, 2) / 255
    made.flags.writeable = False
    for result in (made, list(made), torch.tensor(made), np.asfortranarray(made)):
        scores = returning(tmp_path, result).score(pictures(2)).pictures
        assert scores is not None
        assert torch.equal(scores, expected)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), r"returned float32 \(2, 4, 4, 3\); pictures must be"),
        (np.zeros((2, 3, 4, 4), np.uint8), r"returned uint8 \(2, 3, 4, 4\); pictures must be"),
        (np.zeros((2, 0, 4, 3), np.uint8), "pictures must be a numpy array, uint8"),
        (np.zeros((3, 4, 4, 3), np.uint8), "returned 3 results for 2 items"),
        (
            [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)],
            "pictures of several sizes",
        ),
        ([1, 2, 3], "returned 3 results for 2 items"),
        ([], "returned 0 results for 2 items"),
        (None, "returned None; it must return N pictures"),
        ({"a": 1, "b": 2}, "returned a dict; it must"),
        ("ab", "returned a str; it must"),
    ],
)
def test_results_that_break_the_protocol_are_refused(
    tmp_path: Path, result: Any, message: str
) -> None:
    with pytest.raises(ScriptError, match=message):
        returning(tmp_path, result).score(pictures(2))


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ([{"label": "cat"}, {"label": np.int64(3)}], [[{"label": "cat"}], [{"label": 3}]]),
        ([[{"box": 1}, {"box": 2}], []], [[{"box": 1}, {"box": 2}], []]),
        ([0.5, "x"], [[{"output": 0.5}], [{"output": "x"}]]),
        ([[1, 2], [3]], [[{"output": [1, 2]}], [{"output": [3]}]]),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [[{"output": [1, 2]}], [{"output": [3, 4]}]]),
        (pd.DataFrame({"a": [1, 2]}), [[{"a": 1}], [{"a": 2}]]),
    ],
)
def test_records_come_out(tmp_path: Path, result: Any, expected: Any) -> None:
    records = returning(tmp_path, result).score(pictures(2)).records
    assert json.loads(json.dumps(records, default=lambda value: value.tolist())) == expected


def test_rows_go_in_and_are_the_scorers_own(tmp_path: Path) -> None:
    source = (
        "class Double:\n"
        "    def score(self, rows):\n"
        "        assert list(rows.index) == [0, 1]\n"
        "        rows['y'] = 2 * rows['x']\n"
        "        return rows\n"
    )
    rows = pd.DataFrame({"x": [1, 2, 3]}).iloc[1:]
    records = written(tmp_path, source, "Double").score(rows).records
    assert records == [[{"x": 2, "y": 4}], [{"x": 3, "y": 6}]]
    assert list(rows.columns) == ["x"]


def test_errors_of_score_come_out_and_exits_become_errors(tmp_path: Path) -> None:
    source = (
        "class Picky:\n"
        "    def score(self, b):\n"
        "        if len(b) > 1: raise LookupError('which one?')\n"
        "        raise SystemExit(42)\n"
    )
    scorer = written(tmp_path, source, "Picky")
    with pytest.raises(LookupError, match="which one"):
        scorer.score(pictures(2))
    with pytest.raises(ScriptError, match="SystemExit: 42"):
        scorer.score(pictures(1))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class A:\n    def __init__(self):\n        1 / 0\n    def score(self, b): ...",
         r"mine\.py: A\(\) failed \(line 3\): ZeroDivisionError"),
        ("class A:\n    def setup(self, d): raise OSError('no file')\n    def score(self, b): ...",
         r"mine\.py: A\.setup\(\) failed \(line 2\): OSError: no file"),
        ("class A:\n    def __init__(self, n): ...\n    def score(self, b): ...",
         r"A\(\) failed: TypeError: .*missing 1 required"),
        ("class A: ...", r"has no class A with a method score\(batch\)"),
        ("class B:\n    def score(self, b): ...", r"has no class A with a method score\(batch\)"),
        ("class A(:", r"loading it failed: SyntaxError: .*\(mine\.py, line 1\)"),
    ],
)  # fmt: skip
def test_class_that_cannot_be_loaded_is_bad_input(
    tmp_path: Path, source: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        written(tmp_path, source, "A")
    assert "\n" not in str(caught.value)


def package(root: Path) -> Path:
    """A package whose import is counted, with a scorer that needs its neighbours."""
    folder = root / "paint_kit"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("from .models.flat import Flat\nimports = ['paint_kit']\n")
    (folder / "models/__init__.py").write_text("")
    (folder / "models/colours.py").write_text("VALUE = 7\n")
    (folder / "models/flat.py").write_text(
        "from dataclasses import dataclass\n"
        "from ..models import colours\n"
        "@dataclass\n"
        "class Flat:\n"
        "    value: int = colours.VALUE\n"
        "    def score(self, batch): return [self.value] * len(batch)\n"
    )
    return folder / "models/flat.py"


def test_module_in_a_package_may_import_relatively_and_runs_once(tmp_path: Path) -> None:
    scorer = load(package(tmp_path), "Flat")
    assert scorer.score(pictures(1)).records == [[{"output": 7}]]
    assert type(scorer._user) is vars(sys.modules["paint_kit"])["Flat"]


def test_module_of_a_package_runs_anew_after_an_edit(tmp_path: Path) -> None:
    path = package(tmp_path)
    load(path, "Flat")
    path.write_text("class Flat:\n    def score(self, batch): return ['edited'] * len(batch)\n")
    assert load(path, "Flat").score(pictures(1)).records == [[{"output": "edited"}]]


def test_class_in_a_packages_init_is_found(tmp_path: Path) -> None:
    folder = package(tmp_path).parent.parent
    assert load(folder / "__init__.py", "Flat", value=9).score(pictures(1)).records == [
        [{"output": 9}]
    ]


def test_module_hidden_by_another_of_its_name_is_refused(tmp_path: Path) -> None:
    load(package(tmp_path / "one"), "Flat")
    with pytest.raises(BadInput, match=r"two/.*flat\.py: .*one/.*has the same name, paint_kit\."):
        load(package(tmp_path / "two"), "Flat")


def test_loose_file_imports_its_neighbours_and_hides_no_module(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_mine.py").write_text("VALUE = 5\n")
    path = tmp_path / "json.py"
    path.write_text(
        "import neighbour_of_mine\n"
        "class A:\n    def score(self, b): return [neighbour_of_mine.VALUE]"
    )
    assert load(path, "A").score(pictures(1)).records == [[{"output": 5}]]
    assert sys.modules["json"] is json


def test_example_of_the_documentation_works(tmp_path: Path) -> None:
    assert python.__doc__ is not None
    example = python.__doc__.split("\n\n", 1)[1].split("\n\nIt is scored")[0]
    source = "\n".join(line[4:] for line in example.splitlines())
    result = written(tmp_path, source, "Upscale", factor=3).score(pictures(1, 2, 2)).pictures
    assert result is not None
    assert result.shape == (1, 3, 6, 6)
    assert signature.about(source.encode(), "Upscale") == "Nearest-neighbour upscaling."


# What the driver knows of a class without running it.


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("mine.py:Upscale", ("mine.py", "Upscale")),
        ("a.b:C", ("a.b", "C")),
        ("az://control/mine.py:C", ("az://control/mine.py", "C")),
    ],
)
def test_argument_is_split_at_its_class(argument: str, expected: tuple[str, str]) -> None:
    assert signature.split(argument) == expected


@pytest.mark.parametrize("argument", ["", "mine.py", "mine.py:", ":A", "az://control/mine.py"])
def test_argument_without_a_class_is_refused(argument: str) -> None:
    with pytest.raises(BadInput, match=r"does not name a class; write python:FILE\.py:CLASS"):
        signature.split(argument)


def test_modules_are_found_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = package(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert signature.locate("paint_kit/models/flat.py") == str(path)
    assert signature.locate("paint_kit.models.flat") == str(path)
    assert signature.locate("paint_kit") == str(tmp_path / "paint_kit/__init__.py")
    assert signature.locate("az://control/mine.py") == "az://control/mine.py"


def test_installed_modules_are_found_without_running_them(tmp_path: Path) -> None:
    path = package(tmp_path)
    (tmp_path / "paint_kit/__init__.py").write_text("raise SystemExit('was run')")
    (tmp_path / "paint_kit/models/__init__.py").unlink()
    code = (
        "import sys; from impasto.scorers.user import signature; "
        "print(signature.locate('paint_kit.models.flat'), 'paint_kit' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(path), "False"]


def test_modules_of_the_standard_library_are_found() -> None:
    assert signature.locate("json.decoder") == json.decoder.__file__


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("no/such.py", "no/such.py: no such file; check the path"),
        ("no-such", "no-such: no such file"),
        ("no_such_module", "no_such_module: is not a file, and no Python module of that name"),
        ("json.no_such.module", "is not a file, and no Python module of that name"),
        ("sys", "is not a file, and no Python module of that name"),
        ("math", "is not a file, and no Python module of that name"),
        ("__main__.x", "is not a file, and no Python module of that name"),
    ],
)
def test_modules_that_are_not_there_are_refused(module: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        signature.locate(module)


MANY = b'''
"""A file that may not be run here."""
import no_such_module
from typing import *
raise SystemExit

class Every(Unknown):
    def __init__(self, a, /, size: int, *rest, scale: "float" = -1.5, name: str | None = None,
                 fast=True, mode: Literal["up", "down"] = "up", power: typing.Literal[1, 2] = 2,
                 blob: dict = {"a": 1}, where: str = os.curdir, some: Optional[int] = 3,
                 either: int | str = 1, odd: "not a type" = 0, **others): ...

@dataclasses.dataclass(frozen=True)
class Base:
    size: int
    scale: float = 1.0
    kinds: ClassVar[int] = 3

@dataclass
class Fields(Base):
    scale: float = 2.0
    names: list = field(default_factory=list)
    hidden: int = field(default=1, init=False)
    seed: InitVar[int] = dataclasses.field(default=7)
    needed: str = field()
    other = 5

if True:
    class Child(Every):
        """Takes after its parent."""

class Plain: ...
'''


def test_arguments_are_read_without_running_the_file() -> None:
    assert signature.arguments(MANY, "Every") == [
        Argument("size", "int"),
        Argument("scale", "float", -1.5),
        Argument("name", "str", None, optional=True),
        Argument("fast", "bool", True),
        Argument("mode", "str", "up", choices=("up", "down")),
        Argument("power", "int", 2, choices=(1, 2)),
        Argument("blob", "", {"a": 1}),
        Argument("where", "str", Default.COMPUTED),
        Argument("some", "int", 3, optional=True),
        Argument("either", "", 1),
        Argument("odd", "", 0),
    ]
    assert signature.arguments(MANY, "Child") == signature.arguments(MANY, "Every")
    assert signature.arguments(MANY, "Plain") == []


def test_fields_of_a_dataclass_are_arguments() -> None:
    assert signature.arguments(MANY, "Fields") == [
        Argument("size", "int"),
        Argument("scale", "float", 2.0),
        Argument("names", "", Default.COMPUTED),
        Argument("seed", "int", 7),
        Argument("needed", "str"),
    ]


def test_docstrings_first_line_says_what_a_class_is() -> None:
    assert signature.about(UPSCALE.encode(), "Upscale") == "Nearest-neighbour upscaling."
    assert signature.about(MANY, "Child") == "Takes after its parent."
    assert signature.about(MANY, "Plain") == ""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (UPSCALE.encode(), "mine.py: has no class Upscal, it has Upscale; correct the name"),
        (b"x = 1", "mine.py: has no class Upscal, it has none; correct the name"),
        (b"x = 1\nclass :", "mine.py: is not valid Python: line 2: invalid syntax; correct it"),
        (b"# coding: no-such\n", "mine.py: is not valid Python"),
        (b"\0", "mine.py: is not valid Python"),
    ],
)
def test_class_that_is_not_there_is_refused(source: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        signature.arguments(source, "Upscal", "mine.py")


def test_values_of_the_command_line_are_converted() -> None:
    given = {
        "size": "3", "scale": "2", "name": "x", "fast": "no", "mode": "down", "power": "1",
        "blob": "y", "some": "4",
    }  # fmt: skip
    assert signature.check(signature.arguments(MANY, "Every"), given) == {
        "size": 3, "scale": 2.0, "name": "x", "fast": False, "mode": "down", "power": 1,
        "blob": "y", "some": 4,
    }  # fmt: skip


def test_values_of_python_are_passed_through() -> None:
    given = {"size": 3, "scale": 2, "name": None, "fast": False, "power": 1, "blob": [1]}
    checked = signature.check(signature.arguments(MANY, "Every"), given)
    assert checked == given
    assert isinstance(checked["scale"], float)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"factor": "two"}, "`factor`: 'two' is not a whole number"),
        ({"factor": 2.5}, "`factor`: 2.5 is not a whole number"),
        ({"factor": True}, "`factor`: True is not a whole number"),
        ({"factor": None}, "`factor`: None is not a whole number"),
        ({"factr": "2"}, "`factr`: is unknown; the class has `factor`"),
        (
            {"factor": "x", "a_b": 1},
            "`factor`: 'x' is not a whole number; `a_b`: is unknown; the class has `factor`",
        ),
    ],
)
def test_wrong_values_are_named_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        signature.check(signature.arguments(UPSCALE.encode(), "Upscale"), given)
    assert str(caught.value) == f"{message}; {HELP}"
    with pytest.raises(BadInput, match=r"see `impasto scorers python:up.py:Upscale`$"):
        signature.check(
            signature.arguments(UPSCALE.encode(), "Upscale"), given, "python:up.py:Upscale"
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "`size`: is missing; "),
        ({"size": 1, "mode": "left"}, "`mode`: 'left' is not one of up, down; "),
        ({"size": 1, "power": "3"}, "`power`: '3' is not one of 1, 2; "),
        ({"size": 1, "power": True}, "`power`: True is not one of 1, 2; "),
        ({"size": 1, "fast": "perhaps"}, "`fast`: 'perhaps' is not true or false; "),
        ({"size": 1, "scale": "wide"}, "`scale`: 'wide' is not a number; "),
        ({"size": 1, "name": 3}, "`name`: 3 is not text; "),
    ],
)
def test_wrong_values_of_every_type_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        signature.check(signature.arguments(MANY, "Every"), given)
    assert str(caught.value) == message + HELP


def test_class_without_arguments_says_so() -> None:
    with pytest.raises(BadInput, match="`size`: is unknown; the class has none"):
        signature.check([], {"size": "3"})
