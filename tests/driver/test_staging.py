"""Staging: files of this machine that workers elsewhere need, and what they install."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from impasto.driver.open_job import open_job
from impasto.driver.pinning import absolute
from impasto.driver.staging import stage
from impasto.driver.submit import submit
from impasto.errors import BadInput, Missing
from impasto.schema.job import JobSpec
from impasto.settings import Settings
from impasto.storage.stores import Stores
from support.stores import azure, keys

if TYPE_CHECKING:
    from support.cloud import Azurite
    from support.stores import Backend

SCRIPT = """
def init(): pass
def run(mini_batch): return list(mini_batch)
"""


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch, azurite: Azurite) -> Backend:
    return azure(monkeypatch, azurite, account="ctlacct", role="control")


@pytest.fixture
def away(control: Backend) -> Settings:
    """Settings whose home is in a store."""
    assert control.profile
    return Settings(home=f"{control.url}/jobs-home", stores={"it": control.profile})


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("a\n1\n2\n")
    return path


@pytest.fixture
def painted(tmp_path: Path) -> JobSpec:
    """A job of pictures, whose style is a file of this machine."""
    from PIL import Image

    for name in ("source.png", "style.png"):
        Image.new("RGB", (64, 64), (200, 90, 30)).save(tmp_path / name)
    params = {"style": str(tmp_path / "style.png")}
    source, output = str(tmp_path / "source.png"), str(tmp_path / "out.png")
    return JobSpec(source=source, output=output, scorer="style", params=params)


def scripted(rows: Path, folder: Path) -> JobSpec:
    """A job whose script, model and requirements are files of this machine."""
    (folder / "score.py").write_text(SCRIPT)
    model = folder / "model"
    (model / "deep").mkdir(parents=True)
    (model / "weights.bin").write_bytes(b"1234")
    (model / "deep/labels.txt").write_text("cat\ndog\n")
    (folder / "needs.txt").write_text("numpy\n")
    return JobSpec(
        source=str(rows),
        output=str(folder / "out.csv"),
        scorer=f"script:{folder / 'score.py'}",
        params={"model": str(model)},
        requirements=str(folder / "needs.txt"),
    )


def test_a_home_on_this_machine_needs_no_copies(painted: JobSpec, tmp_path: Path) -> None:
    stores, home = Stores({}), str(tmp_path / "home")
    spec = absolute(painted, stores, home).spec
    assert stage(spec, stores, home) is spec
    assert not (tmp_path / "home").exists()


def test_a_copied_picture_makes_the_same_job(painted: JobSpec, away: Settings) -> None:
    stores = Stores(away.stores)
    staged = stage(absolute(painted, stores, away.home).spec, stores, away.home)
    assert staged.params["style"].startswith(f"{away.home}/staged/")
    assert staged.params["style"].endswith("/style.png")
    assert stores.read(staged.params["style"]) == Path(painted.params["style"]).read_bytes()
    assert staged.source == painted.source
    assert submit(open_job(staged, away)).id == submit(open_job(painted, away)).id


def test_scripts_models_and_requirements_are_copied_once(
    rows: Path, tmp_path: Path, away: Settings
) -> None:
    stores = Stores(away.stores)
    home = stores.open_home(away.home)
    spec = absolute(scripted(rows, tmp_path), stores, away.home).spec
    staged = stage(spec, stores, away.home)
    before = {stat.key: (stat.etag, stat.modified) for stat in home.list_all("staged")}
    names = sorted(key.partition("/")[2].partition("/")[2] for key in before)
    assert names == ["model/deep/labels.txt", "model/weights.bin", "needs.txt", "score.py"]
    assert stage(spec, stores, away.home) == staged
    assert stage(staged, stores, away.home) == staged
    after = {stat.key: (stat.etag, stat.modified) for stat in home.list_all("staged")}
    assert after == before


def test_copied_scripts_and_folders_make_one_job(
    rows: Path, tmp_path: Path, away: Settings
) -> None:
    stores = Stores(away.stores)
    spec = absolute(scripted(rows, tmp_path), stores, away.home).spec
    first = absolute(stage(spec, stores, away.home), stores, away.home).spec
    again = absolute(stage(spec, stores, away.home), stores, away.home).spec
    assert first == again
    assert first.pins["script"] == spec.pins["script"]
    assert submit(open_job(first, away)).id == submit(open_job(again, away)).id


def test_changed_content_is_copied_anew(rows: Path, tmp_path: Path, away: Settings) -> None:
    stores = Stores(away.stores)
    spec = absolute(scripted(rows, tmp_path), stores, away.home).spec
    staged = stage(spec, stores, away.home)
    (tmp_path / "model/deep/labels.txt").write_text("cat\ncow\n")
    (tmp_path / "needs.txt").write_text("scipy\n")
    other = stage(spec, stores, away.home)
    assert other.params["script"] == staged.params["script"]
    assert other.params["model"] != staged.params["model"]
    assert other.requirements != staged.requirements
    assert other.requirements
    assert stores.read(other.requirements) == b"scipy\n"


def test_a_missing_file_is_named(painted: JobSpec, away: Settings) -> None:
    stores = Stores(away.stores)
    spec = absolute(painted, stores, away.home).spec
    Path(painted.params["style"]).unlink()
    with pytest.raises(Missing, match=r"style\.png"):
        stage(spec, stores, away.home)
    assert keys(stores.open_home(away.home), "staged") == []


def test_requirements_are_pinned_and_no_part_of_the_id(rows: Path, tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path / "home"))
    spec = scripted(rows, tmp_path)
    pinned = absolute(spec, Stores({}), settings.home).spec
    assert pinned.requirements == str(tmp_path / "needs.txt")
    assert pinned.pins["requirements"]
    without = spec.model_copy(update={"requirements": None})
    assert submit(open_job(spec, settings)).id == submit(open_job(without, settings)).id


def test_requirements_from_a_data_store_are_refused(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, azurite: Azurite
) -> None:
    data = azure(monkeypatch, azurite)
    assert data.profile
    data.open().put("needs.txt", b"numpy\n")
    settings = Settings(home=str(tmp_path / "home"), stores={"data": data.profile})
    spec = scripted(rows, tmp_path).model_copy(update={"requirements": f"{data.url}/needs.txt"})
    with pytest.raises(BadInput, match="only read from the control store"):
        submit(open_job(spec, settings))
