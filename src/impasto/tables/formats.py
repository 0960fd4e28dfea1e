"""Formats of tables and of records, by their names' endings."""

from __future__ import annotations

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
RECORDS = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".txt")


def is_table(name: str) -> bool:
    """Return whether a file is a table, judged by its name."""
    return name.lower().endswith(TABLES)
