"""What one command names: its jobs, their sources, styles and outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from impasto.driver.sets.members import Styles, check, name_jobs
from impasto.errors import BadInput, Missing
from impasto.schema.job import JobSpec
from impasto.scorers.detection.trained import TASKS
from impasto.settings import Settings
from impasto.storage.stores import Stores
from support.detectors import blobs
from support.stores import KINDS, backend_of

FILES = ("a.mp4", "b.avi", "day 2/a.mp4", "day 2/deep/c.mkv", "notes.txt", ".hidden.mp4")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a tree of videos, of which only the names matter."""
    for name in FILES:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def outputs(
    output: str, *sources: str, styles: tuple[str, ...] = (), **fields: Any
) -> dict[str, str]:
    """The outputs of a command's jobs, below the working folder, by what the jobs are called."""
    spec = JobSpec(source=sources[0], output=output, params={"style": "p.jpg"}, **fields)
    named = name_jobs(spec, sources, Stores({}), Styles("style", styles))
    base = f"{Path.cwd()}/"
    return {each.name: each.spec.output.removeprefix(base) for each in named.members}


def refusal(output: str, *sources: str, styles: tuple[str, ...] = (), **fields: Any) -> str:
    with pytest.raises(BadInput) as caught:
        outputs(output, *sources, styles=styles, **fields)
    return str(caught.value)


def test_a_folder_of_videos_gives_those_directly_in_it(here: Path) -> None:
    assert outputs("out/", "in") == {"a.mp4": "out/a.mp4", "b.avi": "out/b.mkv"}


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        ("prores", {"a.mp4": "out/a.mov", "b.avi": "out/b.mkv"}),
        ("ffv1", {"a.mp4": "out/a.mkv", "b.avi": "out/b.mkv"}),
        ("hevc", {"a.mp4": "out/a.mp4", "b.avi": "out/b.mkv"}),
    ],
)
def test_names_in_a_folder_suit_the_codec(here: Path, codec: str, expected: dict[str, str]) -> None:
    assert outputs("out/", "in", codec=codec) == expected


def test_what_is_left_out_is_counted_and_named(here: Path) -> None:
    spec = JobSpec(source="in", output="out/", params={"style": "p.jpg"})
    named = name_jobs(spec, ["in"], Stores({}))
    assert named.notes == (
        f"{here}/in: files left out, which are no videos: 1 (notes.txt)",
        "folders left out: 1 (day 2); 'in/**' takes what is in them",
    )


def test_a_pattern_keeps_the_tree(here: Path) -> None:
    assert outputs("out/", "in/**/*.m[pk][4v]") == {
        "a.mp4": "out/a.mp4",
        "day 2/a.mp4": "out/day 2/a.mp4",
        "day 2/deep/c.mkv": "out/day 2/deep/c.mkv",
    }


def test_what_a_shell_makes_of_a_pattern_keeps_the_tree(here: Path) -> None:
    assert outputs("out", "in/a.mp4", "in/day 2/a.mp4") == {
        "a.mp4": "out/a.mp4",
        "day 2/a.mp4": "out/day 2/a.mp4",
    }


def test_a_source_that_is_named_twice_is_one(here: Path) -> None:
    assert [*outputs("out/", "in/a.mp4", "in/*.mp4", "in/b.avi")] == ["a.mp4", "b.avi"]


def test_a_template_says_where_each_output_goes(here: Path) -> None:
    template = "{path}/{style}/{name}-{ext}.mov"
    assert outputs(template, "in/**/a.mp4", styles=("x/dark.jpg", "light.png")) == {
        "a.mp4 (dark)": "dark/a-mp4.mov",
        "a.mp4 (light)": "light/a-mp4.mov",
        "day 2/a.mp4 (dark)": "day 2/dark/a-mp4.mov",
        "day 2/a.mp4 (light)": "day 2/light/a-mp4.mov",
    }


def test_a_folder_of_images_is_one_job_in_each_style(here: Path) -> None:
    Path("photos").mkdir()
    Image.new("RGB", (8, 8)).save("photos/1.png")
    Path("photos/clip.mp4").touch()
    styles = ("dark.jpg", "light.jpg")
    assert outputs("out/{style}/", "photos", styles=styles) == {
        "photos (dark)": "out/dark/",
        "photos (light)": "out/light/",
    }


def test_each_style_is_that_of_its_job(here: Path) -> None:
    spec = JobSpec(source="in/a.mp4", output="{style}.mp4", params={"style": "1.jpg"})
    named = name_jobs(spec, ["in/a.mp4"], Stores({}), Styles("style", ("1.jpg", "2.jpg")))
    found = [(each.spec.params["style"], Path(each.spec.output).name) for each in named.members]
    assert found == [("1.jpg", "1.mp4"), ("2.jpg", "2.mp4")]


def test_images_and_videos_may_be_named_together(here: Path) -> None:
    for name in ("1.jpg", "2.tif"):
        Image.new("RGB", (8, 8)).save(name)
    assert outputs("out/", "1.jpg", "2.tif", "in/a.mp4") == {
        "1.jpg": "out/1.jpg",
        "2.tif": "out/2.png",
        "in/a.mp4": "out/in/a.mp4",
    }


def test_frames_of_each_video_have_a_folder_of_their_own(here: Path) -> None:
    assert outputs("out/", "in/*.mp4", frames="png") == {"a.mp4": "out/a/"}


def test_outputs_in_the_folder_of_the_sources_are_not_sources_next_time(here: Path) -> None:
    Path("in/a-painted.mp4").touch()
    spec = JobSpec(source="in/*.mp4", output="in/{name}-painted.mp4", params={"style": "p.jpg"})
    named = name_jobs(spec, ["in/*.mp4"], Stores({}))
    assert [each.source for each in named.members] == ["a.mp4"]
    assert named.notes == ("1 left out, made by this command itself (a-painted.mp4)",)


def test_one_source_with_one_output_is_an_ordinary_job(here: Path) -> None:
    spec = JobSpec(source="in/a.mp4", output="out.mp4", params={"style": "p.jpg"})
    named = name_jobs(spec, ["in/a.mp4"], Stores({}))
    assert (named.several, [each.spec for each in named.members]) == (False, [spec])


@pytest.mark.parametrize(
    ("words", "styles", "said"),
    [
        (("o.mp4", "in"), (), "o.mp4: is one file, but 2 outputs result; write a folder, or a"),
        (("o.mkv", "in"), (), "write a folder, or a template such as 'out/{name}.mkv'"),
        (("o.csv", "in"), (), "2 outputs result; write a template such as 'out/{name}.csv'"),
        (("o/", "in"), ("1.jpg", "2.jpg"), "o/: is the same for all styles; write a template"),
        (("{name}.mp4", "in"), ("1.jpg", "2.jpg"), "is the same for all styles; add {style} to"),
        (("{style}.mp4", "in"), ("1.jpg", "2.jpg"), "would be made of a.mp4 (1) and of b.avi (1)"),
        (
            ("{name}-{style}.mp4", "in/a.mp4"),
            ("x/1.jpg", "y/1.png"),
            "`style=y/1.png`: has the name of x/1.jpg; rename one of them",
        ),
        (
            ("{name}-{style}.mp4", "in/a.mp4"),
            ("1.jpg", "2.jpg", "1.jpg"),
            "`style=1.jpg`: is given twice; leave one out",
        ),
        (("{name}.mp4", "in/**/*.mp4"), (), "would be made of a.mp4 and of day 2/a.mp4; tell"),
        (("{name}-{rule}.mp4", "in"), (), "{rule} is for the rules of `impasto watch`; use {path}"),
        (("{name}-{nam}.mp4", "in"), (), "unknown field {nam}; did you mean name?"),
        (("in/{name}.mp4", "in/*.mp4"), (), "is also what the job reads; choose another output"),
    ],
)
def test_outputs_that_cannot_be_told_apart_are_refused(
    words: tuple[str, ...], styles: tuple[str, ...], said: str, here: Path
) -> None:
    assert said in refusal(*words, styles=styles)


def test_a_folder_does_not_say_what_records_are_made(here: Path) -> None:
    for name in ("a.csv", "b.csv"):
        Path(name).touch()
    said = refusal("out/", "a.csv", "b.csv", scorer="script:x.py")
    assert said == (
        "out/: is a folder, which does not say what to make of a.csv; "
        "write a template such as 'out/{name}.jsonl'"
    )


@pytest.mark.parametrize("task", TASKS)
def test_videos_are_refused_of_what_finds_objects_before_a_job_begins(
    here: Path, task: str
) -> None:
    Path("net.onnx").write_bytes(blobs(task=task))
    settings = Settings(home=str(here / "home"))

    def checked(output: str, **params: Any) -> None:
        given = {"model": "net.onnx", **params}
        spec = JobSpec(source="in", output=output, scorer="onnx", params=given)
        check(name_jobs(spec, ["in"], Stores({})), settings)

    said = (
        r"^net\.onnx: makes a record .* template such as 'found/\{name\}\.jsonl', or set `draw` to"
    )
    with pytest.raises(BadInput, match=said):
        checked("found/")
    with pytest.raises(BadInput, match=said):
        checked("found/", task="detect")
    checked("found/", draw=True)
    checked("found/", task="none")
    checked("found/{name}.jsonl")
    assert sorted(path.name for path in here.iterdir()) == ["in", "net.onnx"]


def test_a_missing_folder_is_one_clear_line(here: Path) -> None:
    with pytest.raises(Missing, match="nowhere: no such folder"):
        outputs("out/", "nowhere/*.mp4")


def test_a_pattern_that_matches_nothing_is_not_called_a_folder_of_images(here: Path) -> None:
    with pytest.raises(Missing, match=r"^in/\*\*/\*\.wmv: matches no file; check the pattern$"):
        outputs("out/", "in/**/*.wmv")


@pytest.mark.parametrize("kind", KINDS)
def test_videos_of_a_store_are_named_as_those_of_a_folder(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = backend_of(kind, request, monkeypatch)
    store = backend.stores.open(backend.url)
    for key in ("in/a.mp4", "in/deep/b.mp4", "in/read.me"):
        store.put(key, b"")
    spec = JobSpec(
        source=f"{backend.url}/in/**", output=f"{backend.url}/out/", params={"style": "p"}
    )
    named = name_jobs(spec, [spec.source], backend.stores)
    found = {each.spec.source: each.spec.output for each in named.members}
    assert found == {
        f"{backend.url}/in/{key}": f"{backend.url}/out/{key}" for key in ("a.mp4", "deep/b.mp4")
    }
    assert len(named.notes) == 1
