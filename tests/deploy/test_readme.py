"""The commands of instructions are looked up word by word, and what does not exist is found."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from checks import readme
from support.deployment import DEPLOY

if TYPE_CHECKING:
    from pathlib import Path

PLANTED = {
    "a file that is not there": (
        "--parameters deploy/azure/main.parameters.json",
        "--parameters deploy/azure/main.params.json",
        "there is no deploy/azure/main.params.json",
    ),
    "a link to nowhere": ("](once.py)", "](twice.py)", "there is no twice.py"),
    "a variable that nothing sets": ("ADDRESS=203", "ADRESS=203", "set $ADDRESS"),
    "an output that there is not": ("$(out registryName)", "$(out registry)", "output registry"),
    "an output of the other variant": ("$(out clusterName)", "$(out jobName)", "output jobName"),
    "a parameter that there is not": ("operatorId=$ME", "operator=$ME", "no parameter operator"),
    "a parameter that is left out": (
        "    --parameters deploy/azure/main.parameters.json \\\n"
        "    --parameters operatorId=$ME adminRanges=\"['$ADDRESS/32']\"",
        "    --parameters operatorId=$ME",
        "adminRanges of main.bicep is missing",
    ),
    "a parameter of a table": ("| `gpuSize`,", "| `gpuSise`,", "no parameter gpuSise"),
    "an object that there is not": (
        "deployment/impasto-watch",
        "deployment/impasto-watcher",
        "object impasto-watcher",
    ),
}


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A copy of the folder, in a copy of what is beside it."""
    shutil.copytree(
        DEPLOY.parent / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("*.jpg")
    )
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("schemas"))
    return tmp_path / "deploy"


def test_what_is_here_passes() -> None:
    assert readme.check(DEPLOY) == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_error_is_found(fault: str, deploy: Path) -> None:
    old, new, told = PLANTED[fault]
    path = deploy / "azure" / "README.md"
    whole = path.read_text()
    assert old in whole
    path.write_text(whole.replace(old, new, 1))

    found = readme.check(deploy)

    assert any(told in one.text for one in found), found
    assert {one.file for one in found} == {"azure/README.md"}
