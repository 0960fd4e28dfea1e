"""Items have the names by which users find them: counted from 1, with a line or a moment."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from impasto.driver.open_job import open_draft
from impasto.schema.item_names import ItemNames
from impasto.schema.moments import clock
from impasto.schema.workers import Capacity
from impasto.settings import Settings
from support.jobs import spec

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip
    from impasto.schema.plan import Plan


def planned(source: Path, output: Path, **fields: object) -> Plan:
    opened = open_draft(spec(source, output, **fields), Settings(home=str(output.parent / "home")))
    return opened.plan(Capacity(1, "here"), 1, None)


def name(plan: Plan, item: int) -> str:
    (shard,) = (each for each in plan.shards if each.start <= item < each.stop)
    return ItemNames.of(plan).name(shard, item)


def test_a_frame_has_its_number_and_its_time_also_in_a_trimmed_range(
    tmp_path: Path, clip: MakeClip
) -> None:
    source = clip(frames=60)
    whole = planned(source, tmp_path / "o.mp4")
    part = planned(source, tmp_path / "o.mp4", start=Fraction(3, 2))
    assert name(whole, 0) == "frame 1 at 0:00"
    assert name(whole, 50) == name(part, 50)
    assert name(whole, 50).startswith("frame 51 at 0:02")


@pytest.mark.parametrize(
    ("file", "text", "names"),
    [
        ("a.csv", "x\n1\n2\n", ("row 1 (line 2)", "row 2 (line 3)")),
        ("a.csv", "\ufeffx,y\r\n1,2\r\n3,4", ("row 1 (line 2)", "row 2 (line 3)")),
        ("a.csv", 'x,y\n"1\n1",2\n3,4\n', ("row 1", "row 2")),
        ("a.jsonl", '{"x": 1}\n{"x": 2}\n', ("row 1 (line 1)", "row 2 (line 2)")),
        ("a.jsonl", '{"x": 1}\n\n{"x": 2}\n', ("row 1", "row 2")),
    ],
)
def test_a_row_has_the_line_of_its_file_where_rows_are_lines(
    tmp_path: Path, file: str, text: str, names: tuple[str, str]
) -> None:
    source = tmp_path / file
    source.write_text(text, newline="")
    plan = planned(source, tmp_path / "o.csv", scorer=f"script:{__file__}", shard_frames=1)
    assert (name(plan, 0), name(plan, 1)) == names


def test_moments_are_written_as_start_takes_them() -> None:
    moments = (Fraction(0), Fraction(51, 25), Fraction(5999, 100), Fraction(36610))
    assert [clock(each) for each in moments] == ["0:00", "0:02.04", "0:59.99", "10:10:10"]
