"""What the command line says about streams and pictures, and the options that choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from support import inprocess
from support.command import call
from support.together import together

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


def test_a_stream_is_marked_chosen_and_verified(clip: MakeClip, tmp_path: Path) -> None:
    films = [clip(".mkv", frames=6), clip(".mkv", frames=9, size=(160, 96))]
    both, output = together(tmp_path / "both.mkv", films), tmp_path / "o.mkv"
    assert "1: video, H.264, 160x96 [scored]" in call("probe", both).stdout
    job = ["run", both, "-o", output, "--scorer", "identity", "--home", tmp_path / "home"]
    assert "6 frames" in call(*job, "--stream", 0).stdout
    assert call("verify", both, output, "--stream", 0).returncode == 0
    assert call("verify", both, output).returncode == 1
    refused = call(*job, "--stream", 5, "--overwrite")
    assert refused.returncode == 2
    assert "its stream 5 is not a video; choose --stream from: 0, 1" in refused.stderr


def test_interlaced_video_and_its_option_are_named(clip: MakeClip, tmp_path: Path) -> None:
    source = clip(".mp4", frames=6, options={"x264-params": "tff=1"})
    assert "the video is interlaced" in call("probe", source).stdout
    job = ["plan", source, "-o", tmp_path / "o.mp4", "--scorer", "identity"]
    assert "deinterlaced, unless --deinterlace no" in call(*job).stdout
    assert "scored with their combing" in call(*job, "--deinterlace", "no").stdout


def test_a_plan_says_how_the_pictures_are_encoded(clip: MakeClip, tmp_path: Path) -> None:
    deep = clip(".mp4", frames=6, codec="libx265", pix_fmt="yuv420p10le")
    job = ["plan", deep, "--scorer", "identity", "-o"]
    assert "video, H.265, 96x64, 10 bits, 4:2:0" in call(*job, tmp_path / "o.mp4").stdout
    assert "video, VP9, 96x64, 8 bits, 4:2:0" in call(*job, tmp_path / "o.webm").stdout


def test_sound_that_cannot_be_carried_names_the_option_that_helps(
    clip: MakeClip, tmp_path: Path
) -> None:
    source = clip(".ts", audio=("aac",), muxing={"mpegts_flags": "latm"}, frames=6)
    job = ["plan", source, "-o", tmp_path / "o.mkv", "--scorer", "identity"]
    refused = call(*job)
    assert refused.returncode == 2
    assert "choose --audio auto to encode it" in refused.stderr
    planned = call(*job, "--audio", "auto")
    assert "sound track 1 is AAC (LATM); it is encoded again as FLAC" in planned.stdout


def test_a_codec_that_the_output_cannot_carry_is_refused_with_those_that_it_can(
    clip: MakeClip, tmp_path: Path
) -> None:
    source = clip(".mp4", audio=("aac",), frames=6)
    job = ["plan", source, "-o", tmp_path / "o.webm", "--scorer", "identity"]
    others = "an output that ends in .mkv, .mp4 or .mov"
    assert call(*job, "--audio", "aac").stderr.endswith(
        f"--audio aac: WebM cannot carry it; choose --audio opus, or {others}\n"
    )
    assert call(*job).stderr.endswith(
        f"sound track 1 is AAC, which WebM cannot carry; choose {others}, or --audio auto to "
        "encode it\n"
    )
    assert (
        "sound track 1 is AAC; it is encoded again as Opus" in call(*job, "--audio", "auto").stdout
    )
    run = ["run", *job[1:], "--audio", "auto", "--home", tmp_path / "home"]
    assert call(*run, "--engine", "inline").stderr.count("is encoded again as Opus") == 1


def test_an_assumed_frame_rate_is_said(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (32, 24)).save(tmp_path / name)
    job = ["plan", tmp_path, "-o", tmp_path / "o.mp4", "--scorer", "identity"]
    said = "the video is made with 25 fps; --fps sets another rate"
    assert said in call(*job).stdout
    assert said not in call(*job, "--fps", "25").stdout


def test_what_an_output_cannot_hold_is_said_once_and_before_anything_is_scored(
    clip: MakeClip, tmp_path: Path
) -> None:
    said = ((0, 1, "said"),)
    deep: dict[str, object] = {"codec": "libx265", "pix_fmt": "yuv420p10le", "frames": 6}
    source, output = clip(".mkv", subtitles=said, **deep), tmp_path / "o.webm"
    words = [source, "-o", output, "--scorer", "identity", "--home", tmp_path / "home"]
    lines = ["subtitle track 1 is dropped: WebM cannot carry it", "10-bit pictures become 8-bit"]
    planned = call("plan", *words).stdout
    done = call("run", *words)
    assert done.returncode == 0, done.stderr
    before = done.stderr.partition("scoring")[0]
    for line in lines:
        assert planned.count(line) == before.count(line) == done.stderr.count(line) == 1
    name = done.stdout.rpartition("job ")[2].rstrip(")\n")
    shown = call("show", name, "--home", tmp_path / "home").stdout
    assert [shown.count(line) for line in lines] == [1, 1]
    verified = call("verify", name, "--home", tmp_path / "home").stdout
    assert verified.endswith(
        "passed: nothing was lost but what WebM cannot carry (picture format, subtitles 1)\n"
    )


@pytest.mark.parametrize("option", [("--stream", 0), ("--deinterlace", "no"), ("--audio", "auto")])
def test_options_of_a_video_are_refused_for_images(
    tmp_path: Path, option: tuple[object, object]
) -> None:
    Image.new("RGB", (32, 24)).save(tmp_path / "a.png")
    job = ["plan", tmp_path / "a.png", "-o", tmp_path / "o.png", "--scorer", "identity"]
    refused = call(*job, *option)
    assert refused.returncode == 2
    assert f"{option[0]} needs a video; leave it out" in refused.stderr


def test_pictures_left_out_are_named_once_a_run_and_in_show(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (32, 24)).save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.gif").write_bytes(b"GIF89a")
    home = ["--home", tmp_path / "home"]
    job = ["run", tmp_path / "in", "-o", tmp_path / "out", "--scorer", "identity", *home]
    line = "not read from folders: 1 (b.gif)"
    for _ in ("scored", "done already"):
        done = call(*job)
        assert done.returncode == 0
        assert done.stderr.count(line) == 1
    name = done.stdout.rpartition("job ")[2].rstrip(")\n")
    assert call("show", name, *home).stdout.count(line) == 1


@pytest.mark.parametrize(("output", "told"), [("out", True), ("out/", False), ("o.mp4", False)])
def test_a_video_that_becomes_images_by_its_outputs_name_says_so(
    output: str, told: bool, clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("run", clip(frames=2), "--scorer", "identity", "-o", output, "--home", "h")
    assert done.returncode == 0, done.stderr
    said = "out is a folder of PNG images; for a video, write --output out.mp4"
    assert (said in done.stderr) is told
