"""Outputs of whole jobs: what may be replaced, and what is refused before anything is scored."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from impasto import BadInput, Settings
from impasto.driver import api
from support import inprocess
from support.clips import picture
from support.jobs import luma, spec

if TYPE_CHECKING:
    from conftest import MakeClip


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def test_a_lost_or_second_output_is_made_without_scoring(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    job = spec(clip(frames=50), tmp_path / "out.mp4")
    api.run(job, settings=settings)
    before = (tmp_path / "out.mp4").read_bytes()
    (tmp_path / "out.mp4").unlink()
    inprocess.InProcess.ran = []
    api.run(job, settings=settings)
    api.run(job.model_copy(update={"output": str(tmp_path / "b.mp4")}), settings=settings)
    assert inprocess.InProcess.ran == []
    assert (tmp_path / "out.mp4").read_bytes() == before == (tmp_path / "b.mp4").read_bytes()


def test_a_strange_file_at_the_output_is_never_replaced_unasked(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    output = tmp_path / "out.mp4"
    output.write_text("mine")
    with pytest.raises(BadInput, match="`overwrite`"):
        api.run(spec(clip(), output), settings=settings)
    assert output.read_text() == "mine"
    api.run(spec(clip(), output, overwrite=True), settings=settings)
    assert len(luma(output)) == 48


def test_the_source_is_never_its_own_output(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(clip().read_bytes())
    with pytest.raises(BadInput, match="is also what the job reads"):
        api.run(spec(source, source, overwrite=True), settings=settings)
    assert source.read_bytes() == clip().read_bytes()


def test_an_output_below_a_file_is_refused_before_scoring(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file"):
        api.run(spec(clip(), tmp_path / "file" / "o.mp4"), settings=settings)
    assert inprocess.InProcess.ran == []


def test_delivered_images_are_nobody_elses(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    api.run(spec(clip(frames=3), tmp_path / "out", frames="jpg"), settings=settings)
    assert {path.stat().st_nlink for path in (tmp_path / "out").iterdir()} == {1}


def test_overwriting_a_folder_of_images_leaves_none_of_the_old(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    job = spec(clip(frames=24), tmp_path / "out", frames="png")
    api.run(job, settings=settings)
    shorter = job.model_copy(update={"end": Fraction(1, 5), "overwrite": True})
    assert api.run(shorter, settings=settings).items == 5
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_the_source_is_never_replaced_by_another_name_of_it(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    source = tmp_path / "real" / "p.png"
    Image.fromarray(np.moveaxis(picture(1, 96, 64), 0, 2)).save(source)
    before = source.read_bytes()
    for output in (tmp_path / "link" / "p.png", tmp_path / "link"):
        with pytest.raises(BadInput, match="is also what the job reads"):
            api.run(spec(source, output, overwrite=True), settings=settings)
    assert source.read_bytes() == before


def test_an_output_that_holds_the_source_or_is_a_link_to_it_is_refused(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "out" / "in").mkdir(parents=True)
    source = tmp_path / "out" / "in" / "p.png"
    Image.fromarray(np.moveaxis(picture(1, 96, 64), 0, 2)).save(source)
    with pytest.raises(BadInput, match="contains what the job reads"):
        api.run(spec(source.parent, tmp_path / "out", overwrite=True), settings=settings)
    (tmp_path / "hard.png").hardlink_to(source)
    with pytest.raises(BadInput, match="is also what the job reads"):
        api.run(spec(source, tmp_path / "hard.png", overwrite=True), settings=settings)
    assert source.is_file()
    assert inprocess.InProcess.ran == []


def test_an_output_that_is_a_link_is_written_where_it_leads(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "folder").mkdir()
    Image.fromarray(np.moveaxis(picture(1, 96, 64), 0, 2)).save(tmp_path / "in" / "p.png")
    link = tmp_path / "link"
    link.symlink_to("folder")
    api.run(spec(tmp_path / "in", link), settings=settings)
    assert link.is_symlink()
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["p.png"]
    file = tmp_path / "o.png"
    file.symlink_to(tmp_path / "folder" / "p.png")
    with pytest.raises(BadInput, match="already exists"):
        api.run(spec(tmp_path / "in" / "p.png", file), settings=settings)
    api.run(spec(tmp_path / "in" / "p.png", file, overwrite=True), settings=settings)
    assert file.is_symlink()
