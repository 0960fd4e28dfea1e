"""Formats of tables and of records, by their names' endings."""

from __future__ import annotations

from importlib.util import find_spec

from impasto.errors import BadInput

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
RECORDS = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".txt")

ARRAYS = {"npy": ".npy", "npz": ".npz"}
"""Suffixes of files of arrays, by the format that asks for them."""


def is_table(name: str) -> bool:
    """Return whether a file is a table, judged by its name."""
    return name.lower().endswith(TABLES)


def require(name: str) -> None:
    """Raise BadInput if a file of records needs a package that is not installed."""
    if name.lower().endswith(".parquet") and not find_spec("pyarrow"):
        raise BadInput(f"{name}: needs pyarrow", "run pip install 'impasto[tables]'")
