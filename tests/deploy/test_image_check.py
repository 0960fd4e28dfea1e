"""The image's check passes what is there, and finds what was planted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from checks import image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A copy of what the check reads."""
    shutil.copytree(ROOT / "deploy/image", tmp_path / "deploy/image")
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    return tmp_path / "deploy"


def plant(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_nothing_is_found_in_what_is_there(deploy: Path) -> None:
    assert image.check(deploy) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("USER 10001:10001\n", "", "the target cpu runs as root"),
        ("USER 10001:10001", "USER root", "the target cuda runs as root"),
        ("USER 10001:10001", "USER impasto", "give USER a number"),
        ("RAY_USAGE_STATS_ENABLED=0", "RAY_AUTH_TOKEN=0123456789ab", "DL3064"),
        ("COPY src src", "ADD src src", "ADD may fetch"),
        ("--require-hashes --no-deps --requirement /build/cuda", "-r /build/cuda", "its hash"),
        ("apt-get install --yes", "apt-get install", "DL3014"),
        ("WORKDIR /build/source", "RUN cd /build/source", "DL3003"),
        ("FROM runtime AS cuda", "FROM runtime AS gpu", "there is no target cuda"),
        ("AS wheel\n", "AS wheel\nRUNN true\n", "1000"),
    ],
)
def test_a_planted_fault_is_found(deploy: Path, old: str, new: str, told: str) -> None:
    plant(deploy / image.FILE, old, new)
    assert any(told in each.text for each in image.check(deploy)), image.check(deploy)


def test_a_version_that_the_tests_do_not_run_with_is_found(deploy: Path) -> None:
    plant(deploy / "image/common.txt", "\nray==", "\nray==2.1.")
    assert ["run `make image-pins`" in each.text for each in image.check(deploy)] == [True]


def test_a_pin_without_a_hash_is_found(deploy: Path) -> None:
    (deploy / "image/cpu.txt").write_text("torch==2.13.0+cpu\n")
    assert [each.text for each in image.check(deploy)] == ["torch has no hash"]
