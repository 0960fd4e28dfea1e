"""Labels of jobs: what they may be, and the lists and facts that show them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from impasto.cli.labels import parse_labels
from impasto.errors import BadInput
from impasto.jobs.job import Job
from impasto.schema.job import JobSpec
from impasto.storage.stores import Stores
from support.command import call

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["show"], "--label show: is not KEY=VALUE"),
        (["=42"], "--label =42: its key is not"),
        (["a b=1"], "--label a b=1: its key is not"),
        (["a=1\n2"], "--label a=1?2: its value is not one line"),
        (["a=" + "x" * 300], "its value is not one line"),
        (["a=1", "a=2"], "--label a: is given twice"),
        ([f"k{n}=1" for n in range(40)], "--label: a job has at most 32"),
    ],
)
def test_a_wrong_label_is_refused_in_a_line(given: list[str], told: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_labels(given)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_jobs_are_listed_by_label_and_rule(tmp_path: Path) -> None:
    home = Stores({}).open_home(str(tmp_path))
    for n, labels in enumerate(({"show": "42", "who": "ann"}, {"show": "43"}, {})):
        spec = JobSpec(source="in.csv", output=f"{n}.csv", labels=labels, rule="r" if n else "")
        Job(home, f"{n:012x}").record(spec)

    def listed(*words: str) -> set[str]:
        lines = call("jobs", "--json", "--home", tmp_path, *words).stdout.splitlines()
        return {json.loads(line)["output"] for line in lines}

    assert listed("--label", "show") == {"0.csv", "1.csv"}
    assert listed("--label", "show=42") == {"0.csv"}
    assert listed("--label", "show", "--label", "who=ann") == {"0.csv"}
    assert listed("--rule", "r") == {"1.csv", "2.csv"}
    assert listed("--rule", "r", "--label", "show=42") == set()
    told = call("show", f"{0:012x}", "--home", tmp_path).stdout
    assert "labels       show=42\n             who=ann\n" in told
    assert "--labels" not in told


def test_a_later_submission_names_the_job_anew_and_one_without_labels_keeps_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "in.csv").write_text("n\n1\n")
    (tmp_path / "squares.py").write_text(
        "class Squares:\n    def score(self, batch):\n        return [{} for _ in batch['n']]\n"
    )
    words = ["run", tmp_path / "in.csv", "--scorer", f"python:{tmp_path / 'squares.py'}:Squares"]
    words += ["-o", tmp_path / "out.jsonl", "--home", tmp_path / "home", "--quiet"]

    def labels() -> list[dict[str, str]]:
        lines = call("jobs", "--json", "--home", tmp_path / "home").stdout.splitlines()
        return [json.loads(line)["labels"] for line in lines]

    assert call(*words, "--label", "show=42").returncode == 0
    assert labels() == [{"show": "42"}]
    assert call(*words).returncode == 0
    assert labels() == [{"show": "42"}]
    assert call(*words, "--label", "who=ann").returncode == 0
    assert labels() == [{"who": "ann"}]
    refused = call(*words, "--label", "url=https://x.blob.core.windows.net/a?sig=c2VjcmV0c2VjcmV0")
    assert (refused.returncode, labels()) == (2, [{"who": "ann"}])
    assert "--label: holds what looks like a key" in refused.stderr
