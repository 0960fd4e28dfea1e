"""Jobs of the style network keep the look that they began with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from impasto import JobSpec, Settings
from impasto.driver import api
from support import inprocess
from support.clips import picture
from support.jobs import the_job

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


def test_a_job_that_began_with_another_look_resumes_to_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "p.png", tmp_path / "o.png"
    Image.fromarray(np.moveaxis(picture(1, 96, 64), 0, 2)).save(source)
    job = JobSpec(source=str(source), output=str(output), params={"style": str(source)})
    before, today = (Settings(home=str(tmp_path / name)) for name in ("before", "today"))
    with monkeypatch.context() as patch:
        patch.setattr("impasto.scorers.style.scorer.LOOK", 1)
        first = api.run(job, settings=before)
    output.unlink()
    new = api.run(job, settings=today)
    assert new.job == first.job
    assert new.sha256 != first.sha256
    # As it would be if its only shard had not been done yet.
    output.unlink()
    the_job(before).drop([0])
    assert api.run(job, settings=before).sha256 == first.sha256
