"""What was removed to free disk space."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from impasto.cli.render.text import json_line, note, say
from impasto.schema.words import plain, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.jobs.removal import Removal


def removals(found: Iterable[Removal], *, dry_run: bool, as_json: bool) -> None:
    """Print what is removed, one line each, and the sum; or one JSON line each.

    Args:
        found: what it is.
        dry_run: whether nothing is removed.
        as_json: whether to print for a program.
    """
    kinds: Counter[str] = Counter()
    total = 0
    for each in found:
        if as_json:
            fields = {"kind": each.kind, "name": each.name, "bytes": each.bytes}
            fields |= {"count": each.count} if each.kind == "record" else {}
            json_line({**fields, "kept": each.kept, "removed": not (dry_run or each.kept)})
            continue
        if each.kept:
            stays = "records {} stay" if each.kind == "record" else f"{each.kind} {{}} stays"
            note(f"{stays.format(each.name)}: {each.kept}")
            continue
        kinds[each.kind] += each.count
        total += each.bytes
        verb = "would remove" if dry_run else "removed"
        many = f"{each.count:,} " if each.kind == "record" else ""
        kind = f"{many}{each.kind}{'s' if each.count > 1 else ''}"
        say(f"{verb} {size(each.bytes):>8}  {kind} {plain(each.name)}")
    if as_json:
        return
    if not kinds:
        say("nothing to remove")
        return
    counts = [f"{count:,} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items()]
    say(f"{'would free' if dry_run else 'freed'} {size(total)}: {', '.join(counts)}")
