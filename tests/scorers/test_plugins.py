"""Scorers that other packages offer, installed as a user installs them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from support import PLUGIN
from support.command import impasto

if TYPE_CHECKING:
    from subprocess import CompletedProcess


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has installed the package of `support/plugin`."""
    source = tmp_path_factory.mktemp("source") / "dim"
    # Building leaves files beside the source.
    shutil.copytree(PLUGIN, source)
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    words = [*pip, "--no-build-isolation", "--target", str(target), str(source)]
    subprocess.run(words, check=True, timeout=120)
    return target


@pytest.fixture
def installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(package))
    return package


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (64, 48), (200, 100, 50)).save(folder / "a.png")
    return folder


def offer(folder: Path, package: str, **points: str) -> None:
    """Write what pip leaves of an installed package that offers scorers."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {target}\n" for name, target in points.items()]
    (info / "entry_points.txt").write_text("".join(["[impasto.scorers]\n", *lines]))


def dim(photos: Path, *words: object, command: str = "run") -> CompletedProcess[str]:
    here = photos.parent
    options = ("-o", here / "out", "--home", here / "home", "--workers", 1, "--json", *words)
    return impasto(command, photos, "--scorer", "dim", *options)


@pytest.mark.usefixtures("installed")
def test_a_scorer_of_another_package_scores_on_workers_with_its_files_pinned(photos: Path) -> None:
    offset = photos.parent / "offset.txt"
    offset.write_text("0.2")
    done = dim(photos, "--factor", 0.5, "--offset", offset)
    assert done.returncode == 0, done.stderr
    made = np.asarray(Image.open(photos.parent / "out" / "a.png"))[0, 0]
    assert made.tolist() == [151, 101, 76]
    (path,) = photos.parent.glob("home/jobs/*/spec.json")
    spec = json.loads(path.read_text())
    assert spec["params"] == {"factor": "0.5", "offset": str(offset)}
    assert spec["pins"].keys() == {"offset", "scorer"}
    assert spec["pins"]["scorer"] == "impasto-dim 1.2"


@pytest.mark.usefixtures("installed")
def test_its_parameters_are_options_like_any_others(photos: Path) -> None:
    (line,) = impasto("scorers", "dim", "--json").stdout.splitlines()
    assert [flag["name"] for flag in json.loads(line)["parameters"]] == ["factor", "offset"]
    assert "dim: darkens pictures" in impasto("scorers").stdout
    done = dim(photos)
    assert done.returncode == 2
    assert "--factor: is missing (what brightness is multiplied by)" in done.stderr


def test_another_version_of_the_package_makes_another_job(
    installed: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = json.loads(dim(photos, "--factor", 0.5, command="plan").stdout)["job"]
    shutil.copytree(installed, tmp_path / "newer")
    (metadata,) = (tmp_path / "newer").glob("*.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("Version: 1.2", "Version: 1.3"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "newer"))
    after = json.loads(dim(photos, "--factor", 0.5, command="plan").stdout)["job"]
    assert before != after


def test_what_packages_offer_is_imported_only_when_it_is_wanted(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "offered"
    offer(folder, "loud", loud="loud:LOUD")
    (folder / "loud.py").write_text("from pathlib import Path\nPath(__file__ + '.seen').touch()\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    words = ("-o", tmp_path / "out", "--home", tmp_path / "home")
    assert impasto("--help").returncode == 0
    assert impasto("run", photos, "--scorer", "identity", *words).returncode == 0
    assert not (folder / "loud.py.seen").exists()
    assert "no attribute 'LOUD'" in impasto("scorers").stderr
    assert (folder / "loud.py.seen").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "broken 1.0 cannot be used: ModuleNotFoundError: No module named 'nowhere'"),
        ("crooked", "broken 1.0 cannot be used: ValueError: two lines"),
        ("number", "bits:NUMBER is not an impasto.scorers.entry.Entry"),
        ("greedy", "its parameter crf is an option of every job"),
        ("twice", "is offered by broken 1.0 and other 1.0; uninstall all but one"),
    ],
)
def test_a_package_that_cannot_be_used_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    (tmp_path / "bits.py").write_text(
        "from impasto.scorers.entry import Entry\n"
        "from impasto.schema.base import Frozen\n"
        "class Greedy(Frozen):\n    crf: int = 1\n"
        "GREEDY, NUMBER = Entry('bits:X', Greedy, 'takes too much'), 3\n"
    )
    (tmp_path / "crooked.py").write_text("raise ValueError('two\\nlines')\n")
    targets = {"absent": "nowhere:IT", "crooked": "crooked:IT", "number": "bits:NUMBER"}
    offer(tmp_path, "broken", greedy="bits:GREEDY", twice="bits:A", style="bits:B", **targets)
    offer(tmp_path, "other", twice="bits:C")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = impasto("run", "x.png", "-o", "y.png", "--scorer", name)
    assert done.returncode == 2
    assert done.stderr.startswith(f"impasto: scorer '{name}'")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    listed = impasto("scorers")
    assert listed.returncode == 0
    assert said in listed.stderr
    assert "scorer 'style': broken 1.0 cannot be used: the name is taken" in listed.stderr
    assert "style: style transfer" in listed.stdout
