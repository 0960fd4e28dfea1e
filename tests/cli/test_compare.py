"""`impasto compare`: what it writes and says, what it refuses, and what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from impasto.media.compare import video
from support.command import call

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip


@pytest.mark.parametrize("form", ["side", "split"])
def test_a_video_of_both_is_written_and_named(clip: MakeClip, tmp_path: Path, form: str) -> None:
    source, output = clip(".mp4", frames=6, audio=("aac",)), tmp_path / "o.mp4"
    done = call("compare", source, source, "-o", output, "--as", form)
    assert done.returncode == 0
    assert done.stdout.startswith(f"{output}: 6 frames, ")
    found = call("probe", output).stdout
    assert f"H.264, {'192x64' if form == 'side' else '96x64'}" in found
    assert "1: sound, AAC, stereo" in found
    assert list(tmp_path.iterdir()) == [output]


def test_frames_that_are_left_out_are_counted(clip: MakeClip, tmp_path: Path) -> None:
    source, result = clip(".mp4", frames=12), clip(".mp4", frames=6)
    done = call("compare", source, result, "-o", tmp_path / "o.mp4")
    said = f"{result.name} ends early: the source's last 6 frames are left out"
    assert f"note: {said}; if it begins later than the source, give --start\n" in done.stderr


def test_a_result_begins_where_its_job_began(clip: MakeClip, tmp_path: Path) -> None:
    source, home = clip(".mp4", frames=12), ("--home", tmp_path / "home")
    run = ("run", source, "--scorer", "identity", "--start", "0.16", "--end", "0.4", *home, "-o")
    # The second output is made by the same job, from what the first one left.
    results = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for result in results:
        assert call(*run, result).returncode == 0
        done = call("compare", source, result, "-o", tmp_path / f"by-job-{result.name}", *home)
        said = f"{result.name} ends early: the source's last 2 frames are left out"
        assert f"note: {said}\n" in done.stderr
        assert call("verify", source, result, *home).returncode == 0
    (tmp_path / "other").mkdir()
    told = ("--start", "0.16", "--home", tmp_path / "other")
    done = call("compare", source, results[0], "-o", tmp_path / "told.mp4", *told)
    assert done.returncode == 0, done.stderr
    made = [tmp_path / name for name in ("told.mp4", "by-job-a.mp4", "by-job-b.mp4")]
    assert len({path.read_bytes() for path in made}) == 1
    call("compare", source, results[0], "-o", tmp_path / "wrong.mp4", *told[2:])
    assert (tmp_path / "wrong.mp4").read_bytes() != made[0].read_bytes()


def test_two_images_become_one(tmp_path: Path) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.jpg"]
    for path in paths:
        Image.new("RGB", (40, 30)).save(path)
    output = tmp_path / "o.png"
    done = call("compare", *paths, "-o", output)
    assert done.stdout.startswith(f"{output}: source and result, ")
    assert Image.open(output).size == (80, 30)
    refused = call("compare", *paths, "-o", tmp_path / "o.mp4")
    assert refused.stderr.endswith("o.mp4: is not an image; use one of .png, .jpg, .jpeg, .webp\n")


def test_outputs_that_cannot_be_or_must_stay_are_refused(clip: MakeClip, tmp_path: Path) -> None:
    source, output = clip(".mp4", frames=6), tmp_path / "o.mp4"
    both = ["compare", source, source, "-o"]
    assert call(*both, output).returncode == 0
    refused = {
        str(output): "o.mp4: already exists; choose another or add --overwrite",
        "az://media/o.mp4": "is a URL, and this is written to this machine; name a file here, and "
        "copy it with 'impasto cp'",
        str(source): "is also what is compared; choose another output",
        "o.avi": "o.avi: no video container has the suffix '.avi'; use one of .mp4, .m4v, .mov, "
        ".mkv, .webm",
    }
    for name, words in refused.items():
        done = call(*both, name)
        assert done.returncode == 2
        assert done.stderr.endswith(f"{words}\n")
    assert call(*both, output, "--overwrite").returncode == 0


def test_an_interruption_leaves_nothing(
    clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(before: object, after: object, path: Path, *_: object) -> int:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(video, "compare", interrupted)
    source = clip(".mp4", frames=6)
    done = call("compare", source, source, "-o", tmp_path / "o.mp4")
    assert done.returncode == 130
    assert done.stderr.endswith("o.mp4: stopped, nothing is written\n")
    assert list(tmp_path.iterdir()) == []
