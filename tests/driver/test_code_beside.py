"""What goes with a script: what it imports from beside it, or a folder that is named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import pytest

from impasto.driver.open_job import open_job
from impasto.driver.pinning import absolute, placed
from impasto.driver.staging import stage
from impasto.driver.submit import submit
from impasto.engines.ray.runtime_env import PACKAGE, runtime_env
from impasto.errors import BadInput, Changed, Missing
from impasto.schema.job import JobSpec
from impasto.schema.plan import Plan
from impasto.scorers.user import beside
from impasto.settings import Settings
from impasto.storage.stores import Stores
from impasto.worker.inputs import JobInputs
from impasto.worker.task import Task
from support import SCRIPTS
from support.command import call
from support.stores import azure

if TYPE_CHECKING:
    from impasto.sources.base import Source
    from support.cloud import Azurite
    from support.stores import Backend

MODULES = {"digit_classifier.py", "digit_tools/__init__.py", "digit_tools/read.py"}
HERE = Stores({})


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch, azurite: Azurite) -> Backend:
    return azure(monkeypatch, azurite, account="ctlacct", role="control")


@pytest.fixture
def away(control: Backend) -> Settings:
    """Settings whose home is in a store."""
    assert control.profile
    return Settings(home=f"{control.url}/jobs-home", stores={"it": control.profile})


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with a script, what it imports, and much else."""
    folder = tmp_path / "code"
    shutil.copytree(SCRIPTS / "digits", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (
        *(".git/config", ".env", "__pycache__/x.pyc", "mine/pyvenv.cfg", "mine/lib/y.py"),
        *("venv/z.py", "node_modules/a.js", "data/labels.txt", "unused.py"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("import unused_too\n")
    return folder


def spec_of(code: Path, folder: Path, /, **params: Any) -> JobSpec:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "mnist").mkdir(exist_ok=True)
    for n in range(3):
        (folder / "in" / f"{n}.bin").write_bytes(bytes([n]))
    (folder / "mnist/weights.txt").write_text("1 2 3")
    return JobSpec(
        source=str(folder / "in"),
        output=str(folder / "out.csv"),
        scorer=f"script:{code / 'batch_driver.py'}",
        params={"model": str(folder / "mnist"), **params},
    )


def inputs_of(spec: JobSpec, stores: Stores, home: str, brought: str = "") -> JobInputs:
    plan = Plan.model_construct(source="files", output="records")
    task = Task.model_construct(home=home, spec=spec, plan=plan, code=brought)
    return JobInputs(task, stores, cast("Source", None), lambda: None)


def names(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def test_modules_that_a_script_imports_are_found_without_running_it(code: Path) -> None:
    script = code / "batch_driver.py"
    found = beside.imported(HERE, str(script), script.read_bytes())
    assert found.files.keys() == MODULES
    assert found.files["digit_classifier.py"] == (code / "digit_classifier.py").read_bytes()
    assert not beside.imported(HERE, str(script), b"import os, pandas, digits").files
    assert not beside.imported(HERE, str(script), b"import unused as").files
    inside = b"def run(b):\n    from digit_tools.read import pixels\n"
    assert beside.imported(HERE, str(script), inside).files.keys() == {
        "digit_tools/__init__.py",
        "digit_tools/read.py",
    }


def test_a_folder_of_code_goes_whole_but_for_caches_and_environments(code: Path) -> None:
    found = beside.whole(HERE, str(code))
    expected = MODULES | {"batch_driver.py", "data/labels.txt", "unused.py"}
    assert found.files.keys() == expected


def test_a_folder_that_is_no_code_is_refused(
    code: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Missing, match="no-such: no such folder, or no file in it"):
        beside.whole(HERE, str(tmp_path / "no-such"))
    monkeypatch.setattr(beside, "MOST", 3 << 20)
    (code / "data/big.bin").write_bytes(bytes(5 << 20))
    with pytest.raises(BadInput) as caught:
        beside.whole(HERE, str(code))
    assert str(caught.value) == (
        f"{code}: holds 5 MB, more than the 3 MB that go with a script; the largest file is "
        "data/big.bin; name a folder of code alone as `code`, and one of weights as `model`"
    )


def test_what_a_script_imports_is_part_of_the_jobs_id(code: Path, tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path / "home"))
    spec = spec_of(code, tmp_path)
    first = submit(open_job(spec, settings)).id
    (code / "unused.py").write_text("changed = True")
    assert submit(open_job(spec, settings)).id == first
    (code / "digit_tools/read.py").write_text("def pixels(path): return [1]")
    assert submit(open_job(spec, settings)).id != first


def test_a_script_that_imports_nothing_beside_it_has_nothing_pinned(tmp_path: Path) -> None:
    (tmp_path / "batch_driver.py").write_text("import os\ndef run(b): return b\n")
    spec = absolute(spec_of(tmp_path, tmp_path), HERE, str(tmp_path / "home")).spec
    assert "code" not in spec.pins
    assert inputs_of(spec, HERE, str(tmp_path / "home")).beside() is None


def test_a_job_that_began_without_goes_on_without(code: Path, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    spec = absolute(spec_of(code, tmp_path), HERE, home).spec
    earlier = {name: pin for name, pin in spec.pins.items() if name != "code"}
    again = absolute(spec.model_copy(update={"pins": earlier}), HERE, home).spec
    assert again.pins == earlier


@pytest.mark.parametrize("named", [False, True])
def test_code_that_changed_since_the_job_began_is_refused(
    code: Path, tmp_path: Path, named: bool
) -> None:
    home = str(tmp_path / "home")
    params = {"code": str(code)} if named else {}
    spec = absolute(spec_of(code, tmp_path, **params), HERE, home).spec
    inputs = inputs_of(spec, HERE, home)
    assert inputs.beside() == code
    (code / "digit_classifier.py").write_text("changed = True")
    with pytest.raises(Changed, match="has changed since the job began"):
        inputs.beside()


@pytest.mark.parametrize("named", [False, True])
def test_code_is_copied_for_workers_elsewhere(
    code: Path, tmp_path: Path, away: Settings, named: bool
) -> None:
    stores = Stores(away.stores)
    params = {"code": str(code)} if named else {}
    spec = absolute(spec_of(code, tmp_path, **params), stores, away.home).spec
    there = absolute(stage(spec, stores, away.home), stores, away.home).spec
    assert there.params["code"] == f"{away.home}/staged/{spec.pins['code']}/code"
    assert there.pins["code"] == spec.pins["code"]
    assert stage(there, stores, away.home) == there
    with inputs_of(there, stores, away.home) as inputs:
        fetched = inputs.beside()
        assert fetched
        more = {"batch_driver.py", "data/labels.txt", "unused.py"} if named else set()
        assert names(fetched) == MODULES | more


def test_code_is_in_what_ray_copies_to_machines(code: Path, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    spec = absolute(spec_of(code, tmp_path), HERE, home).spec
    package = tmp_path / "env"
    package.mkdir()
    whole, _ = runtime_env(spec, HERE, home, str(package))
    assert whole["py_modules"] == [str(package / PACKAGE)]
    brought = package / PACKAGE / spec.pins["code"]
    assert names(brought) == MODULES
    script = package / PACKAGE / spec.pins["script"]
    assert script.read_bytes() == (code / "batch_driver.py").read_bytes()
    shutil.rmtree(code)
    assert inputs_of(spec, HERE, home, str(package / PACKAGE)).beside() == brought


def test_a_script_in_the_control_store_imports_what_lies_beside_it(
    code: Path, tmp_path: Path, control: Backend, away: Settings
) -> None:
    store = control.open()
    for name in names(code):
        store.put(f"deployed/{name}", (code / name).read_bytes())
    settings = Settings(home=str(tmp_path / "home"), stores=away.stores)
    spec = spec_of(code, tmp_path).model_copy(
        update={"scorer": f"script:{control.url}/deployed/batch_driver.py"}
    )
    stores = Stores(settings.stores)
    pinned = placed(spec, stores, settings).spec
    assert pinned.pins["code"] == absolute(spec_of(code, tmp_path), HERE, "h").spec.pins["code"]
    with inputs_of(pinned, stores, settings.home) as inputs:
        fetched = inputs.beside()
        assert fetched
        assert names(fetched) == MODULES
    named = spec.model_copy(update={"params": {"code": f"{control.url}/deployed"}})
    pinned = placed(named, stores, settings).spec
    with inputs_of(pinned, stores, settings.home) as inputs:
        fetched = inputs.beside()
        assert fetched
        assert names(fetched) == MODULES | {"batch_driver.py", "data/labels.txt", "unused.py"}


@pytest.mark.parametrize("named", [False, True])
def test_a_deployment_runs_as_it_is_published(code: Path, tmp_path: Path, named: bool) -> None:
    spec = spec_of(code, tmp_path)
    away_from_code = tmp_path / "batch_driver.py"
    shutil.copy(code / "batch_driver.py", away_from_code)
    script = away_from_code if named else code / "batch_driver.py"
    done = call(
        *("run", spec.source, "-o", spec.output, "--home", tmp_path / "home", "--workers", 1),
        *("--scorer", f"script:{script}", "--model", tmp_path / "mnist"),
        *(("--code", code) if named else ()),
    )
    assert done.returncode == 0, done.stderr
    made = pd.read_csv(spec.output)
    assert made["file"].tolist() == ["0.bin", "1.bin", "2.bin"]
    assert made["class"].tolist() == [6, 7, 8]


def test_a_run_that_yields_writes_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for n in range(4):
        bad = "name\nx\n" if n == 2 else f"age,chol\n{50 + n},{249 + n}\n"
        (tmp_path / "in" / f"{n}.csv").write_text(bad)
    done = call(
        *("run", tmp_path / "in/*.csv", "-o", tmp_path / "out", "--home", tmp_path / "home"),
        *("--scorer", f"script:{SCRIPTS / 'heart_parquet.py'}", "--items", "files"),
        *("--max-failed", 1, "--workers", 1),
    )
    assert done.returncode == 0, done.stderr
    made = {path.name: pd.read_parquet(path) for path in (tmp_path / "out").iterdir()}
    assert sorted(made) == ["0.parquet", "1.parquet", "3.parquet"]
    assert made["3.parquet"]["prediction"].tolist() == [1]
    assert "2.csv" in done.stdout + done.stderr


def test_a_map_of_dicts_becomes_records(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for n, text in enumerate(("one two", "", "three")):
        (tmp_path / "in" / f"{n}.txt").write_text(text)
    done = call(
        *("run", tmp_path / "in", "-o", tmp_path / "o.jsonl", "--home", tmp_path / "home"),
        *("--scorer", f"script:{SCRIPTS / 'summaries.py'}", "--max-failed", 1, "--workers", 1),
    )
    assert done.returncode == 0, done.stderr
    made = pd.read_json(tmp_path / "o.jsonl", lines=True)
    assert made["summary"].tolist() == ["one", "three"]
    assert made["words"].tolist() == [2, 1]
