"""The command that shows a source and its result in one video or picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from impasto.cli import streams
from impasto.cli.options import Config, Home, Quiet, Stream, find_made, load_settings, open_stores
from impasto.errors import BadInput, Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from impasto.cli.progress import Units
    from impasto.media.compare.pane import Form
    from impasto.schema.progress import Progress
    from impasto.storage.named_file import File
    from impasto.storage.stores import Stores

TAG = "compare"
"""The owner's name of unfinished files beside an output."""


def add(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(compare)


def compare(
    source: Annotated[str, typer.Argument(help="The video or image that was scored.")],
    result: Annotated[str, typer.Argument(help="What was made of it.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="The video or image to write, on this machine.")
    ],
    form: Annotated[
        Literal["side", "split"],
        typer.Option("--as", help="Beside each other, or one on each side of a line that moves."),
    ] = "side",
    start: Annotated[
        str | None, typer.Option(help="Where RESULT begins. [default: as its job began]")
    ] = None,
    stream: Stream = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.")
    ] = False,
    home: Home = None,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Show SOURCE and RESULT in one video, or in one image.

    The source is on the left. The video has its times and its sound, and is as large as the result
    (twice as wide with --as side). A result that ends early is compared as far as it goes.
    """
    from impasto.cli import interrupt, progress
    from impasto.cli.render.text import say
    from impasto.cli.times import seconds
    from impasto.schema.words import size
    from impasto.storage.local import check_output, linked, publishing, sweep_partial
    from impasto.storage.named_file import File

    streams.act()
    settings = load_settings(config, home)
    stores = open_stores(settings)
    given = File(stores, source), File(stores, result)
    target = linked(_local(output, given))
    _check_suffix(output, given)
    begin = seconds(start, "--start") if start else None
    told = begin is not None
    if not _images(given) and (job := find_made(source, result, settings)):
        spec, told = job.spec(), True
        begin = spec.start if begin is None else begin
        stream = spec.stream if stream is None else stream
    check_output(target, TAG, {target.suffix.lower()} if overwrite else None, folder=False)
    sweep_partial(target, TAG)
    try:
        with (
            progress.progress(quiet, _units()) as shown,
            interrupt.interruptible(shown.stopping, at_once=lambda: True),
            publishing(target, TAG, overwrite=overwrite) as path,
        ):
            made = _write(stores, given, path, form, (begin, told), stream, shown.update)
            written = path.stat().st_size
    except KeyboardInterrupt:
        raise Interrupted(f"{output}: stopped, nothing is written") from None
    if not quiet:
        say(f"{output}: {made}, {size(written)}")


def _local(output: str, given: tuple[File, File]) -> Path:
    """Return the output's path; raises BadInput for a URL, and for what is compared."""
    from impasto.schema.url import is_local

    if not is_local(output):
        raise BadInput(
            f"{output}: is a URL, and this is written to this machine",
            "name a file here, and copy it with `impasto cp`",
        )
    path = Path(output)
    for each in given:
        if each.place.local and path.exists() and path.samefile(each.place.path):
            raise BadInput(f"{output}: is also what is compared", "choose another output")
    return path


def _images(given: tuple[File, File]) -> bool:
    from impasto.media.formats import is_image

    return all(is_image(each.name) for each in given)


def _check_suffix(output: str, given: tuple[File, File]) -> None:
    """Refuse what cannot be compared, and an output whose name asks for something else."""
    from impasto.media.formats import WRITABLE, family_of, is_image
    from impasto.storage.local import is_folder

    remedy = "compare shows two videos or two images"
    for each in given:
        if each.place.local and is_folder(each.place.path):
            raise BadInput(f"{each.name}: is a folder", f"{remedy}; name one of its images")
    if is_image(given[0].name) != is_image(given[1].name):
        names = " and ".join(each.name for each in given)
        raise BadInput(f"{names}: only one of them is an image", remedy)
    if not _images(given):
        family_of(output)
    elif Path(output).suffix.lower() not in WRITABLE:
        raise BadInput(f"{output}: is not an image", f"use one of {', '.join(WRITABLE)}")


def _units() -> Units:
    from impasto.cli.progress import STOPPING, Units

    return Units(
        lambda event: event.stage,
        lambda event: f"{event.done:,} of {event.total:,} frames",
        lambda _, rate: f"{rate:.1f} fps",
        lambda _: STOPPING.format("frames"),
        lambda event: event.stage == "comparing",
    )


def _write(
    stores: Stores,
    given: tuple[File, File],
    path: Path,
    form: Form,
    start: tuple[Fraction | None, bool],
    stream: int | None,
    update: Callable[[Progress], None],
) -> str:
    """Write the comparison; returns what it is, for people.

    ``start`` says where the result begins, and whether that is known or only assumed.
    """
    import os

    from impasto.cli.render.text import note
    from impasto.media.compare import image, video
    from impasto.media.compare.pair import Given
    from impasto.schema.progress import Progress

    if _images(given):
        sides = [(stores.read(each.place), each.name) for each in given]
        path.write_bytes(image.compare(sides[0], sides[1], path.suffix, form))
        return "source and result"
    parts = [Given(each.open(), each.name) for each in given]
    frames, left = video.compare(
        parts[0],
        parts[1],
        path,
        form,
        start[0],
        stream,
        len(os.sched_getaffinity(0)),
        lambda done, total: update(Progress("comparing", "", done, total)),
    )
    if left:
        said = f"{given[1].name} ends early: the source's last {left:,} frames are left out"
        note(said if start[1] else f"{said}; if it begins later than the source, give `start`")
    return f"{frames:,} frames"
