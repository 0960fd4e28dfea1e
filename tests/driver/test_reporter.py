"""What a driver reports while its job runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto import JobSpec, Progress, Settings
from impasto.driver import api
from support.command import call
from support.models import write_sums

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_found_out_about_a_model_is_said_while_it_helps(tmp_path: Path) -> None:
    write_sums(tmp_path / "sums.onnx")
    (tmp_path / "in.csv").write_text("a,b\n" + "1,2\n" * 40)
    job = JobSpec(
        source=str(tmp_path / "in.csv"),
        output=str(tmp_path / "out.csv"),
        scorer=f"onnx:{tmp_path / 'sums.onnx'}",
        shard_frames=10,
    )
    seen: list[Progress] = []
    settings = Settings(home=str(tmp_path / "home"), engine="inline")
    done = api.run(job, settings=settings, on_progress=seen.append)
    (note,) = done.notes
    assert next(each.done for each in seen if note in each.warnings) <= 10
    words = ["run", job.source, "--scorer", job.scorer, "-o", tmp_path / "again.csv"]
    shown = call(*words, "--home", tmp_path / "home", "--shard-frames", 20)
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr.count(f"note: {note}") == 1
