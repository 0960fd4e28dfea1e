"""The properties of sources, in words for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from impasto.cli.main import app
from impasto.schema.source import Colour

if TYPE_CHECKING:
    from conftest import MakeClip

HDR = Colour(matrix=9, primaries=9, transfer=16, full_range=False)


def probed(path: Path) -> dict[str, str]:
    """The lines that `impasto probe` prints, by their names."""
    lines = CliRunner().invoke(app, ["probe", str(path)]).stdout.splitlines()
    return {line[:16].strip(): line[17:] for line in lines}


@pytest.mark.parametrize(
    ("colour", "words"),
    [
        (None, "untagged"),
        (HDR, "matrix BT.2020, primaries BT.2020, transfer PQ, limited range"),
        (
            Colour(matrix=1, primaries=10, full_range=False),
            "matrix BT.709, primaries 10, limited range",
        ),
    ],
)
def test_colour_tags_are_named(clip: MakeClip, colour: Colour | None, words: str) -> None:
    assert probed(clip(frames=3, colour=colour))["colour"] == words


def test_answers_are_yes_or_no_for_people_and_booleans_for_programs(clip: MakeClip) -> None:
    path = clip(frames=3)
    found = probed(path)
    assert (found["can be split"], found["interlaced"]) == ("yes", "no")
    facts = json.loads(CliRunner().invoke(app, ["probe", str(path), "--json"]).stdout)
    assert (facts["shardable"], facts["interlaced"]) == (True, False)
    assert facts["colour"]["matrix"] == 2
