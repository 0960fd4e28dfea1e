"""The properties of sources, in words for people and exactly for programs."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from impasto.cli.main import app
from impasto.media.colour_names import named
from impasto.schema.source import Colour
from support.clips import real_clip

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip

HDR = Colour(matrix=9, primaries=9, transfer=16, full_range=False)


def lines(path: object) -> list[str]:
    """The lines that `impasto probe` prints."""
    return CliRunner().invoke(app, ["probe", str(path)]).stdout.splitlines()


def probed(path: object) -> dict[str, str]:
    """The same by the names of facts; those without a name belong to the last that has one."""
    found: dict[str, str] = {}
    name = ""
    for line in lines(path):
        name = line[:15].strip() or name
        found[name] = "\n".join([*([found[name]] if name in found else []), line[15:]])
    return found


def test_a_clip_is_described_as_people_speak_of_it() -> None:
    found = lines(real_clip("bigbuckbunny"))
    assert found[1:] == [
        "kind           video, MP4, 1.1 MB",
        "duration       0:05.28, 132 frames",
        "bit rate       1.6 Mb/s",
        "pictures       H.264, 1280x720, 8 bits, 4:2:0",
        "frame rate     25 fps",
        "colour         not tagged",
        "interlaced     no",
        "can be split   yes (but each part is decoded from the only keyframe on)",
        "streams        0: video, H.264, 1280x720 [scored]",
        "               1: sound, AAC, 5.1, 48 kHz, 385 kb/s",
    ]


def test_every_stream_and_chapter_is_described(clip: MakeClip) -> None:
    found = probed(
        clip(
            ".mkv",
            audio=("aac", "libopus"),
            languages=("ger", "jpn"),
            titles={1: "Director"},
            subtitles=((0, 1, "said"),),
            chapters=((0, 1, "Opening"), (1, 2, "Close")),
            attachment=True,
        )
    )
    assert found["streams"].splitlines() == [
        "0: video, H.264, 96x64 [scored]",
        "1: sound, AAC, stereo, 48 kHz, German, “Director”",
        "2: sound, Opus, stereo, 48 kHz, Japanese",
        "3: subtitles, text (SubRip)",
        "4: attachment",
    ]
    assert found["chapters"] == "2, from “Opening” to “Close”"


@pytest.mark.parametrize(
    ("colour", "words"),
    [
        (None, "not tagged"),
        (HDR, "HDR10 (PQ), BT.2020, limited range"),
        (HDR.model_copy(update={"transfer": 18}), "HLG (HDR), BT.2020, limited range"),
        (Colour(matrix=1, primaries=1, transfer=1, full_range=False), "BT.709, limited range"),
        (Colour(matrix=6, primaries=6, transfer=6, full_range=True), "BT.601, full range"),
        (
            Colour(matrix=1, primaries=10, full_range=False),
            "matrix BT.709, primaries 10, limited range",
        ),
        (Colour(matrix=1, primaries=12, transfer=13), "matrix BT.709, primaries Display P3, "
         "transfer sRGB"),
    ],
)  # fmt: skip
def test_colour_tags_are_named(colour: Colour | None, words: str) -> None:
    assert named(colour or Colour()) == words


def test_colour_tags_come_from_the_file(clip: MakeClip) -> None:
    assert probed(clip(frames=3, colour=HDR))["colour"] == "HDR10 (PQ), BT.2020, limited range"


def test_what_a_video_tells_hdr_displays_is_said(clip: MakeClip) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(40000000,50)"
    params = f"log-level=none:master-display={display}:max-cll=1200,400"
    made = clip(frames=3, codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": params})
    assert probed(made)["HDR data"] == "graded on 4,000 cd/m², up to 1,200 cd/m²"
    assert "HDR data" not in probed(clip(frames=3))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rate": Fraction(24000, 1001)}, "23.976 fps"),
        ({"rate": Fraction(30)}, "30 fps"),
        (
            {"time_base": Fraction(1, 100), "pts": (0, 4, 8, 12, 20, 24, 40)},
            "variable: 6.25 to 25 fps, 15.9 on average",
        ),
    ],
)
def test_frame_rates_are_named(clip: MakeClip, fields: dict[str, Any], words: str) -> None:
    assert probed(clip(".mp4", **{"frames": 7, **fields}))["frame rate"] == words
    if "pts" not in fields:
        # Matroska rounds times to milliseconds, which is no variation.
        assert probed(clip(".mkv", frames=7, **fields))["frame rate"] == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rotation": 90}, "64x96 (turned 90 degrees counter-clockwise)"),
        ({"rotation": -90}, "64x96 (turned 90 degrees clockwise)"),
        ({"rotation": 180}, "96x64 (turned 180 degrees)"),
        ({"sample_aspect": Fraction(4, 3)}, "128x64 (pixels of 4:3)"),
    ],
)
def test_how_players_show_pictures_is_told(
    clip: MakeClip, fields: dict[str, Any], words: str
) -> None:
    assert probed(clip(".mp4", frames=3, **fields))["shown as"] == words
    assert "shown as" not in probed(clip(".mp4", frames=3))


def test_a_program_gets_exact_numbers(clip: MakeClip) -> None:
    path = clip(".mp4", frames=3, audio=("aac",))
    found = probed(path)
    said = "yes (but each part is decoded from the only keyframe on)"
    assert (found["can be split"], found["interlaced"]) == (said, "no")
    more = probed(clip(".mp4", frames=24))["can be split"]
    assert more == "yes (keyframes every 0.5 s on average)"
    facts = json.loads(CliRunner().invoke(app, ["probe", str(path), "--json"]).stdout)
    assert (facts["shardable"], facts["interlaced"]) == (True, False)
    assert facts["colour"]["matrix"] == 2
    assert facts["duration"] == 0.12
    assert facts["bytes"] == path.stat().st_size
    assert (facts["rate"], facts["bit_depth"], facts["sampling"]) == ("25", 8, "4:2:0")
    sound = facts["tracks"][1]
    assert (sound["codec"], sound["sample_rate"], sound["channels"]) == ("aac", 48000, 2)


def test_images_files_and_tables_are_described_as_plainly(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg"):
        Image.new("RGB", (32, 24)).save(tmp_path / name)
    size = (tmp_path / "a.jpg").stat().st_size
    assert probed(tmp_path / "a.jpg") == {
        "source": str(tmp_path / "a.jpg"),
        "kind": f"image, JPEG, {size} B",
        "picture": "32x24",
    }
    assert probed(tmp_path) == {
        "source": str(tmp_path),
        "kind": "2 images",
        "from": "a.jpg",
        "to": "b.jpg",
        "first picture": "32x24",
        "can be split": "yes (anywhere)",
    }
    pytest.importorskip("pandas")
    (tmp_path / "rows.csv").write_text("name,age\nada,36\nbob,\n")
    found = probed(tmp_path / "rows.csv")
    assert (found["kind"], found["rows"]) == ("table, CSV, 21 B", "2")
    assert found["columns"].splitlines() == ["name: text", "age: whole numbers, some missing"]


def test_what_fits_is_kept_within_a_terminal_of_80_columns(clip: MakeClip) -> None:
    path = clip(".mp4", frames=6, options={"x264-params": "tff=1"})
    told = [line for line in lines(path) if str(path) not in line]
    assert max(map(len, told)) <= 80
    assert "               --deinterlace no" in told
