"""A job's log: one line per event, and what belongs to it indented below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.cli.job_argument import job_argument
from impasto.cli.render import moments, traces
from impasto.cli.render.text import json_line, note, say
from impasto.cli.render.wording import worded
from impasto.jobs.log_words import LogWords, Words
from impasto.schema import events
from impasto.schema.words import plain

if TYPE_CHECKING:
    from impasto.jobs.follow import Ended
    from impasto.jobs.job import Job
    from impasto.schema.events import Event


class LogView:
    """Prints the events of one job's log.

    A traceback that several items share is printed below the first of them.
    """

    def __init__(self, job: Job, *, as_json: bool) -> None:
        """Prepare.

        Args:
            job: the job, whose plan names its items.
            as_json: whether to print the JSON lines that are stored.
        """
        self._words = LogWords(job.plan, worded)
        self._as_json = as_json
        self._seen: set[str] = set()

    def event(self, logged: Event) -> None:
        """Print an event."""
        if self._as_json:
            json_line(logged.line())
            return
        words = self._words.of(logged)
        say(f"{moments.stamp(logged.time)}  {words.text}")
        for line in self._below(logged, words):
            say(f"    {line}")

    def _below(self, logged: Event, words: Words) -> list[str]:
        if isinstance(logged, events.Printed):
            return [f"| {plain(line)}" for line in words.below.splitlines()]
        if not words.below or words.below in self._seen:
            return []
        self._seen.add(words.below)
        return traces.lines(words.below)


def end(job: Job, ended: Ended) -> None:
    """Print, as a note, how a job ended, and the command that resumes it."""
    words = ended.error if ended.state == "stopped" else f"is {ended.state}"
    if ended.resumable:
        words += f"; run 'impasto resume {job_argument(job.id, str(job.home.place))}' to continue"
    note(f"job {job.id}: {words}")
