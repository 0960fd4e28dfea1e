"""Tables that are looked at many records at a time give what a record at a time gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from impasto.errors import BadInput
from impasto.schema.job import JobSpec
from impasto.sources.item import Rows
from impasto.sources.open import open_planned, open_source
from impasto.storage.stores import Stores
from impasto.tables.read import delimited, delimited_columns, jsonl, jsonl_columns
from support.planned import planned

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.plan import Plan

HERE = Stores({})
EXAMPLES = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def plan_and_rows(path: Path, size: int) -> tuple[Plan | str, list[pd.DataFrame]]:
    """A table's plan and pieces, or the error that refuses it."""
    spec = JobSpec(source=str(path), output="made.jsonl", scorer="script", shard_frames=size)
    try:
        plan = planned(open_source(HERE, str(path), "rows"), spec)
    except BadInput as error:
        return str(error), []
    source = open_planned(HERE, str(path), plan)
    pieces = [rows for shard in plan.shards for rows in source.read(plan, shard, 1)]
    return plan, [rows.frame for rows in pieces if isinstance(rows, Rows)]


def check_alike(path: Path, size: int, block: int, ahead: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (delimited, delimited_columns, jsonl):
            patch.setattr(module, "BLOCK_ROWS", block)
        for module in (delimited, jsonl):
            patch.setattr(module, "AHEAD", ahead)
        patch.setattr(jsonl, "ROWS", block)
        plan, frames = plan_and_rows(path, size)
        patch.setattr(delimited, "record_ends", lambda *_: None)
        patch.setattr(jsonl, "kinds_of", lambda *_: None)
        patch.setattr(jsonl, "frame_of", lambda *_: None)
        careful, expected = plan_and_rows(path, size)
    assert plan == careful
    assert len(frames) == len(expected)
    for frame, other in zip(frames, expected, strict=True):
        assert_frame_equal(frame, other, check_exact=True)


PARTS = [
    b"a",
    b"1",
    b"2.5",
    b"01",
    b"9007199254740993",
    b"-7",
    b"True",
    b"",
    b"NA",
    b"nan",
    b"0.12345678901234567890",
    b"inf",
    b" ",
    b"9223372036854775808",
]
QUOTED = [b'"a,b"', b'"two\nlines"', b'""', b'"say ""so"""', b'"\r\n"', "é".encode()]
ODD = [b'x"y', b'"x"y', b' "a"', b'"', b"\xff", b"\r", b'"\r"', b"\0", b"1,2", b"\n"]


def a_row(*kinds: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    return st.lists(
        st.sampled_from([field for kind in kinds for field in kind]), min_size=2, max_size=2
    )


@EXAMPLES
@given(
    st.lists(a_row(PARTS, QUOTED), max_size=12),
    st.lists(a_row(PARTS, QUOTED, ODD), max_size=2),
    st.lists(a_row(PARTS), max_size=4),
    st.sampled_from([b"\n", b"\r\n", b"\n\n"]),
    st.booleans(),
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 80)),
)
def test_csv_is_planned_and_read_alike_in_blocks(
    tmp_path: Path,
    plain: list[list[bytes]],
    odd: list[list[bytes]],
    last: list[list[bytes]],
    end: bytes,
    ended: bool,
    sizes: tuple[int, int, int],
) -> None:
    path = tmp_path / "t.csv"
    rows = [b",".join(row) for row in ([b"one", b"two"], *plain, *odd, *last)]
    path.write_bytes(end.join(rows) + end * ended)
    check_alike(path, *sizes)


@EXAMPLES
@given(
    st.binary(max_size=40).map(lambda data: bytes(b'ab1,,""\n\n\r '[n % 11] for n in data)),
    st.integers(1, 3),
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 20)),
)
@example(b'"a\n",\n', 1, (1, 1, 1))
def test_any_bytes_as_csv_are_taken_or_refused_alike_in_blocks(
    tmp_path: Path, data: bytes, width: int, sizes: tuple[int, int, int]
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b",".join([b"h"] * width) + b"\n" + data)
    check_alike(path, *sizes)


NUMBERS = st.one_of(
    st.integers(-(2**64), 2**64),
    st.integers(-3, 3),
    st.floats(),
    st.sampled_from([2**63, 2**63 - 1, -(2**63), -(2**63) - 1, 2.0**63, 1e300, 2**53, 2**53 + 1]),
)
WORDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.sampled_from(["2024-01-01", "2024-01-01T00:00:00Z", "Inf", ", NaN", "} {", "😀", "\x00"]),
)
NESTED = st.sampled_from([[], [1], ["x"], {}, {"b": 1}, {"b": [1.5, None]}, [2**63], [1, "x"]])
COLUMNS: list[st.SearchStrategy[Any]] = [
    st.integers(-3, 3),
    NUMBERS,
    WORDS,
    st.booleans(),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.floats(width=64)),
    NESTED,
    st.one_of(NUMBERS, WORDS, NESTED, st.none()),
]
RECORDS = st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4).flatmap(
    lambda columns: st.lists(
        st.fixed_dictionaries(
            {"a": columns[0]},
            optional={f"{chr(233)}{n}": column for n, column in enumerate(columns[1:])},
        ),
        max_size=12,
    )
)
BROKEN = [
    b"[1]",
    b'{"a": 1} {"a": 2}',
    b'{"a": [{}',
    b"{}]}",
    b'{"a": -NaN}',
    b'{"a": Inf}',
    b'{"a": [Inf]}',
    b'{"a": 1, "a": "x"}',
    b'{"a": "\\ud83d"}',
    b'{"a": "\\udc00"}',
    b'{"a": "\\ud83d\\ude00"}',
    b'{"a": "\xff"}',
    b'{"a": "\xed\xa0\xbd"}',
    b'{"a": 1e999}',
    b'{"a": 0.1234567890123456789012345}',
    b'\xef\xbb\xbf{"a": 1}',
    b" \t",
    b"\x0c",
    b'{"a": 1}\x0c',
    b'  {"a": 1}\t',
    b'{"a":' * 600 + b"1" + b"}" * 600,
    b'{"a":' + b"[" * 100_000,
]


@EXAMPLES
@given(
    RECORDS,
    st.lists(st.sampled_from(BROKEN), max_size=1),
    RECORDS,
    st.booleans(),
    st.sampled_from([b"\n", b"\r\n", b"\n \n"]),
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 80)),
)
@example([], BROKEN[2:4], [], True, b"\n", (1, 2, 80))
def test_json_lines_are_planned_and_read_alike_in_blocks(
    tmp_path: Path,
    first: list[dict[str, Any]],
    broken: list[bytes],
    last: list[dict[str, Any]],
    ascii_alone: bool,
    end: bytes,
    sizes: tuple[int, int, int],
) -> None:
    path = tmp_path / "t.jsonl"

    def written(records: list[dict[str, Any]]) -> list[bytes]:
        return [json.dumps(record, ensure_ascii=ascii_alone).encode() for record in records]

    path.write_bytes(end.join([*written(first), *broken, *written(last)]))
    check_alike(path, *sizes)


def test_plain_tables_are_never_looked_at_record_by_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(delimited, "AHEAD", 1000)
    add = delimited_columns.Columns.add
    monkeypatch.setattr(delimited_columns.Columns, "add", spy := Counted(add))
    monkeypatch.setattr(jsonl, "_object", refuse)
    frame = pd.DataFrame(
        {
            "n": range(1000),
            "when": [f"2024-01-{1 + n % 28:02}" for n in range(1000)],
            "text": [f'"{n}",\nInfo é' * (n % 7) for n in range(1000)],
            "x": [None if n % 9 == 0 else n / 7 for n in range(1000)],
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    for name in ("t.csv", "t.jsonl"):
        plan, pieces = plan_and_rows(tmp_path / name, 300)
        assert not isinstance(plan, str)
        found = pd.concat(pieces, ignore_index=True)
        assert_frame_equal(found[["n", "when"]], frame[["n", "when"]])
        assert list(found["text"].fillna("")) == list(frame["text"])
    assert spy.calls < 200


class Counted:
    """A method that counts its calls."""

    def __init__(self, method: Any) -> None:
        self.method, self.calls = method, 0

    def __get__(self, owner: Any, kind: type) -> Any:
        def call(*args: Any) -> Any:
            self.calls += 1
            return self.method(owner, *args)

        return call


def test_columns_of_one_record_each_take_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(f'{{"k{n}": {n}}}\n' for n in range(3000)))
    spec = JobSpec(source=str(path), output="made.jsonl", scorer="script")
    plan = planned(open_source(HERE, str(path), "rows"), spec)
    assert plan.table
    assert plan.table.columns == tuple((f"k{n}", "Int64") for n in range(3000))


def test_values_that_workers_read_may_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"n": 1}\n{"n": 2}\n')
    _, (frame,) = plan_and_rows(path, 10)
    frame.loc[0, "n"] = 5
    frame["n"] += 1
    assert list(frame["n"]) == [6, 3]
    assert jsonl_columns.frame_of([b'{"n": 1}'], (("n", "int64"),)) is not None
