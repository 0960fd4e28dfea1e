"""Delivery of the user's output, atomically to a local path, or to objects of a store.

An object appears atomically, but a folder of objects cannot. So a delivery to a store is noted in
the job when it begins and again when it ends: what is at the output in between is the job's own,
and the next run continues with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.outputs.delivery.to_folder import ToFolder
from impasto.outputs.delivery.to_store import ToStore

if TYPE_CHECKING:
    from impasto.jobs.job import Job
    from impasto.outputs.delivery.base import Delivery
    from impasto.schema.url import Url
    from impasto.storage.stores import Stores


def open_delivery(stores: Stores, job: Job, output: Url) -> Delivery:
    """Prepare the delivery of a job's output to a place."""
    return ToFolder(job, output) if output.local else ToStore(stores, job, output)
