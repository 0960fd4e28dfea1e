"""The command that measures how an output looks in motion."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from impasto.cli import streams
from impasto.cli.options import (
    AsJson,
    Config,
    Home,
    Quiet,
    Stream,
    load_settings,
    open_stores,
)
from impasto.errors import BadInput, Interrupted

if TYPE_CHECKING:
    from fractions import Fraction

    from impasto.cli.progress import Units
    from impasto.jobs.job import Job
    from impasto.metrics.footage import Footage


def add(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(metrics)


def metrics(
    source: Annotated[str, typer.Argument(help="The video that was scored, or only the JOB.")],
    output: Annotated[str | None, typer.Argument(help="The video that was made of it.")] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Another output of the same source, to compare with.", metavar="FILE"),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(
            help="How many frames to measure, in runs of 24 spread over the video; or which, from "
            "0; or all. [default: about a minute's work]",
            metavar="N|A:B|all",
        ),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(
            help="Also look for seams at every N-th frame of the source, where keyframes are.",
            min=2,
            metavar="N",
        ),
    ] = None,
    style: Annotated[
        str | None,
        typer.Option(help="The painting, to measure how near its style is.", metavar="IMAGE"),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="VGG's weights: pth, safetensors or h5. [default: torchvision's, if they are "
            "here]",
            metavar="FILE",
        ),
    ] = None,
    network: Annotated[
        Literal["vgg19", "vgg16"], typer.Option(help="The network of these weights.")
    ] = "vgg19",
    download: Annotated[
        bool, typer.Option("--download", help="Fetch torchvision's weights, if they are not here.")
    ] = False,
    start: Annotated[
        str | None, typer.Option(help="Where the output begins. [default: as its job began]")
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="Where the output ends. [default: as its job ended]")
    ] = None,
    stream: Stream = None,
    plot: Annotated[
        str | None,
        typer.Option("--plot", help="Draw flicker over time into this PNG file.", metavar="FILE"),
    ] = None,
    home: Home = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how an output video looks in motion: flicker, sharpness, seams, colours, style.

    Each number stands beside the source's own. The job that made the output, if it is known, says
    which part was taken and where shards meet.
    """
    from impasto.cli import interrupt, made, progress, times
    from impasto.cli.looks import Looks
    from impasto.cli.render import metrics as display
    from impasto.cli.render.plot import check as check_plot
    from impasto.media.compare.pair import Given
    from impasto.metrics import summary
    from impasto.metrics.footage import open_footage
    from impasto.metrics.measure import measure
    from impasto.schema.progress import Progress
    from impasto.storage.named_file import File

    streams.act()
    if plot:
        check_plot(plot)
    settings = load_settings(config, home)
    stores = open_stores(settings)
    source, output, job = made.find(source, output, settings)
    spec = job.spec() if job else None
    part: tuple[Fraction | None, Fraction | None] = (
        times.seconds(start, "--start") if start else spec.start if spec else None,
        times.seconds(end, "--end") if end else spec.end if spec else None,
    )
    stream = spec.stream if stream is None and spec else stream
    files = [File(stores, each) for each in (source, output, against) if each]
    made.check_videos("metrics compares", *files)
    footage = open_footage(
        Given(files[0].open(), files[0].name),
        [Given(each.open(), each.name) for each in files[1:]],
        part,
        stream,
    )
    borders = _borders(job, footage, every)
    runs = _runs(sample, footage, {frame for each in borders.values() for frame in each})
    params = spec.params if spec else {}
    asked = Looks(style, params.get("style"), weights, network, download)
    try:
        with (
            progress.progress(quiet or as_json, _units()) as shown,
            interrupt.interruptible(shown.stopping, at_once=lambda: True),
        ):
            eye, notes = asked.open(stores, settings.home)
            found = measure(
                footage,
                runs,
                eye,
                len(os.sched_getaffinity(0)),
                lambda done, total: shown.update(Progress("measuring", "", done, total)),
            )
    except KeyboardInterrupt:
        raise Interrupted(f"{files[1].name}: stopped, nothing is measured") from None
    report = summary.report(footage, found, runs, borders, notes)
    display.report(report, as_json=as_json, quiet=quiet)
    if plot:
        display.plot(Path(plot), report, borders)


def _borders(job: Job | None, footage: Footage, every: int | None) -> dict[str, set[int]]:
    """Return the output's frames that follow a border, by what the borders are of."""
    found = {}
    plan = job.plan() if job else None
    if plan and plan.source == "video" and plan.count == footage.count:
        first = plan.shards[0].start
        found["shards"] = {shard.start - first for shard in plan.shards[1:]}
    if every:
        frames = range(1, footage.count)
        found[f"every {every}"] = {n for n in frames if not (footage.first + n) % every}
    return {name: frames for name, frames in found.items() if frames}


def _runs(sample: str | None, footage: Footage, borders: set[int]) -> tuple[range, ...]:
    """Return the frames to measure; raises BadInput where the option is wrong."""
    from impasto.metrics.sampling import most_by_default, runs

    count = footage.count
    if sample == "all":
        return (range(count),)
    if sample and (match := re.fullmatch(r"(\d+):(\d+)", sample)):
        start, stop = map(int, match.groups())
        if start >= min(stop, count):
            raise BadInput(f"--sample {sample}: holds no frame", f"the output has frames 0:{count}")
        return (range(start, min(stop, count)),)
    if sample and not re.fullmatch(r"[1-9]\d*", sample):
        raise BadInput(f"--sample {sample}: is no number of frames", "write 240, 100:200 or all")
    layout = footage.layout
    most = int(sample) if sample else most_by_default(layout.width, layout.height)
    return runs(count, most, borders)


def _units() -> Units:
    from impasto.cli.progress import STOPPING, Units

    return Units(
        lambda event: event.stage,
        lambda event: f"{event.done:,} of {event.total:,} frames",
        lambda _, rate: f"{rate:.1f} fps",
        lambda _: STOPPING.format("frames"),
        lambda event: event.stage == "measuring",
    )
