"""Records: what a scorer says of an item, as lines of JSON, and files made of them.

A job's records are segments of JSON lines, an object a record, its item first:

    {"item": "photos/7.jpg", "label": "cat", "score": 0.93}
"""

from __future__ import annotations

from impasto.tables.write.assemble import SUFFIXES, Segment, assemble
from impasto.tables.write.jsonl import ITEM, line, read

__all__ = ["ITEM", "SUFFIXES", "Segment", "assemble", "line", "read"]
