"""A job's log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from impasto.cli.job_argument import job_argument
from impasto.cli.render.text import json_line, note, say
from impasto.cli.render.wording import worded

if TYPE_CHECKING:
    from impasto.jobs.follow import Ended
    from impasto.jobs.job import Job
    from impasto.schema.events import Event


def event(logged: Event, *, as_json: bool) -> None:
    """Print an event as a line for people, or as the JSON line that is stored."""
    line = logged.line()
    if as_json:
        json_line(line)
        return
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(line["time"]))
    fields = ((name, value) for name, value in line.items() if name not in {"time", "event"})
    rest = " ".join(f"{name}={value}" for name, value in fields if value not in ("", []))
    say(f"{stamp} {line['event']:<9} {worded(rest)}")


def end(job: Job, ended: Ended) -> None:
    """Print, as a note, how a job ended, and the command that resumes it."""
    words = ended.error if ended.state == "stopped" else f"is {ended.state}"
    if ended.resumable:
        words += f"; run 'impasto resume {job_argument(job.id, str(job.home.place))}' to continue"
    note(f"job {job.id}: {words}")
