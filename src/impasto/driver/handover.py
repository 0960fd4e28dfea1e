"""The handover of a job to a cluster, or to whichever watcher comes first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from impasto.driver.assembling import standing
from impasto.driver.open_job import open_job
from impasto.driver.pinning import named_urls, refuse_signatures
from impasto.driver.submit import submit
from impasto.errors import BadInput, ImpastoError, Unavailable
from impasto.schema.events import Stopped, Submitted
from impasto.schema.url import is_local, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from impasto.engines.ray.submission import Cluster
    from impasto.jobs.job import Job
    from impasto.schema.job import JobSpec
    from impasto.settings import Settings

_NO_NEWS = {"overwrite", "pins"}
"""Fields of a spec that are of no interest once its job runs, or go with another one."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """The outcome of handing a job to others.

    Attributes:
        state: whether the cluster or the watchers have the job now, had it before, or its output is
            already in place.
        job: the job's id.
        output: where the output is, or will be.
        submission: the cluster's name for it; None for watchers, or when the output is in place.
        ignored: fields of the spec that the driver that is already running will ignore.
    """

    state: Literal["submitted", "already submitted", "already running", "done"]
    job: str
    output: str
    submission: str | None = None
    ignored: tuple[str, ...] = ()


def hand_over(spec: JobSpec, settings: Settings) -> HandOver:
    """Hand a job to a cluster.

    Raises:
        BadInput: the request or the source is wrong, or the cluster could not do it.
        Unavailable: the store or the cluster does not answer, or refuses.
    """
    _check_travels(spec, settings)
    # This comes before anything is written, which would be a job that nobody runs.
    cluster = connect(settings)
    opened = open_job(spec, settings)
    job = submit(opened)
    spec = opened.spec
    if standing(opened):
        return HandOver("done", job.id, spec.output)
    running = cluster.standing(job.id, settings.home)
    if running:
        ignored = check_running(job, spec)
        return HandOver("already submitted", job.id, spec.output, running.id, ignored)
    job.notes.uncancel()
    if job.spec() != spec:
        # The driver learns the spec only from here.
        job.replace_spec(spec)
    # Readers that follow the log then wait for the new driver, whatever the last one logged.
    job.journal.write(Submitted())
    try:
        made, new = cluster.submit(job.id, settings)
    except ImpastoError as error:
        job.journal.write(Stopped(error=str(error)))
        raise
    return HandOver("submitted" if new else "already submitted", job.id, spec.output, made.id)


def check_running(job: Job, spec: JobSpec) -> tuple[str, ...]:
    """Refuse what an already running driver would not do; returns other fields that differ.

    Raises:
        BadInput: it makes another output.
        Unavailable: it is about to end.
    """
    if job.notes.cancelled():
        raise Unavailable(
            f"job {job.id}: is being cancelled",
            "submit it again once it is cancelled; see `impasto show`",
        )
    running = job.spec()
    refuse_other_output(job, running, spec, "running")
    before, after = running.model_dump(), spec.model_dump()
    changed = (name for name in after if before[name] != after[name])
    return tuple(name for name in changed if name not in _NO_NEWS)


def refuse_other_output(job: Job, known: JobSpec, spec: JobSpec, state: str) -> None:
    """Refuse to have a job make another output before it has made the one that it was given.

    Raises:
        BadInput: it makes another output.
    """
    if known.output != spec.output:
        raise BadInput(
            f"job {job.id}: is already {state}, for {known.output}",
            "submit it again once that is done; it then takes seconds",
        )


def connect(settings: Settings) -> Cluster:
    """Connect to the cluster, with its token."""
    from impasto.engines.ray.environment import configure_ray

    # Ray reads its environment when it is first imported.
    configure_ray()
    try:
        from impasto.engines.ray.submission import Cluster
    except ImportError:
        raise BadInput("clusters need Ray", "run pip install 'impasto[ray]'") from None
    return Cluster(str(settings.address))


def _check_travels(spec: JobSpec, settings: Settings) -> None:
    """Refuse what a driver on the cluster could not reach.

    Raises:
        BadInput: there is a signature in a URL, which never leaves this machine, or a path on this
            machine.
    """
    refuse_signatures(spec, settings)
    if not is_loopback(urlsplit(str(settings.address)).netloc):
        refuse_local(named_urls(spec, settings), "but the cluster is not")


def refuse_local(urls: Mapping[str, str], why: str) -> None:
    """Refuse places on this machine that a driver elsewhere could not reach.

    Args:
        urls: those of the job, by their names for people.
        why: where the driver is, for people.

    Raises:
        BadInput: the source, the output or the home is on this machine.
    """
    for what in ("source", "output", "`home`"):
        if is_local(urls[what]):
            remedy = f"copy it to a store: `impasto cp {urls[what]} az://CONTAINER/`"
            if what != "source":
                remedy = "name one in a store"
            raise BadInput(f"{what} {urls[what]}: is on this machine, {why}", remedy)
