"""Jobs that are submitted for a watcher of their home: written, and driven by nobody yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.driver.assembling import standing
from impasto.driver.handover import HandOver, check_running, refuse_local, refuse_other_output
from impasto.driver.open_job import OpenJob
from impasto.driver.pinning import absolute, named_urls, refuse_any_signature, travelling
from impasto.driver.submit import submit
from impasto.jobs.presence import drivers
from impasto.jobs.state import last_word
from impasto.jobs.waiting import leave
from impasto.schema.events import Detached
from impasto.schema.url import is_local
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from impasto.schema.job import JobSpec
    from impasto.settings import Settings


def detach(spec: JobSpec, settings: Settings) -> HandOver:
    """Submit a job for a watcher of its home; nothing runs, and nobody else is asked.

    Raises:
        BadInput: the request or the source is wrong, or a watcher could not do it: a signature in a
            URL never leaves this process, and watchers of a home in a store may be anywhere.
        Unavailable: the store does not answer.
    """
    refuse_any_signature(spec, settings, "for a watcher")
    if not is_local(settings.home):
        refuse_local(named_urls(spec, settings), "where a watcher of that home may not be")
    stores = Stores.of(settings, spec)
    pinned = absolute(spec, stores, settings.home)
    opened = OpenJob(travelling(pinned, stores, settings.home), settings, stores)
    job = submit(opened)
    spec = opened.spec
    if standing(opened):
        return HandOver("done", job.id, spec.output)
    listing = job.listing()
    if drivers(job.folder, listing):
        ignored = check_running(job, spec)
        return HandOver("already running", job.id, spec.output, ignored=ignored)
    waits = isinstance(last_word(job, listing), Detached) and not job.notes.cancelled()
    known = job.spec()
    if waits:
        refuse_other_output(job, known, spec, "submitted")
    if known != spec:
        # A driver elsewhere learns the spec only from here.
        job.replace_spec(spec)
    if job.result():
        # Its output is gone, and is made again.
        job.reopen()
    if not waits:
        job.notes.uncancel()
        leave(job)
    return HandOver("already submitted" if waits else "submitted", job.id, spec.output)
