"""Whether a record that is read back belongs where it is: under its key, and to its plan.

That every field is within its bounds is checked as it is read (`impasto.schema.base.read`).
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from impasto.media.formats import WRITABLE
from impasto.tables.formats import ARRAYS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.schema.outcome import Done, Failed
    from impasto.schema.plan import OutputKind, Plan, Shard

_SEGMENT = re.compile(r"segments/(\d{5,9})-[0-9a-f]{1,32}(/|\.mp4|\.mov|\.mkv|\.jsonl)")
_ENDINGS = {
    "video": (".mp4", ".mov", ".mkv"),
    "records": (".jsonl",),
    "image": ("/",),
    "folder": ("/",),
    "arrays": ("/",),
    "files": ("/",),
}
"""What the name of a segment may end in, by what is made."""


def fits(record: Done, shard: Shard, output: OutputKind) -> bool:
    """Return whether a done record can be one of this shard.

    Args:
        record: the record.
        shard: the shard that its key names.
        output: what the job makes.
    """
    failed = [error.item for error in record.failed]
    return (
        record.shard == shard.index
        and _segment_fits(record, output)
        # Workers count every item: also one that is set aside, concealed or taken from a base.
        and record.items == len(shard)
        and record.failed_batches <= len(failed)
        and record.repeated <= record.items
        and all(count <= record.items for count in record.missing.values())
        and _within(shard, failed)
        and _within(shard, record.concealed)
        and _names_fit(record, shard, output)
    )


def failed_fits(record: Failed, shard: Shard) -> bool:
    """Return whether a record of a failed attempt can be one of this shard."""
    return record.shard == shard.index and _within(shard, record.items, repeated=True)


def plan_fits(plan: Plan) -> bool:
    """Return whether a plan has work to do, and outputs that can be written."""
    names = (name for shard in plan.shards for name in shard.outputs)
    known = ARRAYS.values() if plan.output == "arrays" else WRITABLE
    return bool(plan.shards) and all(PurePath(n).suffix.lower() in known for n in names)


def _segment_fits(record: Done, output: OutputKind) -> bool:
    match = _SEGMENT.fullmatch(record.segment)
    if match is None:
        return False
    return int(match[1]) == record.shard and match[2] in _ENDINGS[output]


def _within(shard: Shard, items: Iterable[int], *, repeated: bool = False) -> bool:
    """Return whether all are items of a shard, each named once unless they may be repeated."""
    listed = list(items)
    inside = all(shard.start <= item < shard.stop for item in listed)
    return inside and (repeated or len(set(listed)) == len(listed))


def _names_fit(record: Done, shard: Shard, output: OutputKind) -> bool:
    """Return whether the names are those of a shard; only a failed item may lack its file."""
    if len(set(record.names)) < len(record.names):
        return False
    match output:
        case "files":
            return True
        case "image" | "folder" | "arrays":
            scored = {*range(shard.start, shard.stop)} - {error.item for error in record.failed}
            wanted = {shard.outputs[item - shard.start] for item in scored}
            return wanted <= {*record.names} <= {*shard.outputs}
        case _:
            return not record.names
