"""Commands for a running cluster: submit, cluster status."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from impasto.cli import streams
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
    takes,
)
from impasto.cli.parsing import App, Group
from impasto.cli.scorer_commands import ScorerCommand
from impasto.cli.spec_options import takes_spec
from impasto.engines.ray.environment import DASHBOARD
from impasto.errors import BadInput

if TYPE_CHECKING:
    from impasto.schema.job import JobSpec
    from impasto.settings import Settings

Address = Annotated[
    str | None,
    typer.Option(help=f"The cluster's dashboard. [default: {DASHBOARD}]", metavar="URL"),
]
Detach = Annotated[
    bool,
    typer.Option(
        "--detach", help="Leave the job to 'impasto watch', which finishes what is in its home."
    ),
]


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(cls=ScorerCommand)(submit)
    group = App(cls=Group, rich_markup_mode=None)
    group.command()(status)
    # A group with one command would otherwise become that command.
    group.callback()(lambda: None)
    app.add_typer(group, name="cluster", help="Show a running cluster: 'impasto cluster status'.")


class Handed(NamedTuple):
    """Who runs a submitted job, and with which settings.

    Attributes:
        settings: how it runs.
        detach: whether a watcher runs it, and not a cluster.
    """

    settings: Settings
    detach: bool


def _handed(
    detach: Detach = False,
    address: Address = None,
    workers: Workers = None,
    gpus_per_worker: GpusPerWorker = None,
    cpus_per_worker: CpusPerWorker = None,
    speculate: Speculate = None,
    device: Device = None,
    memory: Memory = None,
    home: Home = None,
    config: Config = None,
) -> Handed:
    flags = {
        "workers": workers,
        "gpus_per_worker": gpus_per_worker,
        "cpus_per_worker": cpus_per_worker,
        "speculate": speculate,
        "device": device,
        "memory": memory,
    }
    if not detach:
        return Handed(_settings(address, config, **flags, home=home), detach)
    from impasto.settings import load

    given = [name for name, value in {"address": address, **flags}.items() if value is not None]
    if given:
        flag = f"--{given[0].replace('_', '-')}"
        raise BadInput(f"{flag}: is the watcher's to decide", "leave it out, or --detach")
    return Handed(load(config, home=home), detach)


def _settings(address: str | None, config: str | None, **flags: object) -> Settings:
    """Load the settings, with the dashboard's URL for their address."""
    from impasto.settings import load

    if address:
        _dashboard(address)
    settings = load(config, engine="ray", address=address, **flags)
    known = settings.address or ""
    # The address that drivers on the cluster's machines use is useless elsewhere.
    url = _dashboard(known) if known.startswith("http") else DASHBOARD
    return settings.model_copy(update={"address": url})


def _dashboard(address: str) -> str:
    """Return a dashboard's URL without a slash at its end; raises BadInput if it is not one."""
    if not re.fullmatch(r"https?://[^\s/@?#]+/?", address):
        raise BadInput(
            f"--address {address}: is not a dashboard's URL",
            "give http://HOST:PORT, where PORT is 8265 unless the cluster was started with another",
        )
    return address.rstrip("/")


@takes_spec
@takes("handed", _handed)
def submit(spec: JobSpec, handed: Handed, as_json: AsJson = False) -> None:
    """Submit a job to a running cluster or to 'impasto watch', and return at once."""
    from impasto.cli.job_argument import job_argument
    from impasto.cli.render.text import json_line, note, say
    from impasto.driver.detaching import detach
    from impasto.driver.handover import hand_over

    streams.act()
    settings = handed.settings
    made = detach(spec, settings) if handed.detach else hand_over(spec, settings)
    if as_json:
        fields = ("job", "output", "ignored", "state", "submission")
        json_line({name: getattr(made, name) for name in fields})
        return
    if made.ignored:
        new = ", ".join(made.ignored)
        note(f"the running job ignores what has changed ({new}); to apply it, cancel the job first")
    if made.state == "done":
        say(f"{made.output}: done already (job {made.job})")
        return
    named = job_argument(made.job, settings.home)
    to = f"to {settings.address} as {made.submission}"
    if handed.detach:
        to = f"to {settings.home}, where 'impasto watch' runs it"
    if made.state == "already running":
        to = "by a driver that has begun before"
    say(
        f"job {made.job}: {made.state} {to}; "
        f"see 'impasto logs -f {named}', 'impasto show {named}', 'impasto cancel {named}'"
    )


def status(
    address: Address = None, home: Home = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Show a cluster's machines, workers and jobs, and what they wait for."""
    from impasto.cli.render import cluster as words
    from impasto.cli.render.text import json_line, say
    from impasto.driver.cluster_jobs import cluster_jobs
    from impasto.driver.handover import connect

    settings = _settings(address, config, home=home)
    cluster = connect(settings)
    facts = cluster.facts()
    jobs = [*cluster_jobs(cluster.submissions(), settings)]
    if as_json:
        json_line(words.as_json(cluster.url, facts, jobs))
        return
    for line in words.lines(cluster.url, facts, jobs):
        say(line)
