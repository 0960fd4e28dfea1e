"""The command `verify` judges an output by what its job was asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from support.command import call

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_verify_knows_from_the_job_what_was_cut_off_and_scaled(
    tmp_path: Path, clip: MakeClip, suffix: str
) -> None:
    source = clip(
        ".mp4",
        frames=72,
        audio=("aac",),
        subtitles=((0, 1, "one"), (1, 2, "two")),
        chapters=((0, 1, "first"), (1, 2, "second")),
    )
    output, home = tmp_path / f"o{suffix}", ("--home", tmp_path / "home")
    words = ("run", source, "--scorer", "identity", "-o", output, "--json", *home)
    done = call(*words, "--start", "0.5", "--end", "1.5", "--max-size", "64")
    assert done.returncode == 0, done.stderr

    known = call("verify", source, output, *home)
    assert known.returncode == 0, known.stdout
    assert "picture size     64x" in known.stdout
    job = call("jobs", *home, "--json").stdout.split('"job": "')[1][:12]
    assert call("verify", job, *home).stdout == known.stdout

    (tmp_path / "other").mkdir()
    other = ("--home", tmp_path / "other")
    unknown = call("verify", source, output, *other)
    assert unknown.returncode == 1
    assert not [*(tmp_path / "other").iterdir()]
    told = call("verify", source, output, *other, "--start", "0.5", "--end", "1.5")
    assert told.returncode == 0, told.stdout
    wrong = call("verify", source, output, *home, "--end", "2")
    assert wrong.returncode == 1
    assert "LOST  frames" in wrong.stdout


def test_only_a_job_that_has_made_a_video_is_verified(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(2):
        Image.new("RGB", (32, 24), (number, 0, 0)).save(tmp_path / "in" / f"{number}.png")
    home = ("--home", tmp_path / "home")
    words = ("run", tmp_path / "in", "--scorer", "identity", *home, "--json", "-o")
    made = json.loads(call(*words, tmp_path / "out").stdout)["job"]
    refused = call("verify", made, *home)
    assert refused.returncode == 2
    assert "in: is not a video, and verify compares a video with its source" in refused.stderr

    (tmp_path / "home" / "jobs" / made / "result.json").unlink()
    stopped = call("verify", made, *home)
    assert stopped.returncode == 2
    assert f"job {made}: is stopped and has no output yet; 'impasto resume {made}" in stopped.stderr
