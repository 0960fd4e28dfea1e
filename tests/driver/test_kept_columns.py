"""Columns of a table that are written beside the results, as they were."""

from __future__ import annotations

import csv
import datetime
import json
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import impasto
from impasto.driver.open_job import open_draft
from impasto.errors import BadInput
from impasto.schema.job import JobSpec
from impasto.settings import Settings
from support.command import call

SCORER = """
class Double:
    def score(self, batch):
        if (batch["x"] == 13).any():
            raise ValueError("thirteen")
        return [{"double": 2 * x} for x in batch["x"]]
"""
LONG = 2**53 + 1
CSV = f"""id,code,name,price,when,note,x
{LONG},007,"Doe, Jane",1.5,2026-01-02,NA,1
,0123,,2.25,,,2
-{LONG},,Ünal,,2026-01-03,null,3
"""


@pytest.fixture
def scorer(tmp_path: Path) -> str:
    (tmp_path / "double.py").write_text(SCORER)
    return f"python:{tmp_path / 'double.py'}:Double"


def kept(
    folder: Path, scorer: str, source: Path, output: str, *more: object
) -> CompletedProcess[str]:
    return call(
        *("run", source, "-o", folder / output, "--home", folder / "home", "--scorer", scorer),
        *("--mini-batch", 2, *more),
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_ids_and_codes_of_csv_are_as_they_were(tmp_path: Path, scorer: str) -> None:
    source = tmp_path / "in.csv"
    source.write_text(CSV)
    for output in ("o.csv", "o.jsonl", "o.parquet"):
        done = kept(tmp_path, scorer, source, output, "--keep", "id, code,note")
        assert done.returncode == 0, done.stderr
    with (tmp_path / "o.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["item", "id", "code", "note", "double"],
        ["0", str(LONG), "007", "NA", "2"],
        ["1", "", "0123", "", "4"],
        ["2", str(-LONG), "", "null", "6"],
    ]
    assert lines(tmp_path / "o.jsonl")[1] == {
        "item": 1,
        "id": None,
        "code": "0123",
        "note": None,
        "double": 4,
    }
    made = pq.read_table(tmp_path / "o.parquet")
    assert made.schema.field("id").type == pa.int64()
    assert made["id"].to_pylist() == [LONG, None, -LONG]
    assert made["code"].to_pylist() == ["007", "0123", None]


def test_all_columns_are_kept_in_their_order(tmp_path: Path, scorer: str) -> None:
    source = tmp_path / "in.csv"
    source.write_text(CSV)
    done = kept(tmp_path, scorer, source, "o.csv", "--keep", "all")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "o.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["item", *CSV.split("\n", 1)[0].split(","), "double"]
    assert rows[0]["name"] == "Doe, Jane"
    assert [row["price"] for row in rows] == ["1.5", "2.25", ""]


def test_values_of_json_lines_are_as_they_were(tmp_path: Path, scorer: str) -> None:
    rows: list[dict[str, Any]] = [
        {"id": LONG, "tags": ["a", 1], "x": 1},
        {"x": 2, "id": None, "deep": {"n": None, "big": 2**70}},
        {"x": 3, "id": 3, "tags": None},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = kept(tmp_path, scorer, source, "o.jsonl", "--keep", "id,tags,deep")
    assert done.returncode == 0, done.stderr
    expected = [{name: row.get(name) for name in ("id", "tags", "deep")} for row in rows]
    made = lines(tmp_path / "o.jsonl")
    assert [{name: row[name] for name in ("id", "tags", "deep")} for row in made] == expected


def test_parquet_gets_its_own_types_back(tmp_path: Path, scorer: str) -> None:
    moment = datetime.datetime(2026, 7, 2, 3, 4, 5, 678901)
    day, clock = datetime.date(2026, 1, 2), datetime.time(1, 2, 3, 4)
    columns = {
        "u64": pa.array([2**64 - 1, None, 0], pa.uint64()),
        "i32": pa.array([5, None, -5], pa.int32()),
        "f32": pa.array([0.1, None, 2.5], pa.float32()),
        "us": pa.array([moment, None, moment], pa.timestamp("us")),
        "ns": pa.array([1_700_000_000_123_456_789, None, 0], pa.int64()).cast(pa.timestamp("ns")),
        "tz": pa.array([moment, None, moment], pa.timestamp("us", tz="Europe/Berlin")),
        "day": pa.array([day, None, day], pa.date32()),
        "time": pa.array([clock, None, clock], pa.time64("us")),
        "price": pa.array([Decimal("1.10"), None, Decimal("-0.01")], pa.decimal128(12, 2)),
        "tiny": pa.array([Decimal("0E-10"), None, Decimal("1E-10")], pa.decimal128(20, 10)),
        "list": pa.array([[LONG, None], None, []], pa.list_(pa.int64())),
        "struct": pa.array([{"a": LONG, "b": "x"}, None, {"a": None, "b": None}]),
        "large": pa.array([[LONG], None, []], pa.large_list(pa.int64())),
        "pair": pa.array([[0.5, None], None, [1, 2]], pa.list_(pa.float32(), 2)),
        "half": pa.array([1.5, None, -0.25], pa.float16()),
        "truth": pa.array([True, None, False]),
        "code": pa.array(["007", None, "007"]).dictionary_encode(),
        "none": pa.array([None, None, None], pa.int16()),
    }
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({**columns, "x": [1, 2, 3]}), source)
    done = kept(tmp_path, scorer, source, "o.parquet", "--keep", ",".join(columns))
    assert done.returncode == 0, done.stderr
    made = pq.read_table(tmp_path / "o.parquet")
    for name, column in columns.items():
        plain = column.cast(pa.string()) if name == "code" else column
        assert made.schema.field(name).type == plain.type, name
        assert made[name].combine_chunks().equals(plain), name
    assert made["double"].to_pylist() == [2, 4, 6]


def test_a_row_that_fails_and_is_retried_keeps_its_columns(tmp_path: Path, scorer: str) -> None:
    source, script = tmp_path / "in.csv", tmp_path / "double.py"
    source.write_text("id,x\na,1\nb,13\nc,3\n")
    done = kept(tmp_path, scorer, source, "o.csv", "--keep", "id", "--max-failed", 1, "--json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o.csv").read_text() == "item,id,double\n0,a,2\n2,c,6\n"
    script.write_text(SCORER.replace("13", "14"))
    job = json.loads(done.stdout)["job"]
    again = call("retry", job, "--home", tmp_path / "home", "--accept-changes")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "o.csv").read_text() == "item,id,double\n0,a,2\n1,b,26\n2,c,6\n"


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        ("no", "in.csv: has no column 'no' to keep; choose from id, double, item, x"),
        ("item", "its column 'item' cannot be kept, since the output names each row by that"),
        ("all", "its column 'item' cannot be kept, since the output names each row by that"),
        ("id,double", "--keep: the scorer makes a field 'double' too; leave that column out"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_one_line(
    tmp_path: Path, scorer: str, keep: str, told: str
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id,double,item,x\n1,2,3,4\n")
    done = kept(tmp_path, scorer, source, "o.csv", "--keep", keep, "--quiet")
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.binary(2), pa.list_(pa.binary())]
)
def test_bytes_cannot_be_kept(tmp_path: Path, scorer: str, kind: Any) -> None:
    value = [b"\xff\0"] if pa.types.is_list(kind) else b"\xff\0"
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"x": [1, 2], "raw": pa.array([value, None], kind)}), source)
    done = kept(tmp_path, scorer, source, "o.parquet", "--keep", "all", "--quiet")
    assert done.returncode == 2
    said = f"in.parquet: its column 'raw' is {kind}, which no record holds; let --keep name other"
    assert said.replace("item", "element") in done.stderr.replace("item", "element")


def test_columns_are_kept_of_rows_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("a")
    (tmp_path / "score.py").write_text("def run(batch):\n    return batch\n")
    spec = JobSpec(
        source=str(tmp_path / "in"),
        output=str(tmp_path / "o.csv"),
        scorer=f"script:{tmp_path / 'score.py'}",
        keep=("id",),
    )
    with pytest.raises(BadInput, match="`keep` is for the columns of a table of rows"):
        impasto.run(spec, settings=Settings(home=str(tmp_path / "home")))


def test_jobs_that_keep_nothing_have_the_ids_of_before(tmp_path: Path, scorer: str) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id,x\n1,2\n")
    settings = Settings(home=str(tmp_path / "home"))
    spec = JobSpec(source=str(source), output=str(tmp_path / "o.csv"), scorer=scorer)
    ids = {
        open_draft(spec.model_copy(update={"keep": keep}), settings).id
        for keep in ((), ("id",), ("all",))
    }
    assert len(ids) == 3
    given = JobSpec.model_validate({**spec.model_dump(), "keep": "id , x"})
    assert given.keep == ("id", "x")
