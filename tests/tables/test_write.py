"""Records survive as lines and as files of every kind, whatever a scorer says."""

from __future__ import annotations

import csv
import io
import json
import math
import tracemalloc
from datetime import date
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto.cli.render.wording import worded
from impasto.errors import Changed
from impasto.storage.ranges import open_object
from impasto.tables import formats
from impasto.tables.write import assemble, jsonl
from support import stores as places

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Pair = tuple[str | int, dict[str, Any]]


def written(item: str | int, record: dict[Any, Any]) -> dict[str, Any]:
    raw = jsonl.line(item, record)
    assert raw.endswith(b"\n")
    assert raw.count(b"\n") == 1
    found: dict[str, Any] = json.loads(raw)
    assert next(iter(found)) == "item"
    return found


def segment(pairs: Iterable[Pair]) -> bytes:
    return b"".join(jsonl.line(item, record) for item, record in pairs)


def assembled(folder: Path, suffix: str, *segments: bytes) -> Path:
    """Assemble segments, every other one from a reader, after checking their count."""
    paths = [folder / f"{n}.part" for n in range(len(segments))]
    for path, data in zip(paths, segments, strict=True):
        path.write_bytes(data)
    held: list[assemble.Segment] = [
        path if n % 2 else partial(io.FileIO, path) for n, path in enumerate(paths)
    ]
    target = folder / f"made{suffix}"
    target.unlink(missing_ok=True)
    count, _ = assemble.assemble(target, iter(held), suffix)
    assert count == sum(data.count(b"\n") for data in segments)
    return target


# Lines.


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1, 2], [3, 4]], np.uint8), [[1, 2], [3, 4]]),
        (np.array([0.5, np.nan, np.inf]), [0.5, None, math.inf]),
        (np.array(3), 3),
        (np.datetime64("2020-01-02"), "2020-01-02"),
        (
            np.array(["2020-01-02", "NaT"], "datetime64[ns]"),
            ["2020-01-02T00:00:00.000000000", None],
        ),
        (torch.tensor([1.5, 2.5], dtype=torch.bfloat16), [1.5, 2.5]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.NA, None),
        (pd.NaT, None),
        (float("nan"), None),
        (-math.inf, -math.inf),
        (True, True),
        (None, None),
        (10**30, 10**30),
        ((1, {"x": (2,)}), [1, {"x": [2]}]),
        ({1: {None: np.float64("nan")}}, {"1": {"None": None}}),
        (date(2020, 1, 2), "2020-01-02"),
        (Decimal("1.10"), "1.10"),
        (1 + 2j, "(1+2j)"),
        (b"\x00", "b'\\x00'"),
        ('é\n\u2028"\\', 'é\n\u2028"\\'),
        ("half \ud83d", "half \ud83d"),
    ],
)
def test_every_value_becomes_json(value: Any, expected: Any) -> None:
    found = written("a", {"v": value})["v"]
    assert found == expected
    assert type(found) is type(expected)


def test_a_field_called_item_makes_way() -> None:
    assert written(3, {"x": 1, "item": 2}) == {"item": 3, "x": 1, "item_": 2}
    assert written(3, {"item": 1, "item_": 2}) == {"item": 3, "item__": 1, "item_": 2}
    assert written(3, {1: 2, None: 4}) == {"item": 3, "1": 2, "None": 4}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.text().filter(lambda name: name != "item")


@given(st.text() | st.integers(), st.dictionaries(NAMES, JSON, max_size=4))
def test_what_json_can_hold_survives_exactly(item: str | int, record: dict[str, Any]) -> None:
    assert written(item, record) == {"item": item, **record}


@given(st.lists(st.text() | st.integers(), max_size=6))
def test_reading_gives_items_and_their_lines(items: list[str | int]) -> None:
    lines = [jsonl.line(item, {"x": [item]}) for item in items]
    found = list(jsonl.read(io.BytesIO(b"".join(lines))))
    assert found == list(zip(items, lines, strict=True))


# Files.

MIXED: list[Pair] = [
    ("a.jpg", {"label": 'say "é",\n', "score": 1, "box": [1, 2], "deep": {"x": 1}}),
    ("a.jpg", {"score": 2.5, "only": "late", "box": [0.5]}),
    ("b\t.jpg", {"label": None, "score": float("nan"), "deep": {"y": "z"}, "odd": 1}),
    (7, {"odd": "one", "empty": {}, "big": 2**60 + 1}),
]


def test_json_lines_are_copied_byte_by_byte(tmp_path: Path) -> None:
    parts = [segment(MIXED[:1]), b"", segment(MIXED[1:])]
    for suffix in (".jsonl", ".ndjson"):
        assert assembled(tmp_path, suffix, *parts).read_bytes() == b"".join(parts)


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_csv_has_every_field_of_any_record(tmp_path: Path, suffix: str, delimiter: str) -> None:
    path = assembled(tmp_path, suffix, segment(MIXED[:2]), segment(MIXED[2:]))
    data = path.read_bytes().decode()
    assert "\r" not in data
    rows = list(csv.reader(io.StringIO(data, newline=""), delimiter=delimiter, strict=True))
    assert rows == [
        ["item", "label", "score", "box", "deep", "only", "odd", "empty", "big"],
        ["a.jpg", 'say "é",\n', "1", "[1, 2]", '{"x": 1}', "", "", "", ""],
        ["a.jpg", "", "2.5", "[0.5]", "", "late", "", "", ""],
        ["b\t.jpg", "", "", "", '{"y": "z"}', "", "1", "", ""],
        ["7", "", "", "", "", "", "one", "{}", str(2**60 + 1)],
    ]


def test_text_is_a_line_a_record_without_its_item(tmp_path: Path) -> None:
    parts = [segment([("a", {"output": "x\ny"}), ("a", {"output": 0.5})]), segment(MIXED[2:3])]
    assert assembled(tmp_path, ".txt", *parts).read_text() == 'x y\n0.5\n  {"y": "z"} 1\n'


def test_parquet_has_types_that_hold_every_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rows in (1, 2, 10_000):
        monkeypatch.setattr("impasto.tables.write.parquet.ROWS", rows)
        table = pq.read_table(
            assembled(tmp_path, ".parquet", segment(MIXED[:1]), segment(MIXED[1:]))
        )
        assert {
            field.name: str(field.type).replace("element", "item") for field in table.schema
        } == {
            "item": "string",
            "label": "string",
            "score": "double",
            "box": "list<item: double>",
            "deep": "struct<x: int64, y: string>",
            "only": "string",
            "odd": "string",
            "empty": "string",
            "big": "int64",
        }
        found = table.to_pylist()
        assert [row["item"] for row in found] == ['"a.jpg"', '"a.jpg"', '"b\\t.jpg"', "7"]
        assert [row["score"] for row in found] == [1.0, 2.5, None, None]
        assert [row["box"] for row in found] == [[1.0, 2.0], [0.5], None, None]
        assert [row["odd"] for row in found] == [None, None, "1", '"one"']
        assert found[3]["empty"] == "{}"
        assert found[3]["big"] == 2**60 + 1
        assert found[2]["deep"] == {"x": None, "y": "z"}


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(0, 9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.lists(st.integers(0, 9) | st.text(max_size=1), max_size=2),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 2) | st.none() | st.just({}), max_size=2),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "c d"]), VALUES), max_size=6),
    st.integers(1, 7),
)
def test_any_records_make_parquet_of_the_same_values(
    tmp_path: Path, found: list[dict[str, Any]], rows: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("impasto.tables.write.parquet.ROWS", rows)
        path = assembled(tmp_path, ".parquet", segment(enumerate(found)))
    table = pq.read_table(path)
    assert table["item"].to_pylist() == list(range(len(found)))
    for name in table.column_names[1:]:
        text = str(table.schema.field(name).type) == "string"
        plain = all(isinstance(record.get(name), str | None) for record in found)
        for record, value in zip(found, table[name].to_pylist(), strict=True):
            given_ = record.get(name)
            assert _same(given_, json.loads(value) if text and not plain and value else value)


def noted(folder: Path, suffix: str, *records: dict[str, Any]) -> tuple[Path, tuple[str, ...]]:
    """Assemble a segment for each record; returns the file and what it cannot hold."""
    paths = [folder / f"{n}.part" for n in range(len(records))]
    for n, (path, record) in enumerate(zip(paths, records, strict=True)):
        path.write_bytes(jsonl.line(n, record))
    target = folder / f"made{suffix}"
    target.unlink(missing_ok=True)
    return target, assemble.assemble(target, paths, suffix)[1]


@pytest.mark.parametrize("rows", [1, 10_000])
@pytest.mark.parametrize(
    ("wide", "float_"),
    [(2**53 + 1, 0.5), ([2**53 + 1], [0.5]), ({"x": 2**53 + 1}, {"x": 0.5})],
)
def test_an_integer_that_no_float_holds_stays_exact_beside_floats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, wide: Any, float_: Any
) -> None:
    monkeypatch.setattr("impasto.tables.write.parquet.ROWS", rows)
    path, _ = noted(tmp_path, ".parquet", {"v": wide}, {"v": float_}, {"v": wide})
    assert [json.loads(value) for value in pq.read_table(path)["v"].to_pylist()] == [
        wide,
        float_,
        wide,
    ]
    path, _ = noted(tmp_path, ".parquet", {"v": wide}, {"v": None}, {"v": wide})
    assert pq.read_table(path)["v"].to_pylist() == [wide, None, wide]


INFINITE = ({"x": math.inf, "y": [1.5, -math.inf], "z": "Infinity"}, {"x": -math.inf, "y": []})


def test_infinities_are_kept_where_the_format_has_them_and_else_reported(tmp_path: Path) -> None:
    became = "became null, since JSON has none; .csv and .parquet do"
    path, notes = noted(tmp_path, ".jsonl", *INFINITE)
    assert [*map(json.loads, path.read_text().splitlines())] == [
        {"item": 0, "x": None, "y": [1.5, None], "z": "Infinity"},
        {"item": 1, "x": None, "y": []},
    ]
    assert notes == (f"3 infinite values {became}",)
    path, notes = noted(tmp_path, ".csv", *INFINITE)
    assert path.read_text().splitlines()[1:] == [
        '0,inf,"[1.5, null]",Infinity',
        "1,-inf,[],",
    ]
    assert notes == (f"1 infinite value {became}",)
    path, notes = noted(tmp_path, ".parquet", *INFINITE)
    assert pq.read_table(path).select(["x", "y"]).to_pylist() == [
        {name: record[name] for name in "xy"} for record in INFINITE
    ]
    assert notes == ()
    path, notes = noted(tmp_path, ".txt", {"x": math.inf})
    assert (path.read_text(), notes) == ("inf\n", ())


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_field_that_made_way_for_the_key_is_reported(tmp_path: Path, suffix: str) -> None:
    path, notes = noted(tmp_path, suffix, {"item": 7}, {"x": {"item_": 1}})
    assert notes == ("the field 'item' is each item's key; the scorer's own field is now 'item_'",)
    assert worded(notes[0]) == notes[0]
    assert b"item_" in path.read_bytes()
    assert noted(tmp_path, suffix, {"item_id": 7, "x": 'say "item_": 1'})[1] == ()


def _same(before: Any, after: Any) -> bool:
    """Whether two values are equal, but for what an object lacks."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(_same(before.get(name), after.get(name)) for name in {**before, **after})
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return bool(before == after) and isinstance(before, bool) == isinstance(after, bool)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".txt"])
def test_half_a_surrogate_pair_is_no_hindrance(tmp_path: Path, suffix: str) -> None:
    path = assembled(tmp_path, suffix, segment([("a", {"x": "\ud83d!", "y": "😀"})]))
    data = path.read_bytes()
    assert "😀".encode() in data
    assert b"?!" in data


@pytest.mark.parametrize("suffix", formats.RECORDS)
def test_no_records_make_a_file_that_is_valid_and_empty(tmp_path: Path, suffix: str) -> None:
    for parts in ([], [b"", b""]):
        path = assembled(tmp_path, suffix, *parts)
        if suffix in {".csv", ".tsv"}:
            assert list(pd.read_csv(path, sep="\t" if suffix == ".tsv" else ",")) == ["item"]
        elif suffix == ".parquet":
            assert pq.read_table(path).num_rows == 0
        else:
            assert path.read_bytes() == b""


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".txt", ".parquet"])
def test_assembling_holds_little_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr("impasto.tables.write.parquet.ROWS", 200)
    part = segment((n, {"text": "x" * 1000, "n": n}) for n in range(2000))
    assembled(tmp_path, suffix, part[: part.index(b"\n") + 1])  # imports what is needed once
    for n in range(6):
        (tmp_path / f"{n}.part").write_bytes(part)
    target = tmp_path / f"large{suffix}"
    tracemalloc.start()
    count, _ = assemble.assemble(target, (tmp_path / f"{n}.part" for n in range(6)), suffix)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 12_000
    assert peak < 4 << 20 < 6 * len(part)


def test_segments_come_from_a_store(
    azurite: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = places.azure(monkeypatch, azurite).open()
    parts = {f"s/{n}": segment([(n, {"x": n})] * 3000) for n in range(3)}
    opens = []
    for key, data in parts.items():
        store.put(key, data)
        stat = store.stat(key)
        assert stat
        opens.append(partial(open_object, store, stat))
    for suffix in (".jsonl", ".csv"):
        assert assemble.assemble(tmp_path / f"a{suffix}", opens, suffix) == (9000, ())
    assert (tmp_path / "a.jsonl").read_bytes() == b"".join(parts.values())
    store.put("s/1", b"{}\n" * 7)
    with pytest.raises(Changed):
        assemble.assemble(tmp_path / "b.jsonl", opens, ".jsonl")
