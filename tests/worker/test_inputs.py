"""The files that a scorer is given: as they were when the job began, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from impasto.driver.pinning import absolute
from impasto.errors import BadInput, Changed
from impasto.schema.job import JobSpec
from impasto.schema.plan import Plan
from impasto.storage.stores import Stores
from impasto.worker.inputs import JobInputs
from impasto.worker.task import Task

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.sources.base import Source


@pytest.fixture
def inputs(tmp_path: Path) -> JobInputs:
    """Those of a job with a script, a folder of its models, and another file beside them."""
    (tmp_path / "model").mkdir()
    for name in ("score.py", "model/labels.txt", "other.txt"):
        (tmp_path / name).write_text(name)
    spec = JobSpec(
        source=str(tmp_path / "rows.csv"),
        output=str(tmp_path / "out.csv"),
        scorer=f"script:{tmp_path / 'score.py'}",
        params={"model": str(tmp_path / "model")},
    )
    home = str(tmp_path / "home")
    spec = absolute(spec, Stores({}), home).spec
    plan = Plan.model_construct(source="table", output="records")
    task = Task.model_construct(home=home, spec=spec, plan=plan)
    return JobInputs(task, Stores({}), cast("Source", None), lambda: None)


def test_pinned_files_are_read(inputs: JobInputs, tmp_path: Path) -> None:
    assert inputs.trusted(str(tmp_path / "score.py")) == b"score.py"
    assert (inputs.folder(str(tmp_path / "model")) / "labels.txt").read_text() == "model/labels.txt"


def test_files_that_changed_since_the_job_began_are_refused(
    inputs: JobInputs, tmp_path: Path
) -> None:
    for name in ("score.py", "model/labels.txt"):
        (tmp_path / name).write_text("other")
    with pytest.raises(Changed, match=r"score\.py: has changed since the job began"):
        inputs.trusted(str(tmp_path / "score.py"))
    with pytest.raises(Changed, match="model: has changed since the job began"):
        inputs.folder(str(tmp_path / "model"))


def test_files_that_no_parameter_pins_are_refused(inputs: JobInputs, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"other\.txt: was not pinned when the job began"):
        inputs.trusted(str(tmp_path / "other.txt"))
    with pytest.raises(BadInput, match="the type TrustedFolder"):
        inputs.folder(str(tmp_path / "score.py"))
