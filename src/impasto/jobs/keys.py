"""The keys of a job's objects: whatever else lies in a home is not Impasto's, and passed over."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

JOB = re.compile(r"[0-9a-f]{12}")
"""A job's id, which is the name of its folder."""
DRIVER = re.compile(r"drivers/[0-9a-f]{8}\.json")
LOG = re.compile(r"logs/\d{8}T\d{6}\.\d{9}-[0-9a-f]{8}\.jsonl")

Which: TypeAlias = Literal["source", "scored"]
"""An item before and after it was scored."""

_DONE = re.compile(r"done/(\d{5,9})\.json")
_FAILED = re.compile(r"failed/(\d{5,9})-\d{1,9}\.json")
_BASE = re.compile(r"bases/(\d{5,9})\.json")
_WHICH: dict[str, Which] = {"source": "source", "scored": "scored"}
_PREVIEW = re.compile(r"previews/(\d{8,15})-(source|scored)\.jpg")


def done_key(shard: int) -> str:
    """Return the key of a shard's done record."""
    return f"done/{shard:05d}.json"


def failed_key(shard: int, attempt: int) -> str:
    """Return the key of the record of a failed attempt."""
    return f"failed/{shard:05d}-{attempt}.json"


def base_key(shard: int) -> str:
    """Return the key of the record on which a shard's next attempt builds."""
    return f"bases/{shard:05d}.json"


def done_shard(key: str) -> int | None:
    """Return the shard whose done record has this key, or None if it is no such key."""
    return _shard(_DONE, key)


def failed_shard(key: str) -> int | None:
    """Return the shard that a failed attempt's record with this key is of, or None."""
    return _shard(_FAILED, key)


def base_shard(key: str) -> int | None:
    """Return the shard whose base has this key, or None if it is no such key."""
    return _shard(_BASE, key)


def preview_key(item: int, which: Which) -> str:
    """Return the key of a picture that a worker left of an item while it scored."""
    return f"previews/{item:08d}-{which}.jpg"


def previewed(key: str) -> tuple[int, Which] | None:
    """Return the item, and which picture of it has this key, or None if it is no such key."""
    match = _PREVIEW.fullmatch(key)
    if match is None:
        return None
    item, which = int(match[1]), _WHICH[match[2]]
    # Another spelling of the same item is none of Impasto's.
    return (item, which) if preview_key(item, which) == key else None


def _shard(pattern: re.Pattern[str], key: str) -> int | None:
    match = pattern.fullmatch(key)
    return int(match[1]) if match else None
