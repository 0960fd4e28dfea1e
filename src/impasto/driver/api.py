"""Run a job: the calls that every face of Impasto makes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from impasto.driver.loop import Run
from impasto.driver.open_job import OpenJob, open_job
from impasto.driver.reporter import Reporter
from impasto.driver.submit import submit
from impasto.driver.tracing import JobTrace
from impasto.errors import ImpastoError, Interrupted, StoppedAtOnce
from impasto.jobs.job import Job
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Result
from impasto.settings import Settings, load

if TYPE_CHECKING:
    from impasto.engines.warm import WarmWorkers
    from impasto.schema.progress import OnProgress


def run(
    spec: JobSpec,
    *,
    settings: Settings | None = None,
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
    warm: WarmWorkers | None = None,
) -> Result:
    """Run a job, or resume it where an earlier call stopped.

    Args:
        spec: what to do.
        settings: where the job lives and how it runs; None reads the environment.
        on_progress: called in this thread as items are written.
        stop: once set, the running shards are finished, and `Interrupted` is raised unless they
            were the last ones.
        warm: keeps workers of the local engine, with their scorers loaded, from one job to the
            next; None ends them with the job.

    Returns:
        The result, once the output is complete and in place.

    Raises:
        BadInput: the request or the source is wrong.
        Incomplete: shards or too many items failed; what is done is kept.
        Unavailable: the store, the disk or the device does not answer.
        Interrupted: ``stop`` was set, or the job was cancelled.
    """
    opened = open_job(spec, settings or load())
    submit(opened)
    return finish_open(opened, on_progress=on_progress, stop=stop, warm=warm)


def finish(
    job: Job,
    spec: JobSpec | None = None,
    *,
    settings: Settings | None = None,
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
    retry: bool = False,
    as_submitted: bool = False,
    accept_changes: bool = False,
    warm: WarmWorkers | None = None,
) -> Result:
    """Finish what is left of a job; raises what `run` does.

    Args:
        job: a submitted job.
        spec: what to do; None takes the job's own, which holds no signatures of URLs. It may
            differ from that only in where files are and how many items may fail.
        settings: as for `run`.
        on_progress: as for `run`.
        stop: as for `run`.
        retry: whether to try what failed and nothing else, also in a finished job.
        as_submitted: whether an earlier cancellation remains in force; otherwise it is withdrawn.
        accept_changes: whether scripts, models and weights may have changed; what is scored from
            now on is scored by the new ones, and the job notes it.
        warm: as for `run`.
    """
    opened = open_job(spec or job.spec(), settings or load(), job)
    return finish_open(
        opened,
        on_progress=on_progress,
        stop=stop,
        retry=retry,
        as_submitted=as_submitted,
        accept_changes=accept_changes,
        warm=warm,
    )


def finish_open(
    opened: OpenJob,
    *,
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
    retry: bool = False,
    as_submitted: bool = False,
    accept_changes: bool = False,
    warm: WarmWorkers | None = None,
) -> Result:
    """Finish what is left of an open job; takes and raises what `finish` does."""
    job = opened.job
    ignore: OnProgress = lambda _: None  # noqa: E731 (a typed default)
    if as_submitted and job.notes.cancelled():
        raise Interrupted(f"job {job.id}: was cancelled", job=job.id)
    with JobTrace(opened) as trace:
        reporter = Reporter(job, on_progress or ignore, trace, new=opened.new)
        try:
            return Run(
                opened,
                reporter,
                stop or threading.Event(),
                retry=retry,
                accept_changes=accept_changes,
                as_submitted=as_submitted,
                warm=warm,
            ).finish()
        except ImpastoError as error:
            reporter.stopped(error)
            raise
        except KeyboardInterrupt:
            # Without a word, the driver would count as killed, and a watcher would go on with it.
            reporter.stopped(StoppedAtOnce(f"job {job.id}: was stopped at once"))
            raise
