"""The image: its Dockerfile by hadolint, rules of our own for it, and what it pins."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from checks.finding import Finding

NAME = "the image: Dockerfile, and what it pins"
CANNOT: tuple[str, ...] = (
    "The image's base has no digest: without a registry nobody can look it up.",
    "The target `cuda` was neither built nor run; `make image-test` builds and runs `cpu`.",
)
FILE = "image/Dockerfile"
PINS = ("common", "cpu", "cuda")
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;+]+)(\S*)", re.MULTILINE)
_ROOT = {"root", "0", "0:0", "root:root"}


def check(deploy: Path) -> list[Finding]:
    """Return what is wrong with the image; see `checks.all.Validator`."""
    return [*_linted(deploy), *_ruled(deploy), *_pinned(deploy)]


def _linted(deploy: Path) -> list[Finding]:
    command: list[str | Path] = [
        Path(sys.executable).with_name("hadolint"),
        "--no-color",
        "--format",
        "json",
    ]
    done = subprocess.run([*command, deploy / FILE], capture_output=True, text=True, check=False)
    return [
        Finding(FILE, each["line"], f"{each['code']}: {each['message']}")
        for each in json.loads(done.stdout or "[]")
    ]


def _ruled(deploy: Path) -> list[Finding]:
    """Look at what hadolint does not know: who runs, and where packages come from."""
    found, user, stage = [], {"": ""}, ""
    for number, line in enumerate((deploy / FILE).read_text().splitlines(), start=1):
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            parent, _, stage = rest.partition(" AS ")
            user[stage] = user.get(parent, "")
        elif word == "USER":
            user[stage] = rest
        elif word == "ADD":
            found.append(Finding(FILE, number, "ADD may fetch or unpack; COPY does neither"))
        if "pip install" in line and "--require-hashes" not in line and "--no-index" not in line:
            found.append(Finding(FILE, number, "pip takes no package here without its hash"))
    for name in ("cpu", "cuda"):
        if name not in user:
            found.append(Finding(FILE, 0, f"there is no target {name}"))
        elif not user[name] or user[name] in _ROOT or not user[name][0].isdigit():
            fact = "runs as root, or as a user whom a cluster cannot tell from root"
            found.append(Finding(FILE, 0, f"the target {name} {fact}; give USER a number"))
    return found


def _pinned(deploy: Path) -> list[Finding]:
    """Compare what the image pins with what the tests run with."""
    tested = {
        name.lower(): version
        for name, version, _ in _PINNED.findall((deploy.parent / "constraints.txt").read_text())
    }
    found = []
    for part in PINS:
        file = f"image/{part}.txt"
        for line, (name, version, hashed) in _entries((deploy / file).read_text()):
            known = tested.get(name.lower(), version)
            if known != version:
                fact = f"{name} {version} is not what constraints.txt has, {known}"
                found.append(Finding(file, line, f"{fact}; run `make image-pins`"))
            if not hashed:
                found.append(Finding(file, line, f"{name} has no hash"))
    return found


def _entries(text: str) -> list[tuple[int, tuple[str, str, bool]]]:
    lines = text.splitlines()
    return [
        (number, (match[1], match[2], "--hash=" in "".join(lines[number - 1 : number + 1])))
        for number, line in enumerate(lines, start=1)
        if (match := _PINNED.match(line))
    ]
