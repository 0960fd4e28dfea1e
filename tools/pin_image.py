"""Pin what the image has, with hashes, in the versions of constraints.txt.

Usage: ``python tools/pin_image.py``, as `make image-pins` does. Writes deploy/image/*.txt:

    build.txt   what builds the wheel; it does not get into the image
    common.txt  what both targets have
    cpu.txt     what the target ``cpu`` has besides: torch without CUDA
    cuda.txt    what the target ``cuda`` has besides: torch and CUDA's libraries
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGE = ROOT / "deploy/image"
LEFT_OUT = {"demo", "deploy", "dev", "mlflow", "plot"}
"""Extras that the image does not have; MLflow comes with what its model needs, by requirements."""
TORCH = "https://download.pytorch.org/whl/cpu"
NO_CUDA = "+cpu"
"""What the version of a torch without CUDA has at its end."""


def compiled(requirements: list[str], constraints: str) -> dict[str, str]:
    """Return the lines that pin some requirements and all that they need, by name."""
    (IMAGE / ".constraints").write_text(constraints)
    command: list[str | Path] = [
        Path(sys.executable).with_name("uv"),
        "pip",
        "compile",
        "--quiet",
        "-",
    ]
    command += ["--generate-hashes", "--no-annotate", "--no-header"]
    command += ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28"]
    command += ["--constraint", IMAGE / ".constraints"]
    if NO_CUDA in constraints:
        # Where the index of torch cannot be reached, a folder has its wheel.
        folder = os.environ.get("PIP_FIND_LINKS")
        command += ["--find-links", folder] if folder else ["--extra-index-url", TORCH]
    try:
        done = subprocess.run(
            command, input="\n".join(requirements), stdout=subprocess.PIPE, text=True, check=True
        )
    finally:
        (IMAGE / ".constraints").unlink()
    found = re.split(r"^(?=[A-Za-z0-9])", done.stdout, flags=re.MULTILINE)
    return {re.split(r"[=\[ ]", each)[0]: each for each in found if each}


def wanted() -> list[str]:
    """Return what the image is to have, as the project states it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    chosen = [each for name in sorted(extras.keys() - LEFT_OUT) for each in extras[name]]
    return sorted({*project["dependencies"], *chosen})


def main() -> None:
    """Write the files."""
    constraints = (ROOT / "constraints.txt").read_text()
    without = re.sub(r"^(torch==\S+)$", rf"\1{NO_CUDA}", constraints, flags=re.MULTILINE)
    cpu, cuda = compiled(wanted(), without), compiled(wanted(), constraints)
    common = {name for name in cpu.keys() & cuda.keys() if cpu[name] == cuda[name]}
    files = {
        "build": compiled(["hatchling"], constraints),
        "common": {name: cpu[name] for name in common},
        "cpu": {name: cpu[name] for name in cpu.keys() - common},
        "cuda": {name: cuda[name] for name in cuda.keys() - common},
    }
    for name, lines in files.items():
        text = "# Written by `make image-pins`.\n" + "".join(lines[each] for each in sorted(lines))
        (IMAGE / f"{name}.txt").write_text(text)


if __name__ == "__main__":
    main()
