"""Code that all commands share: the application, options, settings, stores.

Commands with many options take one parameter made of them instead: a decorator replaces that
parameter with the options.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar, get_type_hints

import typer

from impasto.cli.parsing import App, Group
from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.jobs.job import Job
    from impasto.settings import Settings
    from impasto.storage.stores import Stores

Return = TypeVar("Return")

app = App(
    name="impasto",
    cls=Group,
    help="Score media with deep-learning models; the flagship paints videos in any style.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Home = Annotated[
    str | None,
    typer.Option(
        help="Folder or URL that holds the jobs. "
        "[default: $IMPASTO_HOME, else ~/.local/share/impasto]",
        metavar="FOLDER",
    ),
]
Config = Annotated[
    str | None,
    typer.Option(
        help="Settings file. [default: $IMPASTO_CONFIG, else impasto.toml here]", metavar="FILE"
    ),
]
Workers = Annotated[
    str | None,
    typer.Option(
        help="Maximum, or minimum and maximum, workers. [default: one per GPU, else per core; on a "
        "cluster one per shard]",
        metavar="[MIN:]MAX",
    ),
]
Engine = Annotated[
    Literal["local", "ray", "inline"] | None,
    typer.Option(
        help="Where to score: on this machine, on a Ray cluster, or inline, in Impasto's own "
        "process, for a debugger. [default: local]"
    ),
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option(help="GPUs per worker on a cluster, such as 0.5. [default: 1 if any]"),
]
CpusPerWorker = Annotated[
    int | None, typer.Option(help="Cores per worker on a cluster. [default: 1]")
]
Address = Annotated[
    str | None,
    typer.Option(
        help="The cluster: auto, HOST:PORT, or its dashboard's URL. "
        "[default: Ray started on this machine]",
        metavar="ADDRESS",
    ),
]
Speculate = Annotated[
    bool | None,
    typer.Option(
        "--speculate", help="Let idle workers of a cluster run a second copy of slow shards."
    ),
]
Device = Annotated[
    str | None,
    typer.Option(help="Where models run. [default: auto]", metavar="auto|cpu|cuda"),
]
Memory = Annotated[
    str | None,
    typer.Option(
        help="Memory limit per worker, such as 8GB. [default: most of the machine's]",
        metavar="SIZE",
    ),
]
MaxFailed = Annotated[
    str | None,
    typer.Option(
        help="Items that may fail: a number, 5% or all. [default: unchanged]",
        metavar="N|%|all",
    ),
]
MaxFailedBatches = Annotated[
    int | None, typer.Option(help="Mini-batches in which items may fail. [default: all]")
]
Timeout = Annotated[
    float | None,
    typer.Option(help="Seconds per mini-batch, after which its worker is replaced. [default: 600]"),
]
Plot = Annotated[
    str | None,
    typer.Option(
        help="Draw the loss curves of an optimising scorer into this PNG file.", metavar="FILE"
    ),
]
ItemKind = Annotated[
    Literal["pictures", "files", "rows"] | None,
    typer.Option("--items", help="How to read the source. [default: as suits it and the scorer]"),
]
Stream = Annotated[
    int | None,
    typer.Option(
        help="The video stream to use, by its index in 'impasto probe'. "
        "[default: the one that players show]"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON line on stdout.")]
"""For commands that print one thing; `json_lines` is for those that print several."""
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also show shards and workers.")]
AcceptChanges = Annotated[
    bool,
    typer.Option(
        "--accept-changes",
        help="Use scripts, models and weights that have changed; the job notes it.",
    ),
]
JobId = Annotated[str, typer.Argument(help="A job's id, or its beginning.", metavar="JOB")]


class Shown(NamedTuple):
    """What of a job is shown, by the options of the same names."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False


def json_lines(each: str) -> Any:
    """Return the option of a command that prints one JSON line per job, event or the like."""
    return typer.Option("--json", help=f"Print one JSON line per {each} on stdout.")


def load_settings(config: str | None, home: str | None = None) -> Settings:
    """Load the settings of commands that run nothing.

    Raises:
        BadInput: a setting is wrong, or ``home``, where it is given, is not there.
    """
    from impasto.schema.url import parse
    from impasto.settings import load

    settings = load(config, home=home)
    place = parse(settings.home)
    if home and place.local and not place.path.is_dir():
        raise BadInput(f"{home}: no such home", "check --home")
    return settings


def open_stores(settings: Settings) -> Stores:
    """Return access to stores, according to the settings."""
    from impasto.storage.stores import Stores

    return Stores.of(settings)


def takes(
    name: str, make: Callable[..., object]
) -> Callable[[Callable[..., Return]], Callable[..., Return]]:
    """Replace one of a command's parameters with the options it is made from.

    Args:
        name: the command's parameter.
        make: makes its value; its own parameters are the options.
    """
    options = _parameters(make)

    def decorate(command: Callable[..., Return]) -> Callable[..., Return]:
        @functools.wraps(command)
        def made(**given: Any) -> Return:
            taken = {each.name: given.pop(each.name) for each in options}
            return command(**given, **{name: make(**taken)})

        parameters: list[inspect.Parameter] = []
        for each in _parameters(command):
            parameters += options if each.name == name else [each]
        made.__annotations__ = {each.name: each.annotation for each in parameters}
        made.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return made

    return decorate


def early(command: Callable[..., Return]) -> Callable[..., Return]:
    """Start a first worker before a command's options are interpreted."""

    @functools.wraps(command)
    def started(**given: Any) -> Return:
        from impasto.engines import process

        if given["engine"] in {"ray", "inline"}:
            return command(**given)
        first = given["source"] if isinstance(given["source"], str) else given["source"][0]
        kind = process.probable_kind(given["scorer"], first, given["items"])
        with process.spare(kind):
            return command(**given)

    return started


def alive(command: Callable[..., Return]) -> Callable[..., Return]:
    """Show that a command lives, before its options are interpreted and its libraries loaded."""

    @functools.wraps(command)
    def shown(**given: Any) -> Return:
        from impasto.cli.render.text import console

        if (
            given["quiet"]
            or given.get("engine") == "inline"
            or not console(stderr=True).is_terminal
        ):
            return command(**given)
        from impasto.cli.bar import drawn

        with drawn():
            return command(**given)

    return shown


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    """Return a function's parameters, as keyword-only ones, with resolved annotations."""
    # These take long to import, and no option has their type.
    lazy = dict.fromkeys(("Asked", "JobSpec", "Settings"), object)
    hints = get_type_hints(function, localns=lazy, include_extras=True)
    return [
        each.replace(kind=each.KEYWORD_ONLY, annotation=hints[each.name])
        for each in inspect.signature(function).parameters.values()
    ]


def _settings(
    engine: Engine = None,
    workers: Workers = None,
    gpus_per_worker: GpusPerWorker = None,
    cpus_per_worker: CpusPerWorker = None,
    address: Address = None,
    speculate: Speculate = None,
    device: Device = None,
    memory: Memory = None,
    home: Home = None,
    config: Config = None,
) -> Settings:
    from impasto.settings import load

    clusters = {
        "address": address,
        "gpus_per_worker": gpus_per_worker,
        "cpus_per_worker": cpus_per_worker,
        "speculate": speculate,
    }
    own = {"engine": engine, "workers": workers, "device": device, "memory": memory, "home": home}
    settings = load(config, **clusters, **own)
    given = [f"--{name.replace('_', '-')}" for name, value in clusters.items() if value is not None]
    if given and settings.engine != "ray":
        raise BadInput(
            f"{given[0]}: is for workers of a cluster", "add --engine ray, or leave it out"
        )
    if settings.engine == "inline" and workers and settings.workers.most != 1:
        raise BadInput(f"--workers {workers}: --engine inline is a single process", "leave it out")
    if settings.engine == "inline" and memory:
        raise BadInput(
            "--memory: is for worker processes, and --engine inline has none", "leave it out"
        )
    return settings


def changes(
    max_failed: MaxFailed = None,
    max_failed_batches: MaxFailedBatches = None,
    timeout: Timeout = None,
) -> dict[str, object]:
    """Return the given fields of a spec that may change from run to run.

    Raises:
        BadInput: --max-failed is not a number, a share or ``all``.
    """
    fields: dict[str, object] = {}
    if max_failed_batches is not None:
        fields["max_failed_batches"] = max_failed_batches
    if timeout is not None:
        fields["timeout"] = timeout
    if max_failed is not None:
        from impasto.schema.job import allowance

        fields |= allowance(max_failed)
    return fields


takes_settings = takes("settings", _settings)
"""Adds the options of settings to a command, and calls it with ``settings: Settings``."""
takes_changes = takes("changes", changes)
"""Adds what may change from run to run to a command, and calls it with ``changes``, a dict."""


def find_job(job_id: str, settings: Settings) -> Job:
    """Return the job with an id, or the start of one; raises BadInput when there is none."""
    from impasto.cli.job_argument import name_job
    from impasto.jobs import find

    try:
        return find.find(open_stores(settings).open_home(settings.home), job_id)
    except BadInput as error:
        name_job(error, "", settings.home)
        raise


def find_made(source: str, output: str, settings: Settings) -> Job | None:
    """Return the job that made an output of a source, if its home has one."""
    from impasto.jobs import find
    from impasto.schema.url import normal

    stores = open_stores(settings)
    place = stores.locate(settings.home)
    # To open a folder would create it.
    if place.local and not place.path.is_dir():
        return None
    return find.made(stores.open_home(place), normal(source), normal(output))
