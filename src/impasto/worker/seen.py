"""A look whether a worker's machine sees what the driver sees."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from impasto.errors import Unavailable
from impasto.schema.url import parse
from impasto.sources.patterns import WILD

if TYPE_CHECKING:
    from impasto.jobs.job import Job
    from impasto.worker.task import Task


def check_seen(task: Task, job: Job) -> None:
    """Refuse a machine that does not see what the driver sees; raises Unavailable.

    It would score its shards, and nobody would ever find the results.
    """
    home, source = task.home, parse(task.spec.source)
    if not job.exists():
        raise Unavailable(
            f"`home={home}`: holds no job {job.id} on {socket.gethostname()}",
            "name a home that every machine sees, in a store or on a shared disk",
        )
    if source.local and not WILD.search(source.key) and not source.path.exists():
        raise Unavailable(
            f"source {source}: is not on {socket.gethostname()}",
            "copy it to where every machine sees it: `impasto cp`",
        )
