"""Large arrays in lines of JSON, and as columns of Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from impasto.tables.write import jsonl
from impasto.tables.write.assemble import assemble
from impasto.tables.write.packed import LARGE, MARK, pack, size, told, unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def column(tmp_path: Path, *values: Any) -> pa.ChunkedArray:
    """The column of a Parquet file whose records hold these values."""
    segment = tmp_path / "s.jsonl"
    segment.write_bytes(b"".join(jsonl.line(n, pack({"x": v})) for n, v in enumerate(values)))
    assemble(tmp_path / "out.parquet", [segment], ".parquet")
    return pq.read_table(tmp_path / "out.parquet")["x"]


def counted(*shape: int, kind: str) -> NDArray[Any]:
    return np.arange(np.prod(shape)).reshape(shape).astype(kind)


@pytest.mark.parametrize("kind", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
def test_every_type_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    array = counted(150, 80, kind=kind)
    made = column(tmp_path, array)
    assert made.type == pa.list_(pa.list_(pa.from_numpy_dtype(np.dtype(kind))))
    np.testing.assert_array_equal(np.array(made[0].as_py()), array)


def test_other_byte_orders_and_strides_are_packed_by_their_values(tmp_path: Path) -> None:
    array = counted(40, 70, kind=">f8")[::-1, ::2]
    np.testing.assert_array_equal(np.array(column(tmp_path, array)[0].as_py()), array)


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    made = column(tmp_path, counted(90, 90, kind="f2"))
    assert made.type == pa.list_(pa.list_(pa.float32()))


def test_shapes_may_differ_and_items_may_lack_theirs(tmp_path: Path) -> None:
    arrays = [counted(3, 2000, 2, kind="f4"), None, counted(1, 60, 50, kind="f4")]
    made = column(tmp_path, *arrays).to_pylist()
    assert made[1] is None
    for array, back in zip(arrays, made, strict=True):
        if array is not None:
            np.testing.assert_array_equal(np.array(back), array)


def test_small_and_large_arrays_of_one_column_share_a_type(tmp_path: Path) -> None:
    small, large = counted(3, kind="f4") / 7, counted(4000, kind="f4")
    made = column(tmp_path, small, large)
    assert made.type == pa.list_(pa.float64())
    np.testing.assert_array_equal(np.array(made[0].as_py(), "f4"), small)
    np.testing.assert_array_equal(np.array(made[1].as_py()), large)


def test_whole_numbers_and_floats_are_floats_where_these_hold_them(tmp_path: Path) -> None:
    assert column(tmp_path, [0.5], counted(20_000, kind="u1")).type == pa.list_(pa.float64())
    assert column(tmp_path, [1], counted(20_000, kind="u1")).type == pa.list_(pa.int64())
    long = np.full(2000, (1 << 53) + 1)
    assert column(tmp_path, long).type == pa.list_(pa.int64())
    # A float would alter it, so both are text.
    assert column(tmp_path, [0.5], long).type == pa.string()


def test_a_missing_number_stays_one(tmp_path: Path) -> None:
    array = np.full(4000, np.nan, "f4")
    assert all(np.isnan(column(tmp_path, array)[0].as_py()))
    assert column(tmp_path, [0.5], array)[1].as_py() == [None] * 4000


def test_small_arrays_and_texts_stay_readable() -> None:
    small, words = np.zeros(LARGE // 4, "f4"), np.array(["x" * 3000])
    record = {"small": small, "words": words, "label": "cat"}
    assert pack(record) == record
    assert size({"a": [small, {"b": small}], "c": "text"}) == 2 * small.nbytes


@pytest.mark.parametrize(
    "hostile",
    [
        {MARK: "O", "shape": [1], "data": "AAAAAAAAAAA="},
        {MARK: "<f4", "shape": [1 << 40], "data": "AAAAAA=="},
        {MARK: "<f4", "shape": [-1], "data": "AAAAAA=="},
        {MARK: "<f4", "shape": [], "data": "AAAAAA=="},
        {MARK: "<f4", "shape": [1], "data": "not base64"},
        {MARK: "<f4", "shape": [1], "data": 4},
        {MARK: ["<f4"], "shape": [1], "data": "AAAAAA=="},
    ],
)
def test_what_only_looks_packed_is_left_as_it_is(hostile: dict[str, Any]) -> None:
    assert unpacked(hostile) is None
    assert told(hostile) is hostile


def test_people_see_what_an_array_is() -> None:
    assert told(pack({"x": counted(50, 80, kind="f4")})["x"]) == "float32 array of 50 x 80"
