"""What Kubernetes asks pods: a watcher that hangs is found, and a store that is away harms none."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.deployment import DEPLOY

if TYPE_CHECKING:
    from pathlib import Path


def container(name: str) -> dict[str, Any]:
    """Return the first container of a Deployment in base/NAME.yaml."""
    documents = yaml.safe_load_all((DEPLOY / f"kubernetes/base/{name}.yaml").read_text())
    found: dict[str, Any] = next(documents)["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize(("age", "lives"), [(0, True), (600, True), (3600, False), (None, False)])
def test_only_a_watcher_whose_file_is_young_lives(
    age: int | None, lives: bool, tmp_path: Path
) -> None:
    watch = container("watch")
    named = watch["args"][watch["args"].index("--alive") + 1]
    file = tmp_path / "alive"
    if age is not None:
        file.touch()
        os.utime(file, (time.time() - age, time.time() - age))
    command = watch["livenessProbe"]["exec"]["command"]
    mine = [word.replace(named, str(file)) for word in command]
    assert mine != command
    assert (subprocess.run(mine, check=False).returncode == 0) is lives
