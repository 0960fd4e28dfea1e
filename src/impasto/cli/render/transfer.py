"""Listings, copies and deletions."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from impasto.cli.render.text import json_line, objects, say
from impasto.cli.render.wording import worded
from impasto.errors import ImpastoError
from impasto.schema.words import clock, plain, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.storage.transfer.listing import Entry
    from impasto.storage.transfer.tasks import Tally


def listing(entries: Iterable[Entry], *, as_json: bool) -> None:
    """Print what a URL holds, as it arrives, and the total; or one JSON line per entry."""
    count = total = 0
    for entry in entries:
        stat, moment = entry.stat, ""
        if stat:
            count, total = count + 1, total + stat.size
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(stat.modified))
        if as_json:
            json_line(
                {
                    "url": entry.url,
                    "size": stat.size if stat else None,
                    "modified": f"{moment.replace(' ', 'T')}Z" if stat else None,
                    "etag": stat.etag if stat else None,
                }
            )
        else:
            width = size(stat.size) if stat else ""
            sys.stdout.write(f"{width:>9}  {moment:19}  {plain(entry.name)}\n")
    if not as_json:
        say(f"{objects(count)}, {size(total)}")


def moved(
    tally: Tally,
    target: str | None,
    error: ImpastoError | None = None,
    *,
    as_json: bool,
    quiet: bool = False,
) -> None:
    """Print how a copy to a target ended, or a deletion: one JSON line, or one for people."""
    own = tally.done - tally.resumed
    if as_json:
        line: dict[str, object] = {"objects": tally.changed, "skipped": tally.skipped}
        line |= {"failed": tally.failed, "bytes": own if target else None}
        line |= {"seconds": round(tally.seconds, 3)}
        failure = {"error": worded(str(error)), "exit_code": error.exit_code} if error else {}
        json_line({**line, **failure})
    elif not (quiet or error):
        words = f"{plain(target)}: " if target else ""
        words += f"{objects(tally.changed)} {'copied' if target else 'deleted'}"
        words += f", {size(own)}" if target else ""
        if tally.changed:
            words += f" in {clock(tally.seconds)}"
        if target and own and tally.seconds >= 1:
            words += f", {size(round(own / tally.seconds))}/s"
        say(words + (f", {tally.skipped} there already" if tally.skipped else ""))
