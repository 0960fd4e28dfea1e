"""A driver resolves what a job names once, and looks at its source twice on purpose."""

from __future__ import annotations

import shutil
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from impasto.driver import api, identity, pinning
from impasto.errors import Incomplete, Interrupted
from impasto.jobs import find
from impasto.schema import url
from impasto.schema.job import JobSpec
from impasto.scorers import registry
from impasto.scorers.entry import Entry
from impasto.settings import Settings
from impasto.sources import open as sources
from impasto.sources import selection
from impasto.storage.stores import Stores
from support import inprocess
from support.clips import picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from impasto.schema.progress import Progress

WORKERS = inprocess.InProcess.run.__code__


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of six images."""
    made = tmp_path / "images"
    made.mkdir()
    for n in range(6):
        Image.fromarray(np.moveaxis(picture(n, 96, 64), 0, 2)).save(made / f"{n}.png")
    return made


@contextmanager
def calls(*functions: Callable[..., Any], argument: str = "") -> Iterator[Counter[str]]:
    """Count calls of functions by name, or by an argument, those of the workers aside."""
    names = {function.__code__: function.__name__ for function in functions}
    counted: Counter[str] = Counter()

    def on_event(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in names and not _in_worker(frame):
            name = names[frame.f_code]
            counted[str(frame.f_locals[argument]) if argument else name] += 1

    sys.setprofile(on_event)
    try:
        yield counted
    finally:
        sys.setprofile(None)


def _in_worker(frame: FrameType | None) -> bool:
    while frame and frame.f_code is not WORKERS:
        frame = frame.f_back
    return frame is not None


def identity_job(folder: Path, output: Path) -> JobSpec:
    return JobSpec(source=str(folder), output=str(output), scorer="identity", shard_frames=2)


def test_a_run_resolves_its_spec_once_and_lists_its_source_twice(
    folder: Path, tmp_path: Path
) -> None:
    settings = Settings(home=str(tmp_path / "home"))
    spec = identity_job(folder, tmp_path / "made")
    once = (pinning.absolute, Entry.parse, identity.job_id)
    with calls(*once, sources.open_source, selection.find) as counted:
        api.run(spec, settings=settings)
    assert counted == {
        "absolute": 1,
        "parse": 1,
        "job_id": 2,
        # When the job is opened, and before its output is made.
        "open_source": 2,
        "find": 2,
    }


def test_a_run_looks_its_scorer_up_when_it_is_named_and_when_it_is_pinned(
    folder: Path, tmp_path: Path
) -> None:
    settings = Settings(home=str(tmp_path / "home"))
    with calls(registry.find, argument="scorer") as counted:
        api.run(identity_job(folder, tmp_path / "made"), settings=settings)
    assert counted == {"identity": 2}


def test_a_run_parses_each_url_once(folder: Path, tmp_path: Path) -> None:
    home, made = tmp_path / "home", tmp_path / "made"
    settings, spec = Settings(home=str(home)), identity_job(folder, made)
    with calls(url.parse, argument="text") as counted:
        api.run(spec, settings=settings)
    assert counted == dict.fromkeys(map(str, (folder, made, home)), 1)


def test_a_resumed_job_is_resolved_once_and_lists_its_source_twice(
    folder: Path, tmp_path: Path
) -> None:
    settings = Settings(home=str(tmp_path / "home"))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        api.run(identity_job(folder, tmp_path / "made"), settings=settings, stop=stop)
    (job,) = find.jobs(Stores({}).open(settings.home))
    with calls(pinning.absolute, identity.job_id, selection.find) as counted:
        assert api.finish(job, settings=settings).items == 6
    assert counted == {"absolute": 1, "job_id": 1, "find": 2}


def test_a_job_whose_output_stands_needs_its_source_no_more(folder: Path, tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path / "home"))
    result = api.run(identity_job(folder, tmp_path / "made"), settings=settings)
    shutil.rmtree(folder)
    (job,) = find.jobs(Stores({}).open(settings.home))
    assert api.finish(job, settings=settings).sha256 == result.sha256


@pytest.mark.parametrize("changed", ["source", "picture"])
def test_a_change_while_shards_are_scored_is_found_before_the_output_is_made(
    folder: Path, tmp_path: Path, changed: str
) -> None:
    style = tmp_path / "style.png"
    shutil.copy(folder / "0.png", style)
    spec = JobSpec(
        source=str(folder),
        output=str(tmp_path / "made"),
        params={"style": str(style)},
        shard_frames=3,
    )

    def on_progress(event: Progress) -> None:
        if event.done == 6:
            shutil.copy(folder / "1.png", folder / "6.png" if changed == "source" else style)

    with pytest.raises(Incomplete, match="or a file that the job uses, has changed"):
        api.run(spec, settings=Settings(home=str(tmp_path / "home")), on_progress=on_progress)
    assert not (tmp_path / "made").exists()
