"""The words for what a set of jobs does, and for how each of them ended."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING

from impasto.cli.job_argument import add_remedy, job_argument, name_job
from impasto.cli.job_progress import NAME, PAINTERS, finishing
from impasto.cli.progress import STOPPING, Units
from impasto.cli.render import jobs as display
from impasto.cli.render.text import json_line, nearby, note, say, warn
from impasto.cli.render.wording import worded
from impasto.cli.set_event import SetEvent
from impasto.errors import Incomplete, Interrupted
from impasto.schema.words import clock, counted, plain, shortened
from impasto.scorers import registry

if TYPE_CHECKING:
    from impasto.driver.sets.inside import Ended
    from impasto.driver.sets.members import Member
    from impasto.driver.sets.run import SetProgress
    from impasto.errors import ImpastoError
    from impasto.schema.progress import Progress

PARTS = 1000
"""Parts of a job that a bar tells apart."""


UNITS = Units(
    lambda event: event.doing,
    lambda event: f"({event.jobs[0]:,} of {event.jobs[1]:,} jobs done)",
    lambda event, _: (
        f"{event.rate:.1f} {'fps' if event.items == 'frames' else f'{event.items}/s'}"
        if event.rate
        else ""
    ),
    lambda event: _stopping(event),
    lambda _: True,
)


class SetWatch:
    """Remembers how the jobs of a set ended, and tells of each.

    Attributes:
        counts: jobs by how they ended: ``done``, ``earlier`` (done by an earlier run), ``failed``
            and ``stopped``.
        codes: the exit codes of those that failed.
        failures: the names of these.
        worth: whether something that runs now is worth finishing.
    """

    def __init__(self, home: str, *, as_json: bool, quiet: bool) -> None:
        self.counts: Counter[str] = Counter()
        self.codes: set[int] = set()
        self.failures: list[str] = []
        self.worth = False
        self._models: set[str] = set()
        self._home, self._as_json, self._quiet = home, as_json, quiet

    def event(self, progress: SetProgress) -> SetEvent:
        """Return what a bar shows of a set's progress."""
        told = [(member, last) for member, last in progress.running if last]
        self.worth = any(last.stage == "scoring" for _, last in told)
        parts = sum(PARTS * last.done // last.total for _, last in told if last.total)
        done = PARTS * progress.ended + parts
        earlier = PARTS * self.counts["earlier"]
        earlier += sum(PARTS * last.resumed // last.total for _, last in told if last.total)
        rate = sum(last.rate for _, last in told)
        items = told[0][1].items if told else "items"
        jobs = progress.ended, progress.of
        total, earlier = PARTS * progress.of, min(earlier, done)
        doing, in_work = _doing(progress), sum(last.in_work for _, last in told)
        known = all(last.rate for _, last in told if last.in_work)
        slowest = max((last.in_work / last.rate for _, last in told if last.rate), default=0.0)
        finish = slowest if known else 0.0
        return SetEvent(doing, jobs, rate, items, done, total, earlier, in_work, finish)

    def ended(self, member: Member, ended: Ended, last: Progress | None) -> None:
        """Tell how a job ended."""
        from impasto.cli.bar import hidden

        with hidden():
            if ended.result:
                self._done(member, ended, last)
            elif ended.error:
                self._failed(member, ended.error, last)

    def _done(self, member: Member, ended: Ended, last: Progress | None) -> None:
        result = ended.result
        assert result
        self.counts["earlier" if result.done_already else "done"] += 1
        if self._as_json:
            display.result_line(result, **_named(member))
        elif not self._quiet:
            told = dict.fromkeys((*result.warnings, *result.notes))
            for line in told:
                self._note(member, line)
            named = job_argument(result.job, self._home)
            output = nearby(member.spec.output)
            rate = last.media_rate if last else 0.0
            display.result(result, output, result.noun or "items", named, rate, told)

    def _note(self, member: Member, line: str) -> None:
        """Print a note of a job; what is said of the model that all have, only once."""
        model = str(member.spec.params.get(registry.find(member.spec.scorer).roles.argument, ""))
        # A model may be called by its path or by its name alone.
        if model and PurePath(line.partition(": ")[0]).name == PurePath(model).name:
            if line not in self._models:
                note(line)
            self._models.add(line)
        else:
            note(f"{member.name}: {line}")

    def _failed(self, member: Member, error: ImpastoError, last: Progress | None) -> None:
        stopped = isinstance(error, Interrupted)
        self.counts["stopped" if stopped else "failed"] += 1
        if not stopped:
            self.codes.add(error.exit_code)
            self.failures.append(plain(member.name))
        job = last.job if last else error.job
        name_job(error, job, self._home)
        if self._as_json:
            display.failure(error, last, **_named(member))
        elif not stopped:
            add_remedy(error, self._home)
            warn(f"failed: {member.name}: {worded(plain(str(error)))}")
            if isinstance(error, Incomplete) and job and not self._quiet:
                aside = [plain(worded(each)) for each in error.aside]
                display.failed(aside, error.failed, job_argument(job, self._home))

    def summary(self, of: int, seconds: float, exit_code: int) -> None:
        """Print how many of the jobs ended how."""
        counts = self.counts
        left = of - counts.total() + counts["stopped"]
        if self._as_json:
            json_line(
                {
                    "jobs": of,
                    "done": counts["done"] + counts["earlier"],
                    "done_already": counts["earlier"],
                    "failed": counts["failed"],
                    "left": left,
                    "exit_code": exit_code,
                }
            )
        elif not self._quiet:
            say(f"{counted(of, 'jobs')}: {self.said(left)} in {clock(seconds)}")

    def said(self, left: int) -> str:
        """Say how many jobs ended how.

        Args:
            left: how many are left to do.
        """
        counts = self.counts
        words = (
            (counts["done"], "done"),
            (counts["earlier"], "done already"),
            (counts["failed"], "failed"),
            (left, "left"),
        )
        return ", ".join(f"{count:,} {what}" for count, what in words if count)


def _stopping(event: SetEvent | None) -> str:
    """Say what is finished before the jobs stop, and for how long."""
    if event is None or not event.finish:
        return STOPPING.format(event.items if event else "items")
    return finishing(event.in_work, event.items, event.finish)


def _doing(progress: SetProgress) -> str:
    """Say what the running jobs do."""
    if not progress.running:
        return "finishing"
    member, last = progress.running[0]
    paints = member.spec.scorer.partition(":")[0] in PAINTERS
    verb = "painting" if paints else "scoring"
    if len(progress.running) > 1:
        return f"{verb} {len(progress.running)} at once"
    if last is None or last.stage == "planning":
        verb = "reading"
    elif last.stage != "scoring":
        verb = "writing"
    return f"{verb} {plain(shortened(member.name, NAME))}"


def _named(member: Member) -> dict[str, str]:
    return {"source": member.spec.source} | ({"style": member.style} if member.style else {})
