"""The words for what a job does, for the bar, for lines and for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.cli.job_argument import add_remedy, job_argument
from impasto.cli.progress import STOPPING, Units
from impasto.cli.render.text import minutes, ratio
from impasto.errors import ImpastoError, Interrupted, StoppedAtOnce
from impasto.schema.words import counted, plain, shortened

if TYPE_CHECKING:
    from impasto.cli.progress import Meter
    from impasto.schema.job import JobSpec
    from impasto.schema.progress import Progress

PAINTERS = {"style", "gatys"}
"""Scorers whose pictures are painted; others are scored."""
MODELS = PAINTERS | {"onnx", "checkpoint"}
"""Scorers that are models; what another one loads is up to it."""
MAKING = {
    "video": "putting the film together",
    "records": "writing the records",
    "image": "writing the picture",
    "folder": "putting the pictures in place",
    "arrays": "putting the arrays in place",
    "files": "putting the files in place",
}
"""What assembling is to a user, by what is made."""
NAME = 32
"""Columns of a source's name."""


def job_units(spec: JobSpec, *, verbose: bool = False) -> Units:
    """Return the wording of a job's progress.

    Args:
        spec: the job's.
        verbose: whether to tell of shards and workers.
    """
    name = plain(shortened(spec.source.rstrip("/").rpartition("/")[2], NAME))
    verb = "painting" if _paints(spec) else "scoring"
    model = "model" if spec.scorer.partition(":")[0] in MODELS else "scorer"

    def doing(job: Progress) -> str:
        match job.stage:
            case "planning":
                return f"reading {name}"
            case "assembling":
                return MAKING.get(job.output, "writing the output")
            case "delivering":
                return "uploading the output"
        return verb if job.workers.running or job.done > job.resumed else f"loading the {model}"

    def count(job: Progress) -> str:
        if job.stage != "scoring" or not job.total:
            return ""
        frames = counted(job.total, job.items)
        return f"{job.done:,} of {frames}" if doing(job) == verb or job.done else frames

    return Units(
        doing,
        count,
        lambda job, rate: speed(rate, job.items, job.media_rate),
        _stopping,
        lambda job: job.stage == "scoring" and doing(job) == verb,
        lambda job: f"job {job.job}: ",
        lambda job: _shards_and_workers(job) if verbose and job.stage == "scoring" else "",
        eager=True,
        measured=True,
    )


def _stopping(job: Progress | None) -> str:
    """Say what is finished before the job stops, and for how long."""
    if job is None or not (job.in_work and job.rate):
        return STOPPING.format(job.items if job else "items")
    return finishing(job.in_work, job.items, job.in_work / job.rate)


def finishing(count: int, items: str, seconds: float) -> str:
    """Say how many items are finished before a stop, and for how long."""
    work = f"{count:,} {items} in work, about {minutes(seconds, up=True)}"
    return f"stopping: finishing {work}; Ctrl-C again drops them"


def speed(rate: float, items: str, media_rate: float) -> str:
    """Say how fast a job's items are scored, of a video also in relation to its playback."""
    words = f"{rate:.1f} {'fps' if items == 'frames' else f'{items}/s'}"
    return f"{words} ({ratio(rate / media_rate)}x)" if media_rate else words


class JobWatch:
    """Remembers how far a job is, for what is said when it ends early.

    Attributes:
        last: its last progress; None before there was any.
    """

    def __init__(self, spec: JobSpec, home: str) -> None:
        self.last: Progress | None = None
        self._spec, self._home = spec, home

    def update(self, shown: Meter, event: Progress) -> None:
        """Show its progress."""
        self.last = event
        shown.update(event)

    def at_once(self) -> bool:
        """Return whether nothing that runs now is worth finishing.

        A shard is; a plan and an output are made again from what is kept.
        """
        return self.last is None or self.last.stage != "scoring"

    def stopped(self) -> str:
        """Say what is kept of it, and how to go on."""
        named = job_argument(self.last.job, self._home) if self.last else ""
        return stopped(self._spec, self.last, named)

    def end(
        self, cause: ImpastoError | KeyboardInterrupt, *, asked: bool, as_submitted: bool
    ) -> ImpastoError:
        """Return the error with which it ends, for people.

        Args:
            cause: what was raised.
            asked: whether the user has asked it to stop.
            as_submitted: whether the same command would heed an earlier cancellation.
        """
        if isinstance(cause, KeyboardInterrupt):
            return StoppedAtOnce(self.stopped())
        if isinstance(cause, Interrupted) and asked:
            return Interrupted(self.stopped())
        add_remedy(cause, self._home, as_submitted=as_submitted)
        return cause


def stopped(spec: JobSpec, last: Progress | None, named: str) -> str:
    """Say what is kept of a job that a user stopped, and how to go on.

    Args:
        spec: the job's.
        last: its last progress, if there was any.
        named: the job, as commands take it; "" while it has no id.
    """
    again = "run the same command"
    again += f" (or 'impasto resume {named}') to go on" if named else " to begin again"
    return f"stopped: {_kept(spec, last)}; {again}"


def _kept(spec: JobSpec, last: Progress | None) -> str:
    verb = "painted" if _paints(spec) else "scored"
    if last is None or not last.total:
        return f"nothing was {verb} yet"
    words = f"{last.done:,} of {counted(last.total, last.items)} {verb}"
    if last.kept < last.done:
        return f"{words}, {last.kept:,} kept"
    return f"{words} and kept" if last.kept else words


def _paints(spec: JobSpec) -> bool:
    return spec.scorer.partition(":")[0] in PAINTERS


def _shards_and_workers(job: Progress) -> str:
    """Say how many shards are done and what the workers do."""
    workers = job.workers
    said = [
        f"{count} {what}"
        for count, what in (
            (workers.asked, "requested"),
            (workers.starting, "starting"),
            (workers.running, "running"),
            (workers.idle, "idle"),
        )
        if count
    ]
    done, shards = job.shards
    return f"{done} of {shards} shards" + (f", workers: {', '.join(said)}" if said else "")
