"""Of several picture streams, the film is scored, or the one that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from impasto import JobSpec, Settings
from impasto.driver import api
from impasto.driver.open_job import open_draft
from impasto.errors import BadInput
from impasto.media.read import describe
from impasto.media.read.index import scan
from impasto.media.verify import verify as checker
from support import inprocess
from support.remake import remake, verify
from support.together import still, together

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip


@pytest.fixture
def covered(clip: MakeClip, tmp_path: Path) -> Path:
    """A film whose first stream is a larger still picture that nothing marks as a cover."""
    cover = still(tmp_path / "cover.mov", (320, 240))
    return together(tmp_path / "covered.mov", [cover, clip(".mov", frames=12)], default=0)


def test_the_film_is_chosen_and_not_its_cover(covered: Path, tmp_path: Path) -> None:
    output = remake(covered, tmp_path / "o.mkv", shard=5)
    assert output.index.facts.stream == 1
    assert len(output.index) == 12
    assert output.notes == ["video track 0 is dropped: only one is scored"]
    assert verify(str(covered), str(output.path)).ok
    marked = [line.endswith("[scored]") for line in describe.streams(str(covered), "a", 1)]
    assert marked == [False, True]


@pytest.mark.parametrize(("default", "chosen"), [(None, 1), (0, 0), (1, 1)])
def test_of_two_films_the_default_is_chosen_or_else_the_larger(
    clip: MakeClip, tmp_path: Path, default: int | None, chosen: int
) -> None:
    films = [clip(".mkv", frames=12), clip(".mkv", frames=12, size=(160, 96))]
    both = together(tmp_path / "both.mkv", films, default)
    assert scan(str(both), "both").facts.stream == chosen


def test_another_stream_is_scored_when_it_is_asked_for(
    clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    films = [clip(".mkv", frames=12), clip(".mkv", frames=20, size=(160, 96))]
    both, output = together(tmp_path / "both.mkv", films), tmp_path / "o.mkv"
    settings = Settings(home=str(tmp_path / "home"))
    spec = JobSpec(source=str(both), output=str(output), scorer="identity", shard_frames=5)
    asked = spec.model_copy(update={"stream": 0})
    assert open_draft(spec, settings).id != open_draft(asked, settings).id
    assert api.run(asked, settings=settings).items == 12
    assert checker.verify(str(both), str(output), "both", "o.mkv", 0).ok
    assert not verify(str(both), str(output)).ok


def test_a_stream_that_is_not_there_is_refused_with_those_that_are(covered: Path) -> None:
    with pytest.raises(BadInput, match="stream 7 is not a video; choose `stream` from: 0, 1"):
        scan(str(covered), "covered", 7)
