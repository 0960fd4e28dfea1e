"""Commands for a running cluster: submit, cluster status."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from impasto.cli.options import (
    AsJson,
    Config,
    CpusPerWorker,
    Device,
    GpusPerWorker,
    Home,
    Memory,
    Speculate,
    Workers,
    open_stores,
    takes,
)
from impasto.cli.scorer_flags import ScorerCommand
from impasto.cli.spec_options import takes_spec
from impasto.errors import BadInput, ImpastoError, Unavailable

if TYPE_CHECKING:
    from impasto.engines.ray.submission import Cluster, Submission
    from impasto.jobs.job import Job
    from impasto.schema import JobSpec
    from impasto.settings import Settings
    from impasto.storage.stores import Stores

DASHBOARD = "http://127.0.0.1:8265"
_NO_NEWS = {"overwrite", "requirements_sha256"}
"""Fields of a spec that are of no interest once its job runs, or go with another one."""
SHOWN = 20
"""Submissions that are told of, besides those that run."""

Address = Annotated[
    str | None,
    typer.Option(help=f"The cluster's dashboard. [default: {DASHBOARD}]", metavar="URL"),
]


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(cls=ScorerCommand)(submit)
    group = typer.Typer(rich_markup_mode=None)
    group.command()(status)
    # A group with one command would else be that command.
    group.callback()(lambda: None)
    app.add_typer(group, name="cluster", help="A running cluster: 'impasto cluster status'.")


def _handed(
    address: Address = None,
    workers: Workers = None,
    gpus_per_worker: GpusPerWorker = None,
    cpus_per_worker: CpusPerWorker = None,
    speculate: Speculate = None,
    device: Device = None,
    memory: Memory = None,
    home: Home = None,
    config: Config = None,
) -> Settings:
    return _settings(
        address,
        config,
        workers=workers,
        gpus_per_worker=gpus_per_worker,
        cpus_per_worker=cpus_per_worker,
        speculate=speculate,
        device=device,
        memory=memory,
        home=home,
    )


def _settings(address: str | None, config: str | None, **flags: object) -> Settings:
    """Load the settings, with the dashboard's URL for their address."""
    from impasto.settings import load

    if address:
        _dashboard(address)
    settings = load(config, engine="ray", address=address, **flags)
    known = settings.address or ""
    # What drivers on the cluster's machines go by is nothing for others.
    url = _dashboard(known) if known.startswith("http") else DASHBOARD
    return settings.model_copy(update={"address": url})


def _dashboard(address: str) -> str:
    """Return a dashboard's URL without a slash at its end; raises BadInput when it is none."""
    if not re.fullmatch(r"https?://[^\s/@?#]+/?", address):
        raise BadInput(
            f"--address {address}: is no dashboard's; give http://HOST:PORT, where PORT is 8265 "
            "unless the cluster was started with another"
        )
    return address.rstrip("/")


@takes_spec
@takes("settings", _handed)
def submit(spec: JobSpec, settings: Settings, as_json: AsJson = False) -> None:
    """Hand a job to a running cluster, and return."""
    from impasto.cli.render import jobs as display

    outcome = _hand_over(spec, settings)
    job, named = outcome["job"], outcome.pop("named")
    if as_json:
        print(json.dumps(outcome))
        return
    if outcome["ignored"]:
        new = ", ".join(outcome["ignored"])
        display.note(f"it goes on without what is new ({new}); cancel it first to have that")
    if outcome["state"] == "done":
        display.say(f"{outcome['output']}: done already (job {job})")
    else:
        display.say(
            f"job {job}: {outcome['state']} to {settings.address} as {outcome['submission']}; "
            f"see 'impasto logs -f {named}', 'impasto show {named}', 'impasto cancel {named}'"
        )


def _hand_over(spec: JobSpec, settings: Settings) -> dict[str, Any]:
    """Have a cluster do a job; returns what became of that.

    Raises:
        BadInput: the request or the source is wrong, or the cluster could not do it.
        Unavailable: the store or the cluster does not answer, or refuses.
    """
    from impasto.driver.submit import placed
    from impasto.driver.submit import submit as record
    from impasto.outputs.delivery.open import open_delivery

    _check_travels(spec, settings)
    # Before anything is written, which would be a job that nobody runs.
    cluster = _connect(settings)
    stores = open_stores(settings)
    spec = placed(spec, stores, settings)
    job = record(spec, settings)
    result = job.result()
    outcome = {"job": job.id, "named": job.named, "output": spec.output, "ignored": []}
    if result and open_delivery(stores, job, spec.output).stands(result):
        return outcome | {"state": "done", "submission": None}
    standing = cluster.standing(job.id, settings.home)
    if standing:
        ignored = _check_standing(job, spec)
        state = "already submitted"
        return outcome | {"state": state, "submission": standing.id, "ignored": ignored}
    job.uncancel()
    if job.spec() != spec:
        # The driver has nothing else to go by.
        job.replace_spec(spec)
    # Who follows the log shall wait for the new driver, whatever the last one said.
    job.log([{"time": time.time(), "event": "submitted"}])
    try:
        made, new = cluster.submit(job.id, settings)
    except ImpastoError as error:
        job.log([{"time": time.time(), "event": "stopped", "error": str(error)}])
        raise
    state = "submitted" if new else "already submitted"
    return outcome | {"state": state, "submission": made.id}


def _check_standing(job: Job, spec: JobSpec) -> list[str]:
    """Refuse what a driver that runs already would not do; returns other fields that differ.

    Raises:
        BadInput: it makes another output.
        Unavailable: it is about to end.
    """
    if job.cancelled():
        raise Unavailable(
            f"job {job.id}: is being cancelled; submit it again once it is, see 'impasto cluster "
            "status'"
        )
    running = job.spec()
    if running.output != spec.output:
        raise BadInput(
            f"job {job.id}: runs already, for {running.output}; submit it again once that is "
            "done, which then takes seconds"
        )
    before, after = running.model_dump(), spec.model_dump()
    return [name for name in after if before[name] != after[name] and name not in _NO_NEWS]


def _connect(settings: Settings) -> Cluster:
    """Reach the cluster, with its token."""
    from impasto.settings import configure_ray

    # Ray reads its environment when it is first imported.
    configure_ray()
    try:
        from impasto.engines.ray.submission import Cluster
    except ImportError:
        raise BadInput("clusters need Ray; run pip install 'impasto[ray]'") from None
    return Cluster(str(settings.address))


def _check_travels(spec: JobSpec, settings: Settings) -> None:
    """Refuse what a driver on the cluster could not reach.

    Raises:
        BadInput: a signature in a URL, which is in this process's memory alone, or a path of this
            machine.
    """
    from impasto.driver.submit import named, refuse_signatures
    from impasto.schema.url import is_local, is_loopback

    refuse_signatures(spec, settings)
    if is_loopback(urlsplit(str(settings.address)).netloc):
        return
    urls = named(spec, settings)
    for what in ("source", "output", "--home"):
        if is_local(urls[what]):
            remedy = f"copy it to a store: impasto cp {urls[what]} az://CONTAINER/"
            if what != "source":
                remedy = "name one in a store"
            raise BadInput(
                f"{what} {urls[what]}: is on this machine, and the cluster is not; {remedy}"
            )


def status(
    address: Address = None, home: Home = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Show a cluster's machines, workers and jobs, and what is waited for."""
    from impasto.cli.render import cluster as words
    from impasto.cli.render import jobs as display

    settings = _settings(address, config, home=home)
    cluster = _connect(settings)
    facts, submissions = cluster.facts(), cluster.submissions()
    jobs = _told(submissions, settings)
    if as_json:
        print(json.dumps({"cluster": cluster.url, **words.as_json(facts), "jobs": jobs}))
        return
    for line in words.lines(cluster.url, facts, jobs):
        display.say(line)


def _told(submissions: list[Submission], settings: Settings) -> list[dict[str, Any]]:
    """Tell of the jobs that run and of the last others, with their shards where they are known."""
    others = [each for each in submissions if not each.open][:SHOWN]
    jobs = []
    for each in (it for it in submissions if it.open or it in others):
        told = asdict(each) | {"submission": each.id, "shards_done": None, "shards": None}
        if each.open and each.home == settings.home:
            with suppress(ImpastoError):
                told |= _shards(open_stores(settings), each)
        jobs.append(told)
    return jobs


def _shards(stores: Stores, submission: Submission) -> dict[str, int]:
    from impasto.jobs.job import Job

    job = Job(stores.home(submission.home), submission.job)
    plan = job.plan()
    if plan is None:
        return {}
    return {"shards_done": job.listing().shards_done, "shards": len(plan.shards)}
