"""What was made of a source, by both names or by the job that made it."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from impasto.cli.options import find_job, find_made
from impasto.errors import BadInput

if TYPE_CHECKING:
    from impasto.jobs.job import Job
    from impasto.settings import Settings
    from impasto.storage.named_file import File


class Made(NamedTuple):
    """A source and what was made of it.

    Attributes:
        source: as it was named, or as the job names it.
        output: the same of the output.
        job: what made it, where the home knows.
    """

    source: str
    output: str
    job: Job | None


def find(source: str, output: str | None, settings: Settings) -> Made:
    """Find what a command is given; ``source`` may be the job alone.

    Raises:
        BadInput: there is no such job, it has no output yet, or a file is named alone.
    """
    if output is not None:
        return Made(source, output, find_made(source, output, settings))
    job = _job(source, settings)
    return Made(job.spec().source, _output(job, settings), job)


def _job(named: str, settings: Settings) -> Job:
    """Return the job that is named without an output; raises BadInput for a file."""
    if Path(named).exists() or PurePath(named).suffix or "/" in named:
        raise BadInput(
            "OUTPUT: is missing", f"name what was made of {named}, or give only the job's id"
        )
    return find_job(named, settings)


def _output(job: Job, settings: Settings) -> str:
    """Return the output of a job; raises BadInput while it has made none."""
    from impasto.cli.job_argument import job_argument
    from impasto.jobs.state import standing

    result = job.result()
    if result:
        return result.output
    state, named = standing(job, job.listing()).state, job_argument(job.id, settings.home)
    remedy = f"`impasto resume {named}` goes on with it"
    if state == "running":
        remedy = f"`impasto logs -f {named}` shows how far it is"
    raise BadInput(f"job {job.id}: is {state} and has no output yet", remedy)


def check_videos(what: str, source: File, *outputs: File) -> None:
    """Refuse what is not a video, for a command that does ``what`` with videos alone."""
    from impasto.media.formats import is_image, is_video
    from impasto.storage.local import is_folder

    for each in (source, *outputs):
        folder = each.place.local and is_folder(each.place.path)
        known = each is source or is_video(each.name)
        if folder or is_image(each.name) or not known:
            raise BadInput(
                f"{each.name}: is not a video, and {what} a video with its source",
                "`impasto show` says what a job did, `impasto compare` shows two images",
            )
