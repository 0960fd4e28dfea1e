"""What every command of the command line shares: the application, options, settings, stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from impasto.settings import Settings
    from impasto.stores import Stores

app = typer.Typer(
    name="impasto",
    help="Score media with deep-learning models; the flagship paints videos in any style.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Home = Annotated[
    str | None,
    typer.Option(help="Folder or URL that holds the jobs. [default: IMPASTO_HOME, or data]"),
]
Config = Annotated[
    str | None,
    typer.Option(help="File of settings. [default: IMPASTO_CONFIG, or impasto.toml here]"),
]
Workers = Annotated[
    int | None, typer.Option(help="Worker processes. [default: one a GPU, else one a core]")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda. [default: auto]")]
Memory = Annotated[
    str | None,
    typer.Option(help="What a worker may hold, such as 8GB. [default: most of the machine's]"),
]
MaxFailed = Annotated[
    str | None,
    typer.Option(help="Items that may be set aside: a number, 5% or all. [default: as it began]"),
]
MaxFailedBatches = Annotated[
    int | None, typer.Option(help="Mini-batches that may have items set aside. [default: all]")
]
Timeout = Annotated[
    float | None,
    typer.Option(help="Seconds for a mini-batch; then its worker is replaced. [default: 600]"),
]
Plot = Annotated[
    str | None,
    typer.Option(help="Draw the loss curves of a scorer that optimises into this PNG."),
]
ItemKind = Annotated[
    Literal["pictures", "files", "rows"] | None,
    typer.Option("--items", help="What the source is taken for. [default: what suits it]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON line on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
JobId = Annotated[str, typer.Argument(help="A job's id, or its beginning.", metavar="JOB")]


def load_settings(
    config: str | None,
    home: str | None = None,
    workers: int | None = None,
    device: str | None = None,
    memory: str | None = None,
) -> Settings:
    """Load the settings; raises BadInput when one is wrong."""
    from impasto.settings import load

    return load(config, home=home, workers=workers, device=device, memory=memory)


def open_stores(settings: Settings) -> Stores:
    """Return the stores that the settings tell how to reach."""
    from impasto.stores import Stores

    return Stores(settings.stores)
