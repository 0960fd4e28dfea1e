"""Commands that score a few items without a job: preview, try."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from impasto.cli import streams
from impasto.cli.options import AsJson, Config, Device, Home, ItemKind, Stream, Workers
from impasto.cli.scorer_commands import PARAMS, FirstArgumentCommand, ScorerCommand
from impasto.cli.scorer_flags import spec_params
from impasto.errors import BadInput, Exists, Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from impasto.driver.trial import Preview
    from impasto.schema.job import JobSpec
    from impasto.settings import Settings
    from impasto.storage.stores import Stores

SHOWN = 6
"""Items that a sheet shows unless it is told otherwise."""
MOST = 60
"""Items that a sheet may show."""
SHEETS = (".png", ".jpg", ".jpeg", ".html")

ScorerName = Annotated[
    str, typer.Option(help="The model; its parameters are options too: see 'impasto scorers'.")
]
MaxSize = Annotated[
    int | None, typer.Option(help="Scale pictures down to this longer side, in pixels.")
]
Start = Annotated[str | None, typer.Option(help="Where to start: seconds, or [[hh:]mm:]ss.")]
End = Annotated[str | None, typer.Option(help="Where to stop, in the same formats.")]
Deinterlacing = Annotated[
    Literal["auto", "no"],
    typer.Option(help="Turn the frames of an interlaced video into whole pictures."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(cls=ScorerCommand)(preview)
    app.command("try", cls=FirstArgumentCommand)(try_)


def preview(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(help="A video, an image, or a folder of many.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="The sheet to write: .png, .jpg or .html.")
    ],
    more: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="PAINTING")] = None,
    style: Annotated[
        list[str] | None,
        typer.Option(
            help="A painting, or a folder or pattern of many; may be given several times.",
            metavar="PAINTING",
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            help="A moment of the video, such as 0:02, or several: 0:02,0:05. "
            "[default: evenly spaced]",
            metavar="TIME",
        ),
    ] = None,
    number: Annotated[
        int,
        typer.Option(
            "-n",
            help=f"How many frames or images to show, up to {MOST}.",
            min=1,
            max=MOST,
            metavar="N",
        ),
    ] = SHOWN,
    scorer: ScorerName = "style",
    max_size: MaxSize = None,
    start: Start = None,
    end: End = None,
    stream: Stream = None,
    deinterlace: Deinterlacing = "auto",
    items: ItemKind = None,
    overwrite: Overwrite = False,
    workers: Workers = None,
    device: Device = None,
    home: Home = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Draw a sheet of a few frames in one or many styles, in seconds.

    The model is loaded once for all styles. Nothing but the sheet is written. It also says how long
    the whole job would take.
    """
    from impasto.cli.render import trial
    from impasto.cli.render.sheet.write import write
    from impasto.cli.times import seconds
    from impasto.driver import trial as driver

    streams.act()
    target = _target(output, SHEETS, overwrite=overwrite)
    settings = _settings(config, workers=workers, device=device, home=home)
    moments = [seconds(each, "--at") for text in at or () for each in text.split(",")]
    given: dict[str, Any] = ctx.meta[PARAMS]
    common = {
        "source": source,
        "scorer": scorer,
        "items": items,
        "max_size": max_size,
        "start": seconds(start, "--start") if start else None,
        "end": seconds(end, "--end") if end else None,
        "stream": stream,
        "deinterlace": deinterlace,
    }
    with _interruptible():
        paintings = _paintings(
            [*(style or ()), *(_listed(more, style) if more else ())], settings, scorer
        )
        many = [{"style": each, **given} for each in paintings] or [given]
        specs = [_spec(ctx, {**common, "params": spec_params(scorer, each)}) for each in many]
        with trial.scoring(len(specs)) as told:
            made = driver.preview(specs, settings, moments, number, told)
        names = [Path(each).name for each in paintings] or [scorer.rpartition("/")[2]]
        write(made, names, Path(source).name or source, target)
    options = {"--max-size": max_size, "--start": start, "--end": end, "--stream": stream}
    options |= {"--deinterlace": deinterlace if deinterlace != "auto" else None, "--items": items}
    command = _command(source, scorer, many[0], options, _usual_output(made, source))
    trial.preview(made, str(target), command, as_json=as_json)


def try_(
    ctx: typer.Context,
    scorer: Annotated[
        str, typer.Argument(help="The model: style, python:FILE.py:CLASS, onnx:FILE, ...")
    ],
    item: Annotated[str, typer.Argument(help="A picture, video, table or file.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Write the picture (.png, .jpg) or records (.jsonl)."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The moment of a video. [default: its first frame]")
    ] = None,
    row: Annotated[
        int | None, typer.Option(help="The row of a table, counted from 1. [default: 1]")
    ] = None,
    max_size: MaxSize = None,
    stream: Stream = None,
    items: ItemKind = None,
    overwrite: Overwrite = False,
    device: Device = None,
    home: Home = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Score a single item, and print the result and the times.

    It runs in this process, so print() and breakpoint() work in the scorer. No job is made.
    """
    from impasto.cli.render import trial
    from impasto.cli.times import seconds
    from impasto.driver import trial as driver

    streams.act()
    target = _target(output, trial.WRITABLE, overwrite=overwrite) if output else None
    settings = _settings(config, device=device, home=home)
    moment = seconds(at, "--at") if at else None
    fields: dict[str, Any] = {"source": item, "scorer": scorer, "items": items}
    fields |= {"max_size": max_size, "stream": stream}
    fields |= {"params": spec_params(scorer, ctx.meta[PARAMS])}
    spec = _spec(ctx, fields)
    with _interruptible():
        # What the scorer prints must not mix with the JSON line.
        aside = redirect_stdout(sys.stderr) if as_json else nullcontext()
        with trial.own_traceback(scorer), aside:
            done = driver.attempt(spec, settings, moment, row)
        trial.attempt(done, scorer, target, as_json=as_json)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Say of Ctrl-C that nothing is left to go on with; raises Interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written") from None


def _settings(config: str | None, **flags: object) -> Settings:
    from impasto.settings import load

    # Whatever a job would use, this process is what scores now.
    return load(config, engine="local", **flags)


def _spec(ctx: typer.Context, fields: dict[str, Any]) -> JobSpec:
    from impasto.schema.base import parse
    from impasto.schema.job import JobSpec

    # No output is made, but every spec names one.
    return parse(JobSpec, {**fields, "output": "out"}, f"see '{ctx.command_path} --help'")


def _target(output: str, suffixes: Sequence[str], *, overwrite: bool) -> Path:
    """Check a file that will be written before anything takes long; raises BadInput."""
    from impasto.schema.url import is_local

    if not is_local(output):
        raise BadInput(f"{output}: is a URL", "name a file on this machine, and copy it")
    path = Path(output)
    if path.suffix.lower() not in suffixes:
        known = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise BadInput(
            f"{output}: its name must end in {known}", f"write {path.with_suffix(suffixes[0])}"
        )
    if path.exists() and not (overwrite and path.is_file()):
        remedy = "add --overwrite to replace it" if path.is_file() else "choose another name"
        raise Exists(f"{output}: already exists", remedy)
    if not path.parent.is_dir():
        raise BadInput(f"{output}: its folder does not exist", "create it")
    return path


def _paintings(given: Sequence[str], settings: Settings, scorer: str) -> list[str]:
    """Return the paintings that --style names, those of folders and patterns one by one."""
    from impasto.cli.options import open_stores
    from impasto.cli.render.text import nearby
    from impasto.scorers import registry
    from impasto.scorers.params import Role
    from impasto.sources.images import Images
    from impasto.sources.open import open_source

    if not given:
        return []
    entry = registry.find(scorer.partition(":")[0])
    if entry.roles.class_args:
        return list(given)
    if entry.roles.files.get("style") is not Role.PICTURE:
        raise BadInput(f"--style: scorer {scorer} takes no painting", "leave it out")
    stores = open_stores(settings)
    found: list[str] = []
    for each in given:
        source = open_source(stores, each, "pictures")
        if isinstance(source, Images) and source.kind == "folder":
            found += _readable(source.places(), stores, each)
        else:
            found.append(each)
    return [nearby(each) for each in dict.fromkeys(found)]


def _readable(paintings: Sequence[str], stores: Stores, folder: str) -> list[str]:
    """Leave out, with a note, what cannot be read; raises BadInput where nothing can."""
    from impasto.cli.render.text import nearby, note
    from impasto.media import images

    found: list[str] = []
    for each in paintings:
        try:
            images.read(stores.read(each), nearby(each))
        except BadInput as error:
            note(f"left out: {error.fact}")
        else:
            found.append(each)
    if not found:
        raise BadInput(f"{folder}: holds no picture that can be read", "name paintings")
    return found


def _listed(more: Sequence[str], style: Sequence[str] | None) -> Sequence[str]:
    """Return what a shell has made of ``--style *.jpg``; raises BadInput for anything else."""
    from impasto.media.formats import is_image

    if style and all(map(is_image, more)):
        return more
    other = next((each for each in more if not is_image(each)), more[0])
    raise BadInput(f"{other}: is a second source", "give one source, and paintings after --style")


def _usual_output(made: Preview, source: str) -> str:
    """Return the name of an output that suits a job."""
    if any(made.records):
        return "out.jsonl"
    if made.noun == "frames":
        return "out.mp4"
    return "out.jpg" if made.count == 1 and Path(source).suffix else "out/"


def _command(
    source: str, scorer: str, params: dict[str, Any], options: dict[str, Any], output: str
) -> str:
    """Return the command that runs the whole job, as it is typed."""
    words = ["impasto", "run", source]
    words += [] if scorer == "style" else ["--scorer", scorer]
    flags = {f"--{name.replace('_', '-')}": value for name, value in params.items()}
    for name, value in (flags | options).items():
        if value is not None:
            words += [name] if value is True else [name, str(value)]
    return shlex.join([*words, "-o", output])
