"""What a job relies on while it runs, checked again at its end, and when it fails.

A source that was replaced, or a temporary folder that was removed, shows up as any error of a
decoder or a worker. What is said then is the cause.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from tempfile import gettempdir
from typing import TYPE_CHECKING

from impasto.errors import Missing
from impasto.sources.listed import Listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from impasto.driver.ledger import Ledger
    from impasto.driver.open_job import OpenJob


@dataclass(frozen=True, slots=True)
class Upheaval:
    """What has changed under a job since it began.

    Attributes:
        fact: what.
        remedy: what undoes it.
        stale: shards that are done, and may hold something of what came instead.
    """

    fact: str
    remedy: str
    stale: frozenset[int] = frozenset()


def upheaval(opened: OpenJob, ledger: Ledger) -> Upheaval | None:
    """Return what has changed under a job since it began, or None.

    Raises:
        BadInput, Unavailable: the source cannot be looked at.
    """
    try:
        fresh = opened.fresh_source()
        changed = opened.changed(fresh)
    except Missing as error:
        return Upheaval(error.fact, "put it back", _stale(opened, ledger, None))
    if changed:
        found = fresh.found.etags if isinstance(fresh, Listed) else None
        remedy = "put back what the job began with"
        return Upheaval(changed, remedy, _stale(opened, ledger, found))
    folder = gettempdir()
    if not os.access(folder, os.W_OK | os.X_OK):
        return Upheaval(f"{folder}: the temporary folder is gone", "create it again, or set TMPDIR")
    return None


def _stale(opened: OpenJob, ledger: Ledger, found: Mapping[str, str] | None) -> frozenset[int]:
    """Return the done shards that may have read what came instead.

    Of a video or a table there are none, since workers check the version of the file.

    Args:
        opened: the job.
        ledger: its shards.
        found: the etags of the source's objects now; None where they cannot be listed.
    """
    if not isinstance(opened.source, Listed):
        return frozenset()
    before = opened.source.found.etags
    now = before if found is None else found
    other = {
        shard.index
        for shard in ledger.plan.shards
        if any(now.get(name) != before.get(name) for name in shard.names)
    }
    failed = {record.shard for record in ledger.records if record.failed}
    return frozenset(failed | other & {record.shard for record in ledger.records})
