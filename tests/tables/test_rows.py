from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from impasto.tables.write import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = {"item": int, "name": str, "ms": float}
ROWS = [(n, f"a {n}, \ud800", None if n == 1 else n / 2) for n in range(5)]
DICTS = [dict(zip(FIELDS, row, strict=True)) for row in ROWS]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BLOCK", 2)


def whole(suffix: str, given: list[tuple[object, ...]] | None = None) -> bytes:
    found = ROWS if given is None else given
    return b"".join(rows.written(found, FIELDS, suffix))


def test_rows_are_json() -> None:
    assert json.loads(whole(".json")) == DICTS
    assert [json.loads(line) for line in whole(".jsonl").splitlines()] == DICTS
    assert (json.loads(whole(".json", [])), whole(".jsonl", [])) == ([], b"")


def test_rows_are_csv() -> None:
    found = list(csv.DictReader(io.StringIO(whole(".csv").decode())))
    assert found[1] == {"item": "1", "name": "a 1, \\ud800", "ms": ""}
    assert len(found) == 5


def test_rows_are_parquet() -> None:
    found = pq.read_table(io.BytesIO(whole(".parquet"))).to_pylist()
    assert found == [row | {"name": str(row["name"]).replace("\ud800", "?")} for row in DICTS]
    empty = pq.read_table(io.BytesIO(whole(".parquet", [])))
    assert (empty.num_rows, empty.column_names) == (0, [*FIELDS])


@pytest.mark.parametrize("suffix", rows.SUFFIXES)
def test_rows_are_written_while_they_are_read(suffix: str) -> None:
    taken: list[int] = []

    def source() -> Iterator[tuple[object, ...]]:
        for row in ROWS:
            taken.append(row[0])
            yield row

    pieces = rows.written(source(), FIELDS, suffix)
    while len(taken) < 2:
        next(pieces)
    assert len(taken) == 2
