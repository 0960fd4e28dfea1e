"""Tables read by shards give the rows and dtypes that pandas reads from the whole."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_series_equal

from impasto.errors import BadInput, Changed
from impasto.schema.job import JobSpec
from impasto.schema.source import MISSING
from impasto.sources.item import Rows
from impasto.sources.open import open_planned, open_source
from impasto.storage.stores import Stores
from impasto.tables.read.header import named
from support import stores as places
from support.calls import calls_of
from support.planned import planned

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.plan import Plan

HERE = Stores({})


def plan_of(url: str, size: int | None = None, stores: Stores = HERE) -> Plan:
    spec = JobSpec(source=url, output="made.jsonl", scorer="script", shard_frames=size)
    return planned(open_source(stores, url, "rows"), spec)


def pieces(url: str, plan: Plan, stores: Stores = HERE) -> list[pd.DataFrame]:
    """Every piece, after checking that shards and pieces follow each other without a gap."""
    source, found, at = open_planned(stores, url, plan), [], 0
    for shard in plan.shards:
        assert shard.start == at
        for rows in source.read(plan, shard, 1):
            assert isinstance(rows, Rows)
            assert rows.start == at
            assert list(rows.frame.index) == list(range(len(rows.frame)))
            at += len(rows.frame)
            found.append(rows.frame)
        assert shard.stop == at
    return found


def whole(url: str, size: int | None = None) -> pd.DataFrame:
    plan = plan_of(url, size)
    assert plan.table
    found = pieces(url, plan)
    for piece in found:
        assert [(name, str(dtype)) for name, dtype in piece.dtypes.items()] == list(
            plan.table.columns
        )
    return pd.concat(found, ignore_index=True)


def dtypes(url: str) -> dict[str, str]:
    table = plan_of(url).table
    assert table
    return dict(table.columns)


FIELDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
    st.sampled_from(["", "a,b", 'say "so"', "two\nlines", "two\r\nlines", "NA", "7", "1.5", "\t"]),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(FIELDS, st.integers(), FIELDS), min_size=1, max_size=12),
    st.integers(1, 5),
    st.sampled_from([",", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_shards_of_csv_hold_what_pandas_reads_from_the_whole(
    tmp_path: Path,
    rows: list[tuple[str, int, str]],
    size: int,
    delimiter: str,
    end: str,
    mark: bool,
) -> None:
    path = tmp_path / ("t.csv" if delimiter == "," else "t.tsv")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b\nc", "é"), *rows])
    path.write_bytes(text.getvalue().encode("utf-8-sig" if mark else "utf-8"))
    found = whole(str(path), size)
    # What would come out as another number is told apart below.
    kept = {name: dtype for name, dtype in found.dtypes.items() if str(dtype) in {"Int64", "str"}}
    texts = {name for name, dtype in kept.items() if str(dtype) == "str"}
    expected = pd.read_csv(
        path,
        sep=delimiter,
        low_memory=False,
        dtype=kept,
        keep_default_na=False,
        na_values={str(name): [""] if name in texts else MISSING for name in found},
    )
    assert list(found.columns) == ["a", "b\nc", "é"]
    for name in expected:
        if str(found[name].dtype) == "boolean":
            continue  # what pandas guesses of a few words
        assert_frame_equal(found[[name]], expected[[name]])


@pytest.mark.parametrize(
    ("fields", "dtype"),
    [
        (["1", "2", "3"], "int64"),
        (["1", "", "3"], "Int64"),
        (["9007199254740993", "", "-9223372036854775808"], "Int64"),
        (["9007199254740993", "1", "2.5"], "str"),
        (["9223372036854775808", "", "1"], "str"),
        (["1e20", "", "1"], "float64"),
        (["1.0", "", "2"], "float64"),
        (["01234", "5", "99"], "str"),
        (["01234", "", "99"], "str"),
        (["01.10", "1.2", "-3"], "str"),
        (["0", "0.5", "-0"], "float64"),
        (["00:15", "1", "2"], "str"),
        (["1", "2", "3.5"], "float64"),
        (["1", "NA", "x"], "str"),
        (["", "", ""], "float64"),
        (["True", "False", "TRUE"], "bool"),
        (["True", "", "false"], "boolean"),
        (["True", "1", "0"], "str"),
        (["007", "8", "x"], "str"),
        (["", "", "x"], "str"),
        (["inf", "-1e400", "0"], "float64"),
        (["9223372036854775808", "1", "2"], "str"),
        (["0.12345678901234567890", "1", ""], "str"),
        (["12345678901234.56789", "2.5", "3"], "str"),
        (["-1.23456789012345678e-7", "2.5", "3"], "str"),
        (["1.000000000000000056e-01", "0.5", "1.10"], "float64"),
        (["0.100000000000000005551115123126", "00.5e1", ""], "str"),
        (["0.100000000000000005551115123126", "", "1"], "float64"),
        (["0.00012345678901234567", "0.30000000000000004", "1.5000000000000000000"], "float64"),
        (["NA", "", "null"], "str"),
        (["NA", "NA", "NA"], "str"),
        (["DE", "NA", "None"], "str"),
        (["01234", "NA", "5"], "str"),
        (["NaN", "nan", ""], "float64"),
        (["1", "NA", "3"], "Int64"),
        (["1.5", "null", "NaN"], "float64"),
        (["True", "NA", "false"], "boolean"),
    ],
)
@pytest.mark.parametrize("block", [1, 10_000])
def test_a_dtype_holds_all_of_a_column_however_it_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: list[str], dtype: str, block: int
) -> None:
    for module in ("delimited", "delimited_columns"):
        monkeypatch.setattr(f"impasto.tables.read.{module}.BLOCK_ROWS", block)
    path = tmp_path / "t.csv"
    path.write_text("k,v\n" + "".join(f"x,{field}\n" for field in fields))
    assert dtypes(str(path))["v"] == dtype
    frames = [whole(str(path), size) for size in (1, 2, 3)]
    for frame in frames:
        assert_frame_equal(frame, frames[0])
    if dtype == "Int64":
        assert [None if pd.isna(v) else str(v) for v in frames[0]["v"]] == [
            None if field in {"", "NA"} else field for field in fields
        ]
    if dtype == "str":
        read = [value or None for value in fields]
        assert [None if pd.isna(v) else v for v in frames[0]["v"]] == read


def test_a_word_is_missing_among_numbers_and_text_among_texts(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    words = sorted(MISSING)
    rows = [f"{n},{word},{word},{word}" for n, word in enumerate(words)]
    path.write_text("n,text,number,truth\n" + "\n".join(["0,Namibia,7,True", *rows]) + "\n")
    assert pd.read_csv(path).count().tolist() == [1 + len(words), 1, 1, 1]
    found = whole(str(path), 5)
    assert found["text"].dropna().tolist() == ["Namibia", *filter(None, words)]
    assert found["number"].dropna().tolist() == [7]
    assert found["truth"].dropna().tolist() == [True]


def test_columns_whose_decimals_no_float_keeps_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c,d\n1,0.12345678901234567890,x,1.5\n2,,0.12345678901234567890,2\n")
    fact = "decimals have more digits than a float keeps, so 1 column is read as text: 'b'"
    assert plan_of(str(path)).warnings == (f"{path}: {fact}",)
    path.write_text("a\n1.10\n1.000000000000000056e-01\n")
    assert plan_of(str(path)).warnings == ()


def test_blank_lines_and_unnamed_or_repeated_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n,a,a\n\n0,1,2\n\n\n1,3,4")
    frame = whole(str(path), 1)
    assert frame.to_dict("list") == {"Unnamed: 0": [0, 1], "a": [1, 3], "a.1": [2, 4]}


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_fields_are_divided_where_the_file_divides_them(
    tmp_path: Path, name: str, delimiter: str
) -> None:
    path = tmp_path / name
    path.write_text(delimiter.join(["a", '"b;c,d"']) + "\n" + delimiter.join(["1", "2"]) + "\n")
    plan = plan_of(str(path))
    assert plan.table
    assert plan.table.columns == (("a", "int64"), ("b;c,d", "int64"))
    usual = {"t.csv": ",", "t.tsv": "\t"}[name]
    noted = (f"{path}: its fields are separated by {delimiter!r}",)
    assert plan.warnings == (() if delimiter == usual else noted)


@pytest.mark.parametrize("content", ["words\na;b\n", "a;b\nx\n", "a;b\n1;2;3\n", "a,b;c\n1,2\n"])
def test_one_column_stays_one_column(tmp_path: Path, content: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    header = content.partition("\n")[0]
    assert list(dtypes(str(path))) == header.split(",")
    assert plan_of(str(path)).warnings == ()


@given(st.lists(st.sampled_from(["", "a", "b", "a.1", "Unnamed: 0", "Unnamed: 1"]), min_size=1))
def test_columns_are_named_as_pandas_names_them(fields: list[str]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([fields, ["1"] * len(fields)])
    text.seek(0)
    names, repeated = named(fields)
    assert names == list(pd.read_csv(text))
    assert set(repeated) == {name for name in fields if name and fields.count(name) > 1}


def test_names_that_columns_or_fields_share_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,a\n1,2,3\n")
    assert plan_of(str(path)).warnings == (
        f"{path}: several columns are called 'a'; all but the first are numbered",
    )
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1, "b": {"c": 1, "c": 2}}\n{"a": 2, "a": 3}\n')
    assert plan_of(str(path)).warnings == (
        f"{path}: an object names 'c', 'a' more than once; the last value counts",
    )
    assert whole(str(path))["a"].tolist() == [1, 3]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("value", ["{}", "[{}]"])
def test_numbers_that_are_not_json_are_read_and_reported(
    tmp_path: Path, word: str, value: str
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(f'{{"a": {value.format(word)}, "b": "NaN Infinity"}}\n')
    said = "holds NaN or Infinity, which are not JSON; NaN is a missing value"
    assert plan_of(str(path)).warnings == (f"{path}: {said}",)
    (found,) = np.ravel(whole(str(path))["a"].tolist())
    assert str(found) == str(float(word))
    path.write_text('{"a": 1.5, "b": "NaN Infinity"}\n')
    assert plan_of(str(path)).warnings == ()


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"a,b\n1,2\n3\n", "line 3: has 1 fields, but the header has 2; "),
        (b'a,b\n"1\n",2\n3,4,5\n', "line 4: has 3 fields, but the header has 2; "),
        (b"a,b\n1,\xff\n", "line 2: is not UTF-8; "),
        (b'a,b\n1,2\n"3,4\n', "line 3: unexpected end of data; "),
        (b'a,b\n"x"y,2\n', "line 2: "),
        (b"a,b\r1,2\r", "line 1: "),
        (b"a\nx\n  \ny\n", "from line 2 on: "),
        (b"a,b\n", "holds no rows; "),
        (b"", "holds no rows; "),
    ],
)
def test_malformed_csv_is_refused_by_its_line(tmp_path: Path, content: bytes, fact: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        plan_of(str(path))
    assert str(caught.value).startswith(f"{path}: {fact}")
    assert "\n" not in str(caught.value)


def test_a_quote_that_is_never_closed_does_not_swallow_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.tables.read.delimited.LONGEST", 1000)
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,"2\n' + "3,4\n" * 1000)
    with pytest.raises(BadInput, match=r"line \d+: field larger than field limit"):
        plan_of(str(path))


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_floats_are_read_exactly(tmp_path: Path, values: list[float]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n0.5\n" + "".join(f"{value!r}\n" for value in values))
    assert list(whole(str(path))["a"]) == [0.5, *values]


# JSON lines.


def test_json_lines_keep_their_values(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    records: list[dict[str, Any]] = [
        {"i": 1, "f": 1, "s": "é\n\u2028", "b": True, "n": [1, {"x": None}], "m": 1, "z": None},
        {"i": 2, "f": 0.1, "s": "2", "b": False, "n": {}, "m": "1", "z": None, "late": 3},
        {"i": 3, "f": None, "s": None, "b": None, "n": "t", "m": None, "z": None},
    ]
    text = "\n\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    path.write_text("\ufeff" + text, encoding="utf-8")
    expected = {"i": "int64", "f": "float64", "s": "str", "b": "boolean", "n": "object"}
    assert dtypes(str(path)) == expected | {"m": "object", "z": "float64", "late": "Int64"}
    for size in (1, 2, 3):
        frame = whole(str(path), size)
        for n, record in enumerate(records):
            for name in map(str, frame):
                value, given_ = frame[name][n], record.get(name)
                assert (
                    given_ is None and not isinstance(value, list | dict) and pd.isna(value)
                ) or (value == given_)


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b'{"a": 1}\n\n{"a": }\n', "line 3: is not JSON; "),
        (b'{"a": 1}\n[1]\n', "line 2: is not a JSON object; "),
        (b'{"a": "\xff"}\n', "line 1: is not UTF-8; "),
        (b'{"a": "\\ud83d"}\n', "line 1: is not UTF-8; "),
        (b"[" * 100_000, "line 1: is not JSON; "),
        (b"\n\n", "holds no rows; "),
    ],
)
def test_malformed_json_lines_are_refused_by_their_line(
    tmp_path: Path, content: bytes, fact: str
) -> None:
    path = tmp_path / "t.ndjson"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        plan_of(str(path))
    assert str(caught.value).startswith(f"{path}: {fact}")


@pytest.mark.parametrize("shapes", [1, 1000])
def test_dtypes_of_json_lines_hold_every_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shapes: int
) -> None:
    monkeypatch.setattr("impasto.tables.read.jsonl.MOST_SHAPES", shapes)
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"long": 9223372036854775807, "longer": 1, "text": "1234567890123456789", "gone": 1}\n'
        '{"long": -9223372036854775808, "longer": 9223372036854775808, "text": "", "late": true}\n'
    )
    assert dtypes(str(path)) == {
        "long": "int64",
        "longer": "object",
        "text": "str",
        "gone": "Int64",
        "late": "boolean",
    }
    assert list(whole(str(path), 1)["longer"]) == [1, 2**63]


def test_json_lines_keep_integers_that_no_float_holds(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"id": 9007199254740993, "mixed": 9007199254740993}\n'
        '{"id": null, "mixed": 0.5}\n{"mixed": 1}\n'
    )
    assert dtypes(str(path)) == {"id": "Int64", "mixed": "object"}
    for size in (1, 2, 3):
        found = whole(str(path), size)
        assert found["id"].tolist() == [2**53 + 1, pd.NA, pd.NA]
        assert found["mixed"].tolist() == [2**53 + 1, 0.5, 1]


# Parquet.


@pytest.fixture
def parquet(tmp_path: Path) -> tuple[str, pd.DataFrame]:
    """Seven columns, with what is missing in one row group alone."""
    count = 100
    frame = pd.DataFrame(
        {
            "i": range(count),
            "holes": pd.array([None if n == 70 else 2**53 + n for n in range(count)], "Int64"),
            "b": [None if n == 5 else n % 2 == 0 for n in range(count)],
            "s": [None if n == 99 else f"é{n}" for n in range(count)],
            "t": pd.date_range("2020-01-01", periods=count, tz="UTC"),
            "c": pd.Categorical([f"k{n // 30}" for n in range(count)]),
            "l": [[n, n + 1] for n in range(count)],
        }
    )
    path = tmp_path / "t.parquet"
    frame.to_parquet(path, row_group_size=30)
    return str(path), frame


def test_parquet_reads_alike_in_every_shard(parquet: tuple[str, pd.DataFrame]) -> None:
    url, frame = parquet
    found = {name: dtype.partition("[")[0] for name, dtype in dtypes(url).items()}
    assert found == {
        "i": "int64",
        "holes": "Int64",
        "b": "boolean",
        "s": "str",
        "t": "datetime64",
        "c": "str",
        "l": "object",
    }
    for size in (7, 30, 1000):
        read = whole(url, size)
        assert list(read["i"]) == list(range(100))
        assert_series_equal(read["holes"], frame["holes"])
        assert read["b"].isna().sum() == 1
        assert list(read["c"]) == list(frame["c"])
        assert [list(pair) for pair in read["l"]] == list(frame["l"])
        assert (read["t"] == frame["t"]).all()


@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "uint64"])
def test_parquet_keeps_the_type_of_integers_some_of_which_are_missing(
    tmp_path: Path, kind: str
) -> None:
    name: Any = kind.replace("int", "Int").replace("u", "U")
    most = int(np.iinfo(kind).max)
    frame = pd.DataFrame(
        {
            "n": pd.Series([most, None, 0], dtype="object").astype(name),
            "all": np.array([1, 2, 3], kind),
        }
    )
    path = tmp_path / "t.parquet"
    frame.to_parquet(path, row_group_size=2)
    assert dtypes(str(path)) == {"n": name, "all": kind}
    assert_frame_equal(whole(str(path), 1), frame)


LONG = 2**53 + 1


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (pa.struct([("id", pa.int64())]), [{"id": LONG}, None, {"id": None}]),
        (pa.struct([("id", pa.uint64())]), [{"id": 2**64 - 1}, {"id": None}, {"id": 0}]),
        (pa.list_(pa.int64()), [[LONG, None], None, []]),
        (pa.list_(pa.int32()), [[1, None], [2], [3]]),
        (pa.list_(pa.list_(pa.int64())), [[[LONG, None], None], [[]], None]),
        (pa.list_(pa.int64(), 2), [[LONG, None], None, [1, 2]]),
        (pa.map_(pa.string(), pa.int64()), [[("a", LONG), ("b", None)], None, []]),
        (
            pa.struct([("x", pa.list_(pa.struct([("y", pa.int64())])))]),
            [{"x": [{"y": LONG}, {"y": None}, None]}, {"x": None}, None],
        ),
    ],
)
def test_parquet_keeps_integers_within_lists_and_structs(
    tmp_path: Path, kind: pa.DataType, cells: list[Any]
) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"n": [1, None, 3], "v": pa.array(cells, kind), "w": ["a", "b", None]})
    pq.write_table(table, path, row_group_size=2)
    assert dtypes(str(path)) == {"n": "Int64", "v": "object", "w": "str"}
    for size in (1, 2, 3):
        found = whole(str(path), size)["v"].tolist()
        assert repr(found) == repr(cells)


def test_lists_in_parquet_that_miss_no_integer_are_arrays(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"i": [[1, 2], [3]], "f": [[0.5, None], None]}), path)
    found = whole(str(path))
    assert [found["i"][0].dtype, found["f"][0].dtype] == ["int64", "float64"]


def test_shards_of_parquet_are_cut_between_row_groups(parquet: tuple[str, pd.DataFrame]) -> None:
    plan = plan_of(parquet[0], 28)
    assert [shard.start for shard in plan.shards] == [0, 30, 50, 75]
    assert all(shard.span is None for shard in plan.shards)


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    for content in (b"", b"words", b"PAR1" + bytes(100) + b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(BadInput) as caught:
            plan_of(str(path))
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


# All of them.


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("kind", places.KINDS)
def test_a_worker_reads_its_shard_of_a_table_wherever_it_lies(
    kind: str, suffix: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = places.backend_of(kind, request, monkeypatch)
    frame = pd.DataFrame({"n": range(5000), "text": [f"row {n}, " * 20 for n in range(5000)]})
    data = {
        ".csv": lambda: frame.to_csv(index=False).encode(),
        ".jsonl": lambda: frame.to_json(orient="records", lines=True).encode(),
        ".parquet": lambda: frame.to_parquet(row_group_size=700),
    }[suffix]()
    store = backend.open()
    store.put(f"in/t{suffix}", data)
    url = f"{backend.url}/in/t{suffix}"
    plan = plan_of(url, 1000, backend.stores)
    assert len(plan.shards) >= 5
    found = pd.concat(pieces(url, plan, backend.stores), ignore_index=True)
    assert_frame_equal(found, frame)
    facts = open_source(backend.stores, url).facts()
    assert (facts["rows"], facts["columns"]) == (5000, {"n": "int64", "text": "str"})
    store.put(f"in/t{suffix}", data)
    if kind in {"s3", "folder"}:
        return  # There the same content has the same etag.
    source = open_planned(backend.stores, url, plan)
    with pytest.raises(Changed, match="has changed since the job began"):
        list(source.read(plan, plan.shards[1], 1))


def test_a_shard_costs_its_own_bytes_alone(azurite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from impasto.storage import ranges

    backend = places.azure(monkeypatch, azurite)
    text = "n,text\n" + "".join(f"{n},{'x' * 90}\n" for n in range(60_000))
    backend.open().put("t.csv", text.encode())
    url = f"{backend.url}/t.csv"
    plan = plan_of(url, 6000, backend.stores)
    source = open_planned(backend.stores, url, plan)
    readers: list[ranges.RangeReader] = []
    made = ranges.RangeReader.__init__

    def spy(self: ranges.RangeReader, *args: Any) -> None:
        made(self, *args)
        readers.append(self)

    monkeypatch.setattr(ranges.RangeReader, "__init__", spy)
    rows = list(source.read(plan, plan.shards[4], 1))
    assert sum(len(each.frame) for each in rows if isinstance(each, Rows)) == 6000
    (reader,) = readers
    assert reader.fetched < 1.3 * len(text) / 10
    assert reader.requests <= 3


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_planning_and_reading_hold_a_few_blocks_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    for module in ("delimited", "delimited_columns", "jsonl"):
        monkeypatch.setattr(f"impasto.tables.read.{module}.BLOCK_ROWS", 500)
    path = tmp_path / f"t{suffix}"
    with path.open("w") as file:
        file.write("n,text\n" if suffix == ".csv" else "")
        for n in range(40_000):
            text = "x" * 500
            file.write(f"{n},{text}\n" if suffix == ".csv" else f'{{"n": {n}, "text": "{text}"}}\n')
    plan_of(str(path), 1)  # imports what is needed once
    tracemalloc.start()
    plan = plan_of(str(path), 40_000)
    source = open_planned(HERE, str(path), plan)
    count = sum(1 for _ in source.read(plan, plan.shards[0], 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 80
    assert peak < path.stat().st_size / 2


def test_shards_of_rows_are_of_one_size_but_for_the_last(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n" + "1\n" * 25)
    plan = plan_of(str(path), 10)
    assert [len(shard) for shard in plan.shards] == [10, 10, 5]
    spans = [shard.span for shard in plan.shards if shard.span]
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert (spans[0][0], spans[-1][1]) == (2, path.stat().st_size)


@pytest.mark.parametrize("fields", [{"output": "made"}, {"output": "made.mp4"}, {"start": 1}])
def test_what_rows_cannot_become_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    spec = JobSpec.model_validate(
        {"source": str(path), "output": "made.jsonl", "scorer": "script", **fields}
    )
    with pytest.raises(BadInput):
        planned(open_source(HERE, str(path), "rows"), spec)


def test_rows_come_from_one_table(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give the file or object itself"):
        open_source(HERE, f"{tmp_path}/*.csv")


@pytest.mark.parametrize("cell", ["{}", "{}.5", "", "0{}"])
def test_planning_and_reading_cost_little_for_each_column(tmp_path: Path, cell: str) -> None:
    spent = []
    for count in (200, 400, 800):
        path = tmp_path / f"{count}.csv"
        fields = [[cell.format(row + n) for n in range(count)] for row in range(3)]
        fields = [[f"c{n}" for n in range(count)], ["1"] * count, *fields]
        path.write_text("".join(",".join(row) + "\n" for row in fields))
        plan = plan_of(str(path))
        look, load = partial(plan_of, str(path)), partial(pieces, str(path), plan)
        spent.append((calls_of(look), calls_of(load)))
    for few, some, many in zip(*spent, strict=True):
        assert (many - some) / 400 < 350
        assert (many - some) / (some - few) < 3
