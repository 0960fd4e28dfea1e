"""Jobs from end to end, in one process: every kind of source and output, and every way to fail."""

from __future__ import annotations

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
from impasto.jobs import find
from impasto.jobs.job import Job
from impasto.schema.events import Finished, Item, ShardDone, Started
from impasto.scorers import registry
from impasto.storage.stores import Stores
from support import inprocess
from support.clips import frame_number, picture, real_clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeClip


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def spec(source: Path, output: Path, **fields: Any) -> JobSpec:
    fields = {"scorer": "identity", "shard_frames": 12, **fields}
    return JobSpec.model_validate({"source": str(source), "output": str(output), **fields})


def moody(source: Path, output: Path, *frames: int, **fields: Any) -> JobSpec:
    """A job whose scorer refuses the given frames of a synthesised clip."""
    refuse = tuple(means(source)[frame] for frame in frames)
    params = {"refuse": refuse, **fields.pop("params", {})}
    return spec(source, output, scorer="moody", params=params, **fields)


def means(source: Path) -> list[float]:
    """The mean of each picture as a scorer sees it."""
    import torch

    from impasto.media import colour
    from impasto.media.read import decode, index

    scanned = index.scan(str(source), "clip")
    cut = index.cut(scanned, 0, len(scanned))
    return [
        float(colour.to_rgb([torch.from_numpy(p)[None] for p in f.planes], f.layout).mean())
        for f in decode.read(str(source), "clip", scanned.facts, cut, 0)
    ]


def luma(path: Path) -> list[np.ndarray[Any, Any]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def psnr(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    error = float(np.mean((a.astype(float) - b) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))


def the_job(settings: Settings) -> Job:
    (job,) = find.jobs(Stores({}).open(settings.home))
    return job


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


def test_a_lost_or_second_output_is_made_without_scoring(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    job = spec(clip(frames=50), tmp_path / "out.mp4")
    api.run(job, settings=settings)
    before = (tmp_path / "out.mp4").read_bytes()
    (tmp_path / "out.mp4").unlink()
    inprocess.InProcess.ran = []
    api.run(job, settings=settings)
    api.run(job.model_copy(update={"output": str(tmp_path / "b.mp4")}), settings=settings)
    assert inprocess.InProcess.ran == []
    assert (tmp_path / "out.mp4").read_bytes() == before == (tmp_path / "b.mp4").read_bytes()


def test_a_strange_file_at_the_output_is_never_replaced_unasked(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    output = tmp_path / "out.mp4"
    output.write_text("mine")
    with pytest.raises(BadInput, match="`overwrite`"):
        api.run(spec(clip(), output), settings=settings)
    assert output.read_text() == "mine"
    api.run(spec(clip(), output, overwrite=True), settings=settings)
    assert len(luma(output)) == 48


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
    with pytest.raises(Interrupted, match="2 of 4 shards are done and kept") as interrupted:
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
    assert the_job(settings).listing().status == "cancelled"
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
    with pytest.raises(
        Incomplete, match=r"2 of 24 items failed \(item 6: ValueError.*`max_failed=2`"
    ):
        api.run(job, settings=settings)
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
    with pytest.raises(Incomplete, match=r"1 item failed \(item 3: .*does not fit in memory"):
        api.run(job, settings=settings)
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
    with pytest.raises(Incomplete, match=r"1\.png: not a readable picture"):
        api.run(spec(folder, output), settings=settings)
    result = api.run(spec(folder, output, max_failed=1), settings=settings)
    assert (result.items, result.failed) == (3, 1)
    assert sorted(path.name for path in output.iterdir()) == ["0.png", "2.png"]


def test_images_of_other_sizes_do_not_fit_into_a_video(tmp_path: Path, settings: Settings) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n, width in enumerate((96, 96, 80)):
        Image.fromarray(np.moveaxis(picture(n, width, 64), 0, 2)).save(folder / f"{n}.png")
    with pytest.raises(Incomplete, match=r"2\.png: 80x64 differs from the first one's 96x64"):
        api.run(spec(folder, tmp_path / "out.mp4"), settings=settings)


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
    with pytest.raises(BadInput, match=r"aac, which webm cannot carry.*\.mkv"):
        api.run(spec(clip(audio=("aac",)), tmp_path / "o.webm"), settings=settings)
    assert inprocess.InProcess.ran == []


def test_the_source_is_never_its_own_output(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(clip().read_bytes())
    with pytest.raises(BadInput, match="is also what the job reads"):
        api.run(spec(source, source, overwrite=True), settings=settings)
    assert source.read_bytes() == clip().read_bytes()


def test_an_output_below_a_file_is_refused_before_scoring(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file"):
        api.run(spec(clip(), tmp_path / "file" / "o.mp4"), settings=settings)
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


def test_delivered_images_are_nobody_elses(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    api.run(spec(clip(frames=3), tmp_path / "out", frames="jpg"), settings=settings)
    assert {path.stat().st_nlink for path in (tmp_path / "out").iterdir()} == {1}


def test_overwriting_a_folder_of_images_leaves_none_of_the_old(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    job = spec(clip(frames=24), tmp_path / "out", frames="png")
    api.run(job, settings=settings)
    shorter = job.model_copy(update={"end": Fraction(1, 5), "overwrite": True})
    assert api.run(shorter, settings=settings).items == 5
    assert len(list((tmp_path / "out").iterdir())) == 5


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


def test_the_source_is_never_replaced_by_another_name_of_it(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    source = tmp_path / "real" / "p.png"
    Image.fromarray(np.moveaxis(picture(1, 96, 64), 0, 2)).save(source)
    before = source.read_bytes()
    for output in (tmp_path / "link" / "p.png", tmp_path / "link"):
        with pytest.raises(BadInput, match="is also what the job reads"):
            api.run(spec(source, output, overwrite=True), settings=settings)
    assert source.read_bytes() == before


def test_an_output_that_holds_the_source_or_is_a_link_to_it_is_refused(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "out" / "in").mkdir(parents=True)
    source = tmp_path / "out" / "in" / "p.png"
    Image.fromarray(np.moveaxis(picture(1, 96, 64), 0, 2)).save(source)
    with pytest.raises(BadInput, match="contains what the job reads"):
        api.run(spec(source.parent, tmp_path / "out", overwrite=True), settings=settings)
    (tmp_path / "hard.png").hardlink_to(source)
    with pytest.raises(BadInput, match="is also what the job reads"):
        api.run(spec(source, tmp_path / "hard.png", overwrite=True), settings=settings)
    assert source.is_file()
    assert inprocess.InProcess.ran == []


def test_an_output_that_is_a_link_is_written_where_it_leads(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "folder").mkdir()
    Image.fromarray(np.moveaxis(picture(1, 96, 64), 0, 2)).save(tmp_path / "in" / "p.png")
    link = tmp_path / "link"
    link.symlink_to("folder")
    api.run(spec(tmp_path / "in", link), settings=settings)
    assert link.is_symlink()
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["p.png"]
    file = tmp_path / "o.png"
    file.symlink_to(tmp_path / "folder" / "p.png")
    with pytest.raises(BadInput, match="already exists"):
        api.run(spec(tmp_path / "in" / "p.png", file), settings=settings)
    api.run(spec(tmp_path / "in" / "p.png", file, overwrite=True), settings=settings)
    assert file.is_symlink()


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


def when(done: int, act: Callable[[], object]) -> Callable[[Progress], None]:
    """Return a callback that acts once, when that many items are done."""
    acts = iter([act])

    def on_progress(event: Progress) -> None:
        if event.done >= done:
            next(acts, lambda: None)()

    return on_progress


def test_a_source_that_changes_while_it_is_scored_is_never_assembled(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(clip(frames=24).read_bytes())
    watch = when(20, lambda: source.write_bytes(source.read_bytes() + b"\0"))
    with pytest.raises(Incomplete, match="has changed since job") as refused:
        api.run(spec(source, tmp_path / "o.mp4"), settings=settings, on_progress=watch)
    assert refused.value.job == the_job(settings).id
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize("other", [None, "black"], ids=["deleted", "replaced"])
def test_a_video_that_is_put_back_is_finished_as_if_nothing_had_happened(
    tmp_path: Path, settings: Settings, clip: MakeClip, other: str | None
) -> None:
    source, kept = tmp_path / "in.mp4", tmp_path / "kept.mp4"
    source.write_bytes(clip(frames=36).read_bytes())

    def disturb() -> None:
        source.rename(kept)
        if other:
            source.write_bytes(clip(frames=36, noise=9.0).read_bytes())

    job = spec(source, tmp_path / "o.mp4")
    with pytest.raises(Incomplete, match=r"1 of 3 shards are done and kept; put") as refused:
        api.run(job, settings=settings, on_progress=when(14, disturb))
    assert refused.value.job
    kept.rename(source)
    result = api.run(job, settings=settings)
    assert result.concealed == 0
    whole = api.run(spec(clip(frames=36), tmp_path / "whole.mp4"), settings=settings)
    assert (tmp_path / "o.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert whole.job != result.job


@pytest.mark.parametrize("other", [None, "black"], ids=["deleted", "replaced"])
def test_pictures_that_are_put_back_are_scored_again(
    tmp_path: Path, settings: Settings, other: str | None
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(6):
        Image.fromarray(np.moveaxis(picture(n, 96, 64), 0, 2)).save(folder / f"{n}.png")
    last, kept = folder / "5.png", tmp_path / "kept.png"

    def disturb() -> None:
        last.rename(kept)
        if other:
            Image.new("RGB", (96, 64), other).save(last)

    job = spec(folder, tmp_path / "out", shard_frames=3, max_failed=1)
    with pytest.raises(Incomplete, match=r"has changed since .* 1 of 2 shards are done"):
        api.run(job, settings=settings, on_progress=when(1, disturb))
    kept.rename(last)
    assert api.run(job, settings=settings).failed == 0
    with Image.open(tmp_path / "out" / "5.png") as made, Image.open(last) as given:
        assert made.tobytes() == given.tobytes()


def test_a_temporary_folder_that_is_removed_is_named(
    tmp_path: Path, settings: Settings, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    watch = when(12, lambda: folder.rename(tmp_path / "elsewhere"))
    job = spec(clip(frames=36), tmp_path / "o.mp4")
    with pytest.raises(
        Incomplete, match=r"temporary: the temporary folder is gone; . of 3"
    ) as lost:
        api.run(job, settings=settings, on_progress=watch)
    assert lost.value.job
    folder.mkdir()
    assert api.run(job, settings=settings).items == 36
    assert not [*folder.glob("*/*")]


def test_sound_is_whole_when_the_range_goes_past_the_end(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    source = clip(frames=24, audio=("aac",))
    api.run(spec(source, tmp_path / "o.mp4", end=Fraction(100)), settings=settings)

    def end(path: Path) -> int:
        with av.open(str(path)) as container:
            return max(packet.pts or 0 for packet in container.demux(audio=0) if packet.size)

    assert end(tmp_path / "o.mp4") == end(source)
