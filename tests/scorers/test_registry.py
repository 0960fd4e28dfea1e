"""The table of scorers, and what it reads from their parameters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest

from impasto.errors import BadInput
from impasto.schema.base import Frozen
from impasto.scorers.base import Scorer
from impasto.scorers.entry import Entry
from impasto.scorers.params import (
    BehindColon,
    ClassName,
    Code,
    PictureFile,
    Role,
    TrustedFile,
    TrustedFolder,
)
from impasto.scorers.registry import SCORERS, find, split_name
from impasto.scorers.roles import PINNED, ParamFile, Roles, roles_of


class Params(Frozen):
    program: Annotated[Code, BehindColon]
    kind: ClassName = "It"
    picture: PictureFile | None = None
    size: int = 1
    weights: TrustedFile | None = None
    models: TrustedFolder | None = None


@pytest.mark.parametrize("name", SCORERS)
def test_every_scorer_of_the_table_is_where_it_says(name: str) -> None:
    assert issubclass(SCORERS[name].load(), Scorer)


@pytest.mark.parametrize(
    ("scorer", "said"),
    [
        ("my.onnx", "scorer 'my.onnx': is a file; write onnx:my.onnx"),
        ("az://control/my.onnx", "write onnx:az://control/my.onnx"),
        ("dir/net.PTH", "write checkpoint:dir/net.PTH"),
        ("up.py", "write python:up.py:CLASS or script:up.py"),
        ("dir/up.py:Up", "scorer 'dir/up.py:Up': is a file; write python:dir/up.py:Up"),
        ("no.onnx", "scorer no.onnx: no such file; check the path, and write onnx:no.onnx"),
        ("onxx:my.onnx", "scorer 'onxx' is unknown; did you mean onnx:?"),
        ("identiy", "scorer 'identiy' is unknown; did you mean identity?"),
        ("zzz", "scorer 'zzz' is unknown; choose one of style, gatys, script, "),
    ],
)
def test_a_scorer_that_there_is_not_says_what_was_meant(
    scorer: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dir").mkdir()
    for name in ("my.onnx", "dir/net.PTH", "up.py", "dir/up.py"):
        Path(name).touch()
    with pytest.raises(BadInput) as refused:
        find(scorer)
    assert str(refused.value).startswith(said) or str(refused.value).endswith(said)


@pytest.mark.parametrize(
    ("scorer", "params", "args"),
    [
        ("python:{}:Up", {"factor": 2}, {"factor": 2}),
        ("python:{}:Up", {"name": "x", "module": "y"}, {"name": "x", "module": "y"}),
        ("python:{}:Up", {"args": "--top 3"}, {"args": "--top 3"}),
        ("python:{}:Up", {"args": {"factor": 2}}, {"factor": 2}),
        ("python:{}:Up", {}, {}),
        ("python", {"module": "up.py", "name": "Up", "args": {"factor": 2}}, {"factor": 2}),
        ("python", {"module": "up.py", "name": "Up", "factor": 2}, {"factor": 2}),
    ],
)
def test_arguments_of_a_class_are_parameters_like_any_others(
    scorer: str, params: dict[str, object], args: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "up.py"
    path.touch()
    name, found = split_name(scorer.format(path), params)
    module = str(path) if ":" in scorer else "up.py"
    assert (name, found) == ("python", {"module": module, "name": "Up", "args": args})


def test_roles_are_read_from_the_types_of_parameters() -> None:
    files = {"program": Role.CODE, "picture": Role.PICTURE, "weights": Role.FILE}
    assert roles_of(Params) == Roles(files | {"models": Role.FOLDER}, "program", "kind")
    assert SCORERS["python"].roles == Roles({"module": Role.CODE}, "module", "name", "args")
    assert SCORERS["identity"].roles == Roles()


def test_the_files_of_a_job_are_those_that_its_parameters_name() -> None:
    entry = Entry("nowhere:It", Params, "")
    params = {"models": "m/", "program": "p.py", "picture": "x.png", "size": 3, "weights": None}
    assert [file.name for file in entry.files(params)] == ["program", "picture", "models"]
    assert entry.files(params, *PINNED) == [
        ParamFile("program", Role.CODE, "p.py"),
        ParamFile("models", Role.FOLDER, "m/"),
    ]


def test_a_missing_package_is_named_with_the_extra_that_installs_it() -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from impasto.scorers.registry import find; find('onnx').load()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    said = "onnxruntime: is not installed; run pip install 'impasto[onnx]'"
    assert done.stderr.splitlines()[-1] == f"impasto.errors.BadInput: {said}"
