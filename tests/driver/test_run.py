"""Jobs from end to end, in one process: every kind of source and output, and every way to fail."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

from impasto import BadInput, Incomplete, Interrupted, JobSpec, Progress, Result, Settings
from impasto.driver import api, stopping
from impasto.schema.events import Finished, Item, ShardDone, Started
from impasto.scorers import registry
from support import inprocess
from support.clips import frame_number, picture, real_clip
from support.jobs import luma, moody, spec, the_job

if TYPE_CHECKING:
    from conftest import MakeClip


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def psnr(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    error = float(np.mean((a.astype(float) - b) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.parametrize("pattern", ["img[0-9].png", "img?.png", "**/*.png"])
def test_images_of_a_pattern_are_scored(tmp_path: Path, settings: Settings, pattern: str) -> None:
    (tmp_path / "in").mkdir()
    for n in range(3):
        Image.new("RGB", (16, 16)).save(tmp_path / f"in/img{n}.png")
    api.run(spec(tmp_path / "in" / pattern, tmp_path / "out"), settings=settings)
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_identity_gives_the_source_back_within_codec_loss(
    tmp_path: Path, settings: Settings
) -> None:
    source, output = real_clip("carphone_pristine"), tmp_path / "out.mp4"
    api.run(spec(source, output, crf=10, shard_frames=40), settings=settings)
    before, after = luma(source), luma(output)
    assert len(before) == len(after)
    assert min(psnr(a, b) for a, b in zip(before, after, strict=True)) > 40


def test_every_frame_comes_out_once_and_in_order(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    output = tmp_path / "out.mp4"
    result = api.run(spec(clip(frames=50), output), settings=settings)
    assert result.items == 50
    assert [frame_number(frame) for frame in luma(output)] == list(range(50))
    assert inprocess.InProcess.ran == [0, 1, 2, 3, 4]


def test_a_video_becomes_numbered_images(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    output = tmp_path / "frames"
    api.run(spec(clip(frames=14), output, frames="png"), settings=settings)
    names = sorted(path.name for path in output.iterdir())
    assert names == [f"{n:06d}.png" for n in range(1, 15)]
    numbers = [frame_number(np.asarray(Image.open(output / name).convert("L"))) for name in names]
    assert numbers == list(range(14))


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_images_of_a_rotated_video_are_upright(
    tmp_path: Path, settings: Settings, clip: MakeClip, turn: int
) -> None:
    output = tmp_path / "frames"
    api.run(spec(clip(frames=3, rotation=turn), output, frames="png"), settings=settings)
    upright = np.asarray(Image.open(output / "000001.png").convert("L"))
    plain = np.asarray(picture(0, 96, 64)[0])
    assert psnr(np.rot90(plain, turn // 90), upright) > 20


def test_a_folder_of_images_becomes_a_video_in_natural_order(
    tmp_path: Path, settings: Settings
) -> None:
    folder, output = tmp_path / "in", tmp_path / "out.mp4"
    folder.mkdir()
    for n in (1, 2, 10):
        Image.fromarray(picture(n, 96, 64)[0]).convert("RGB").save(folder / f"f{n}.png")
    api.run(spec(folder, output, fps=Fraction(30000, 1001)), settings=settings)
    assert [frame_number(frame) for frame in luma(output)] == [1, 2, 10]
    with av.open(str(output)) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)


def test_images_keep_names_sizes_transparency_and_orientation(
    tmp_path: Path, settings: Settings
) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    rgb = np.moveaxis(picture(5, 96, 64), 0, 2)
    clear = Image.fromarray(rgb)
    clear.putalpha(Image.fromarray(rgb[:, :, 1]))
    clear.save(folder / "clear.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(rgb).save(folder / "turned.jpg", exif=exif, quality=95)
    Image.fromarray(rgb[:33, :17]).save(folder / "odd.png")
    result = api.run(spec(folder, output), settings=settings)
    assert result.items == 3
    assert np.array_equal(np.asarray(Image.open(output / "clear.png")), np.asarray(clear))
    assert Image.open(output / "turned.jpg").size == (64, 96)
    assert Image.open(output / "odd.png").size == (17, 33)


def test_one_image_becomes_one_image(tmp_path: Path, settings: Settings) -> None:
    source, output = tmp_path / "in.png", tmp_path / "out.png"
    rgb = np.moveaxis(picture(5, 96, 64), 0, 2)
    Image.fromarray(rgb).save(source)
    api.run(spec(source, output), settings=settings)
    assert np.array_equal(np.asarray(Image.open(output)), rgb)


def test_max_size_scales_video_and_images_down(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    output = tmp_path / "out.mp4"
    api.run(spec(clip(frames=5), output, max_size=48), settings=settings)
    assert luma(output)[0].shape == (32, 48)


def test_a_time_range_takes_the_frames_from_start_up_to_end(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    output = tmp_path / "out.mp4"
    fields = {"start": Fraction("0.4"), "end": Fraction(1)}
    api.run(spec(clip(frames=50, audio=("aac",)), output, **fields), settings=settings)
    assert [frame_number(frame) for frame in luma(output)] == list(range(10, 25))


def test_an_empty_time_range_is_refused(tmp_path: Path, settings: Settings, clip: MakeClip) -> None:
    with pytest.raises(BadInput, match="no frame"):
        api.run(spec(clip(), tmp_path / "out.mp4", start=Fraction(99)), settings=settings)


def test_the_same_command_again_does_nothing(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    job = spec(clip(frames=50), tmp_path / "out.mp4")
    first = api.run(job, settings=settings)
    inprocess.InProcess.ran = []
    again = api.run(job, settings=settings)
    assert inprocess.InProcess.ran == []
    assert again.sha256 == first.sha256


def stopped_after(shards: int) -> tuple[threading.Event, Any]:
    """A stop that is set once that many shards of 12 frames are done."""
    stop = threading.Event()

    def on_progress(event: Progress) -> None:
        if event.done >= 12 * shards:
            stop.set()

    return stop, on_progress


def test_resume_runs_only_missing_shards_and_gives_the_same_bytes(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    whole = api.run(spec(clip(frames=48), tmp_path / "whole.mp4"), settings=settings)
    other = Settings(home=str(tmp_path / "other"))
    job = spec(clip(frames=48), tmp_path / "out.mp4")
    stop, on_progress = stopped_after(2)
    inprocess.InProcess.ran = []
    with pytest.raises(Interrupted, match="24 of 48 frames are done and kept") as interrupted:
        api.run(job, settings=other, on_progress=on_progress, stop=stop)
    assert interrupted.value.job == the_job(other).id
    assert not (tmp_path / "out.mp4").exists()
    assert inprocess.InProcess.ran == [0, 1]
    resumed = api.finish(the_job(other), settings=other)
    assert inprocess.InProcess.ran == [0, 1, 2, 3]
    assert resumed.sha256 == whole.sha256


def test_a_done_record_without_its_segment_runs_again(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    job = spec(clip(frames=48), tmp_path / "out.mp4")
    stop, on_progress = stopped_after(2)
    with pytest.raises(Interrupted):
        api.run(job, settings=settings, on_progress=on_progress, stop=stop)
    found = the_job(settings)
    record = found.done(found.listing(), found.plan())[0]
    found.folder.put(record.segment, b"torn")
    found.folder.put("done/00001.json", b"")
    inprocess.InProcess.ran = []
    api.run(job, settings=settings)
    assert inprocess.InProcess.ran == [0, 1, 2, 3]
    assert [frame_number(frame) for frame in luma(tmp_path / "out.mp4")] == list(range(48))


def test_a_source_that_changed_is_another_job(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(clip(frames=48).read_bytes())
    stop, on_progress = stopped_after(1)
    with pytest.raises(Interrupted):
        api.run(
            spec(source, tmp_path / "out.mp4"),
            settings=settings,
            on_progress=on_progress,
            stop=stop,
        )
    source.write_bytes(clip(frames=24).read_bytes())
    with pytest.raises(BadInput, match="has changed"):
        api.finish(the_job(settings), settings=settings)
    assert api.run(spec(source, tmp_path / "out.mp4"), settings=settings).items == 24


def test_a_cancelled_job_stops_and_the_same_command_takes_it_up(
    tmp_path: Path, settings: Settings, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "POLL", 0.0)
    job = spec(clip(frames=48), tmp_path / "out.mp4")

    def on_progress(event: Progress) -> None:
        if event.done == 12:
            the_job(settings).cancel()

    with pytest.raises(Interrupted, match="cancelled"):
        api.run(job, settings=settings, on_progress=on_progress)
    assert the_job(settings).listing().sizes.keys() >= {"cancel"}
    assert api.run(job, settings=settings).items == 48


@pytest.mark.parametrize("how", ["raise", "nan", "shape"])
def test_a_refused_frame_alone_is_set_aside_and_the_source_stands_there(
    tmp_path: Path, settings: Settings, clip: MakeClip, how: str
) -> None:
    source, output = clip(frames=24, gop=1, bframes=0), tmp_path / "out.mp4"
    job = moody(source, output, 6, 17, params={"how": how}, max_failed=2, crf=4)
    result = api.run(job, settings=settings)
    assert (result.items, result.failed) == (24, 2)
    before, after = luma(source), luma(output)
    kept = [n for n in range(24) if psnr(before[n], after[n]) > 35]
    assert kept == [6, 17]


def test_too_many_refused_frames_leave_the_job_incomplete_until_accepted(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    output = tmp_path / "out.mp4"
    job = moody(clip(frames=24), output, 6, 17, max_failed=1)
    with pytest.raises(Incomplete, match=r"2 of 24 frames failed.*`max_failed=2`") as ended:
        api.run(job, settings=settings)
    assert re.match(r"frame 7 at 0:00\.\d\d: ValueError", ended.value.aside[0])
    assert (len(ended.value.aside), ended.value.failed) == (2, 2)
    assert not output.exists()
    inprocess.InProcess.ran = []
    assert api.run(job.model_copy(update={"max_failed": 2}), settings=settings).failed == 2
    assert inprocess.InProcess.ran == []


def test_a_scorer_that_refuses_a_whole_shard_stops_the_job_early(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    job = moody(clip(frames=48), tmp_path / "out.mp4", *range(12))
    with pytest.raises(Incomplete, match="every item of shard 0 failed: ValueError"):
        api.run(job, settings=settings)
    assert inprocess.InProcess.ran == [0]


def test_a_shard_that_fails_is_tried_again(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    job = moody(clip(frames=24), tmp_path / "out.mp4", 3, params={"how": "crash", "batch": 1})
    inprocess.MoodyScorer.crashes = 1
    assert api.run(job, settings=settings).failed == 0
    assert inprocess.InProcess.ran == [0, 1, 0]
    assert the_job(settings).listing().attempts == {0: 1}


def test_a_picture_that_never_fits_in_memory_is_set_aside_and_tried_again_later(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    job = moody(clip(frames=24), tmp_path / "out.mp4", 3, params={"how": "crash", "batch": 1})
    inprocess.MoodyScorer.crashes = 99
    with pytest.raises(Incomplete, match="1 of 24 frames failed") as ended:
        api.run(job, settings=settings)
    assert "does not fit in" in ended.value.aside[0]
    assert inprocess.InProcess.ran == [0, 1, 0, 0]
    inprocess.MoodyScorer.crashes = 0
    inprocess.InProcess.ran = []
    assert api.run(job, settings=settings).items == 24
    assert inprocess.InProcess.ran == [0]


def test_an_unreadable_image_in_a_folder_is_set_aside(tmp_path: Path, settings: Settings) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for n in range(3):
        Image.fromarray(np.moveaxis(picture(n, 96, 64), 0, 2)).save(folder / f"{n}.png")
    (folder / "1.png").write_bytes(b"no picture")
    with pytest.raises(Incomplete) as ended:
        api.run(spec(folder, output), settings=settings)
    assert "1.png: not a readable picture" in ended.value.aside[0]
    result = api.run(spec(folder, output, max_failed=1), settings=settings)
    assert (result.items, result.failed) == (3, 1)
    assert sorted(path.name for path in output.iterdir()) == ["0.png", "2.png"]


def test_images_of_other_sizes_do_not_fit_into_a_video(tmp_path: Path, settings: Settings) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n, width in enumerate((96, 96, 80)):
        Image.fromarray(np.moveaxis(picture(n, width, 64), 0, 2)).save(folder / f"{n}.png")
    with pytest.raises(Incomplete) as ended:
        api.run(spec(folder, tmp_path / "out.mp4"), settings=settings)
    assert "2.png: 80x64 differs from the first one's 96x64" in ended.value.aside[0]


def test_every_frame_is_logged_and_timed(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    api.run(moody(clip(frames=24), tmp_path / "o.mp4", 5, max_failed=1), settings=settings)
    logged = list(the_job(settings).journal.read())
    frames = [event for event in logged if isinstance(event, Item)]
    assert [frame.item for frame in frames] == list(range(24))
    assert all(frame.score_ms > 0 for frame in frames)
    assert [frame.item for frame in frames if frame.error] == [5]
    others = [type(event) for event in logged if not isinstance(event, Item)]
    assert others == [Started, ShardDone, ShardDone, Finished]


def test_output_does_not_depend_on_how_the_job_is_cut_into_mini_batches(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    results: list[Result] = []
    for batch in (1, 3, 8):
        job = moody(clip(frames=24), tmp_path / f"{batch}.mp4", params={"batch": batch})
        results.append(api.run(job, settings=settings))
    assert len({result.sha256 for result in results}) == 1


def test_sound_that_the_container_cannot_carry_is_refused_before_scoring(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    with pytest.raises(BadInput, match=r"AAC, which WebM cannot carry.*\.mkv"):
        api.run(spec(clip(audio=("aac",)), tmp_path / "o.webm"), settings=settings)
    assert inprocess.InProcess.ran == []


def test_a_shard_that_another_driver_finished_is_not_scored_again(
    tmp_path: Path, settings: Settings, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = moody(clip(frames=48), tmp_path / "a.mp4")
    second = job.model_copy(update={"output": str(tmp_path / "b.mp4")})
    between: list[Result] = []

    def on_progress(event: Progress) -> None:
        if event.done == 12 and not between:
            between.append(api.run(second, settings=settings))

    result = api.run(job, settings=settings, on_progress=on_progress)
    assert result.sha256 == between[0].sha256
    assert inprocess.MoodyScorer.scored == 48 + 12, "only the shard that both began runs twice"
    found = the_job(settings)
    assert len(found.done(found.listing(), found.plan())) == 4


def test_refused_frames_are_tried_again_when_the_job_is_run_again(
    tmp_path: Path, settings: Settings, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = moody(clip(frames=48), tmp_path / "out.mp4", 17)
    with pytest.raises(Incomplete):
        api.run(job, settings=settings)
    inprocess.InProcess.ran = []
    monkeypatch.setattr(inprocess.MoodyScorer, "score", lambda _, batch: batch / 2)
    assert api.run(job, settings=settings).failed == 0
    assert inprocess.InProcess.ran == [1]


def test_a_torn_image_is_made_again_and_never_delivered(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    job = spec(clip(frames=24), tmp_path / "out", frames="png")
    stop, on_progress = stopped_after(1)
    with pytest.raises(Interrupted):
        api.run(job, settings=settings, on_progress=on_progress, stop=stop)
    found = the_job(settings)
    (segment,) = (record.segment for record in found.done(found.listing(), found.plan()).values())
    found.folder.put(f"{segment}000003.png", b"")
    inprocess.InProcess.ran = []
    api.run(job, settings=settings)
    assert inprocess.InProcess.ran == [0, 1]
    assert all(path.stat().st_size for path in (tmp_path / "out").iterdir())


@pytest.mark.parametrize("alone", [True, False])
def test_unreadable_images_never_shorten_a_video(
    tmp_path: Path, settings: Settings, alone: bool
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(4):
        Image.fromarray(picture(n, 96, 64)[0]).convert("RGB").save(folder / f"{n}.png")
    (folder / "2.png").write_bytes(b"junk")
    size = 1 if alone else 4
    job = spec(folder, tmp_path / "out.mp4", max_failed=1, shard_frames=size)
    assert api.run(job, settings=settings).failed == 1
    frames = luma(tmp_path / "out.mp4")
    assert [frame_number(frames[n]) for n in (0, 1, 3)] == [0, 1, 3]
    assert len(frames) == 4


def style_job(source: Path, style: str, output: Path) -> JobSpec:
    return spec(source, output, scorer="style", params={"style": style})


def test_a_painting_may_move_and_be_named_from_anywhere(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, style = tmp_path / "p.png", tmp_path / "style.png"
    for n, path in enumerate((source, style)):
        Image.fromarray(np.moveaxis(picture(n, 96, 64), 0, 2)).save(path)
    monkeypatch.chdir(tmp_path)
    first = api.run(style_job(source, "style.png", tmp_path / "a.png"), settings=settings)
    assert the_job(settings).spec().params["style"] == str(style)
    style.rename(tmp_path / "moved.png")
    second = api.run(style_job(source, "moved.png", tmp_path / "b.png"), settings=settings)
    assert second.job == first.job
    assert second.sha256 == first.sha256


def test_what_a_power_failure_tore_is_prepared_again(tmp_path: Path, settings: Settings) -> None:
    source = tmp_path / "p.png"
    Image.fromarray(np.moveaxis(picture(1, 96, 64), 0, 2)).save(source)
    job = style_job(source, str(source), tmp_path / "a.png")
    first = api.run(job, settings=settings)
    found = the_job(settings)
    found.folder.put("prepared.json", b"")
    found.drop([0])
    (tmp_path / "a.png").unlink()
    assert api.run(job, settings=settings).sha256 == first.sha256


def test_a_worker_with_another_version_of_the_scorers_package_refuses(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(version: str) -> None:
        entry = replace(registry.SCORERS["moody"], distribution=f"moody {version}")
        monkeypatch.setitem(registry.SCORERS, "moody", entry)

    install("1.0")
    source = tmp_path / "p.png"
    Image.fromarray(np.moveaxis(picture(1, 96, 64), 0, 2)).save(source)
    job = spec(source, tmp_path / "o.png", scorer="moody")
    with pytest.raises(
        BadInput, match=r"comes from moody 2\.0 here, but from moody 1\.0 where the job"
    ):
        # The driver has looked it up by the time that it reports.
        api.run(job, settings=settings, on_progress=lambda _: install("2.0"))


def test_sound_is_whole_when_the_range_goes_past_the_end(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    source = clip(frames=24, audio=("aac",))
    api.run(spec(source, tmp_path / "o.mp4", end=Fraction(100)), settings=settings)

    def end(path: Path) -> int:
        with av.open(str(path)) as container:
            return max(packet.pts or 0 for packet in container.demux(audio=0) if packet.size)

    assert end(tmp_path / "o.mp4") == end(source)
