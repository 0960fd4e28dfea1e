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
    from collections.abc import Iterable

    from impasto.jobs.follow import Ended
    from impasto.jobs.job import Job
    from impasto.jobs.log_filter import LogFilter
    from impasto.schema.events import Event
    from impasto.schema.job import JobSpec


class LogView:
    """Prints the events of one job's log.

    A traceback that several items share is printed below the first of them.
    """

    def __init__(self, job: Job, spec: JobSpec, chosen: LogFilter, *, as_json: bool) -> None:
        """Prepare.

        Args:
            job: the job, whose plan names its items.
            spec: its spec.
            chosen: which events to print; of prints alone, exactly what was printed.
            as_json: whether to print the JSON lines that are stored, each with whose it is.
        """
        self._words = LogWords(job.plan, worded)
        self._chosen, self._as_json = chosen, as_json
        self._whose = {"job": job.id} | ({"tenant": spec.tenant} if spec.tenant else {})
        self._seen: set[str] = set()
        self._shown = False

    def close(self) -> None:
        """Say if no event was among those that were chosen."""
        if not self._shown and not self._chosen.all:
            note("no event of the log matches")

    def show(self, logged: Iterable[Event]) -> None:
        """Print those of some events that were chosen."""
        if self._as_json and self._chosen.all:
            for event in logged:
                json_line(event.line() | self._whose)
            return
        for event, words in self._chosen.select(logged, self._words):
            self._shown = True
            if self._as_json:
                json_line(event.line() | self._whose)
            elif self._chosen.prints:
                say(words.below, end="")
            else:
                self._event(event, words)

    def _event(self, logged: Event, words: Words) -> None:
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
