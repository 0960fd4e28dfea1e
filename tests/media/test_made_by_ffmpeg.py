"""Files that FFmpeg made keep all that they hold, through the command line; see their README."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from support.command import call

DATA = Path(__file__).parents[1] / "data" / "made-by-ffmpeg"
HASHES = {
    "camera.mov": "1e5997106920c608",
    "cover_first.mkv": "a03724779a306b0c",
    "fragment_a_frame.mp4": "507aa5f0e379f28b",
    "interlaced.mp4": "66eadde0d0ae362c",
    "latm.ts": "a262ea6d5124a00d",
    "slides.mp4": "eb73e2e759072f94",
    "vfr_twice.mkv": "1d15b678f47ba840",
}


def run(source: str, output: Path, *words: str) -> dict[str, Any]:
    """Copy a file's frames through the identity scorer; returns the result, or the error."""
    home = output.with_name("home")
    more = ["--scorer", "identity", "--shard-frames", "30", "--home", home, "--json", *words]
    told: dict[str, Any] = json.loads(call("run", DATA / source, "-o", output, *more).stdout)
    return told


def verified(source: str, output: Path) -> dict[str, Any]:
    """Compare an output with its source; returns the checks by name."""
    done = call("verify", DATA / source, output, "--json")
    checks = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, checks
    return {check["item"]: check for check in checks}


def seconds(path: Path) -> list[Fraction]:
    """When each frame of a video is shown, and when the last one ends."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = sorted(p.pts for p in container.demux(stream) if p.size and p.pts is not None)
        unit, length = stream.time_base or Fraction(1), container.duration or 0
    return [pts * unit for pts in times] + [times[0] * unit + Fraction(length, av.time_base)]


@pytest.mark.parametrize("name", HASHES)
def test_the_files_are_those_that_were_made(name: str) -> None:
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest().startswith(HASHES[name])


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_one_wrong_timestamp_leaves_all_others_as_they_are(suffix: str, tmp_path: Path) -> None:
    result = run("vfr_twice.mkv", tmp_path / f"out.{suffix}")
    assert result["items"] == 100
    assert any("wrong timestamps" in line for line in result["warnings"])
    verified("vfr_twice.mkv", tmp_path / f"out.{suffix}")
    found = seconds(tmp_path / f"out.{suffix}")
    right = [Fraction(n * 20 if n < 40 else 800 + (n - 40) * 80, 1000) for n in range(100)]
    off = [n for n, time in enumerate(right) if abs(found[n] - time) > Fraction(1, 1000)]
    # The wrong one goes to the middle between its neighbours, where it belongs.
    assert off == []
    assert float(found[-1] - found[0]) == pytest.approx(5.56, abs=0.002)


def test_a_fragment_per_frame_loses_neither_frames_nor_sound(tmp_path: Path) -> None:
    assert run("fragment_a_frame.mp4", tmp_path / "out.mp4")["items"] == 100
    assert verified("fragment_a_frame.mp4", tmp_path / "out.mp4")["sound 1 packets"]["ok"]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_the_last_slide_is_shown_as_long_as_it_was(suffix: str, tmp_path: Path) -> None:
    run("slides.mp4", tmp_path / f"out.{suffix}")
    assert verified("slides.mp4", tmp_path / f"out.{suffix}")["last frame"]["ok"]
    assert [float(time) for time in seconds(tmp_path / f"out.{suffix}")] == [0, 1, 3, 8]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_sound_that_no_container_carries_is_encoded_again_as_the_error_says(
    suffix: str, tmp_path: Path
) -> None:
    refused = run("latm.ts", tmp_path / f"out.{suffix}")
    assert refused["exit_code"] == 2
    assert refused["error"].endswith("choose --audio auto to encode it")
    assert not list(tmp_path.glob("home/jobs/*/done/*"))
    run("latm.ts", tmp_path / f"out.{suffix}", "--audio", "auto")
    verified("latm.ts", tmp_path / f"out.{suffix}")


def test_the_film_is_scored_and_not_the_cover_before_it(tmp_path: Path) -> None:
    assert run("cover_first.mkv", tmp_path / "out.mkv")["items"] == 100
    verified("cover_first.mkv", tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].width == 320


@pytest.mark.parametrize("suffix", ["mov", "mp4"])
def test_a_cameras_tags_are_kept(suffix: str, tmp_path: Path) -> None:
    run("camera.mov", tmp_path / f"out.{suffix}")
    verified("camera.mov", tmp_path / f"out.{suffix}")
    with av.open(str(tmp_path / f"out.{suffix}")) as container:
        assert container.metadata["com.apple.quicktime.make"] == "Maker"
        assert container.metadata["creation_time"].startswith("2020-01-01T00:00:00")


def test_interlaced_frames_are_deinterlaced_and_the_plan_says_so(tmp_path: Path) -> None:
    plan = call("plan", DATA / "interlaced.mp4", "--scorer", "identity", "-o", tmp_path / "out.mp4")
    assert "interlaced" in plan.stdout + plan.stderr
    result = run("interlaced.mp4", tmp_path / "out.mp4")
    assert any("deinterlaced" in line for line in result["warnings"])
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not any(frame.interlaced_frame for frame in container.decode(video=0))
