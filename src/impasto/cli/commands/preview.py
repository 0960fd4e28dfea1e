"""The command that draws a sheet of a few items in several styles and settings: preview."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from impasto.cli import single, streams
from impasto.cli.options import AsJson, Config, Device, Home, ItemKind, Stream, Workers
from impasto.cli.scorer_commands import PARAMS, ScorerCommand
from impasto.cli.scorer_flags import spec_params
from impasto.cli.single import Overwrite
from impasto.cli.spec_options import Mask, MaskFeather, MaskSide
from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from impasto.driver.sheet import Preview
    from impasto.settings import Settings
    from impasto.storage.stores import Stores

SHOWN = 6
"""Items that a sheet shows unless it is told otherwise."""
MOST = 60
"""Items that a sheet may show."""
LONGEST = 10
"""Seconds that a sheet shows in motion."""
SHEETS = (".png", ".jpg", ".jpeg", ".html")

ScorerName = Annotated[
    str, typer.Option(help="The model; its parameters are options too: see 'impasto scorers'.")
]
Start = Annotated[str | None, typer.Option(help="Where to start: seconds, or [[hh:]mm:]ss.")]
End = Annotated[str | None, typer.Option(help="Where to stop, in the same formats.")]
Deinterlacing = Annotated[
    Literal["auto", "no"],
    typer.Option(help="Turn the frames of an interlaced video into whole pictures."),
]


def add(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(cls=ScorerCommand)(preview)


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
            "[default: one a shot, the most different]",
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
    motion: Annotated[
        str | None,
        typer.Option(
            help=f"Also show so much of the video in motion, such as 2s, up to {LONGEST}s: in a "
            ".html. It scores every frame of it in every row.",
            metavar="TIME",
        ),
    ] = None,
    scorer: ScorerName = "style",
    max_size: Annotated[
        str | None,
        typer.Option(
            help="Scale pictures down to this longer side, in pixels; several are compared.",
            metavar="N,...",
        ),
    ] = None,
    temporal: Annotated[
        str | None,
        typer.Option(
            help="How much is carried along with the motion, from 0 to 1; several are compared. It "
            "is seen with --motion.",
            metavar="NUMBER,...",
        ),
    ] = None,
    start: Start = None,
    end: End = None,
    stream: Stream = None,
    deinterlace: Deinterlacing = "auto",
    mask: Mask = None,
    mask_side: MaskSide = "inside",
    mask_feather: MaskFeather = 0.0,
    items: ItemKind = None,
    overwrite: Overwrite = False,
    workers: Workers = None,
    device: Device = None,
    home: Home = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Draw a sheet of a few frames in one or many styles and settings, in seconds.

    A number of the scorer may be several, such as --strength 0.5,1: each is tried with each style.
    Nothing but the sheet is written. It also says how long the whole job would take.
    """
    from impasto.cli import varied
    from impasto.cli.render import trial
    from impasto.cli.render.sheet.cells import Label
    from impasto.cli.render.sheet.write import write
    from impasto.cli.times import seconds
    from impasto.driver import sheet as driver

    streams.act()
    target = single.target(output, SHEETS, overwrite=overwrite)
    moving = _moving(motion, target) if motion else None
    settings = single.settings(config, workers=workers, device=device, home=home)
    moments = [seconds(each, "--at") for text in at or () for each in text.split(",")]
    if temporal and not moving:
        raise BadInput("--temporal: is seen in motion only", "add --motion 2s")
    varying = {
        "max_size": varied.numbers(max_size, "--max-size", int),
        "temporal": varied.numbers(temporal, "--temporal", float),
    }
    tried = varied.settings(scorer, ctx.meta[PARAMS], varying)
    common = {
        "source": source,
        "scorer": scorer,
        "items": items,
        "start": seconds(start, "--start") if start else None,
        "end": seconds(end, "--end") if end else None,
        "stream": stream,
        "deinterlace": deinterlace,
        "mask": mask,
        "mask_side": mask_side,
        "mask_feather": mask_feather,
    }
    with single.interruptible():
        paintings = _paintings(
            [*(style or ()), *(_listed(more, style) if more else ())], settings, scorer
        )
        rows = [
            ({"style": painting, **each.params} if painting else each.params, each.fields)
            for painting in paintings or [""]
            for each in tried
        ]
        specs = [
            single.spec(ctx, {**common, **fields, "params": spec_params(scorer, params)})
            for params, fields in rows
        ]
        with trial.scoring(len(specs)) as told:
            made = driver.preview(specs, settings, moments, number, told, moving)
        names = [Path(each).name for each in paintings] or [scorer.rpartition("/")[2]]
        labels = [Label(name, each.label) for name in names for each in tried]
        write(made, labels, Path(source).name or source, target)
    params, fields = rows[0]
    options: dict[str, Any] = {f"--{each.replace('_', '-')}": fields[each] for each in fields}
    options |= {"--start": start, "--end": end}
    options |= {"--stream": stream, "--items": items}
    options |= {"--deinterlace": deinterlace if deinterlace != "auto" else None}
    options |= {"--mask": mask, "--mask-side": mask_side if mask_side != "inside" else None}
    options |= {"--mask-feather": mask_feather or None}
    command = _command(source, scorer, params, options, _usual_output(made, source))
    shown = trial.Drawn(str(target), len(names), len(tried), command)
    trial.preview(made, shown, as_json=as_json)


def _moving(text: str, target: Path) -> Fraction:
    """Return how much of a video is shown in motion, in seconds; raises BadInput."""
    from impasto.cli.times import seconds

    if target.suffix.lower() != ".html":
        raise BadInput("--motion: needs a page to play on", f"write {target.with_suffix('.html')}")
    found = seconds(text.strip().removesuffix("s"), "--motion")
    if not 0 < found <= LONGEST:
        raise BadInput(f"--motion {text}: is not within {LONGEST} seconds", "write 2s")
    return found


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


def _typed(value: object) -> str:
    """Return a value as it is typed."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _command(
    source: str, scorer: str, params: dict[str, Any], options: dict[str, Any], output: str
) -> str:
    """Return the command that runs the whole job, as it is typed."""
    words = ["impasto", "run", source]
    words += [] if scorer == "style" else ["--scorer", scorer]
    flags = {f"--{name.replace('_', '-')}": value for name, value in params.items()}
    for name, value in (flags | options).items():
        if isinstance(value, dict):
            words += [word for key, it in value.items() for word in (name, f"{key}={it}")]
        elif value is not None:
            words += [name] if value is True else [name, _typed(value)]
    return shlex.join([*words, "-o", output])
