"""Formats of tables and of records, by their names' endings."""

from __future__ import annotations

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
RECORDS = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".txt")


def is_table(name: str) -> bool:
    """Tell by its name whether a file is a table."""
    return name.lower().endswith(TABLES)
