"""What a watcher says, and writes down, about how its orders end."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from impasto.errors import ImpastoError
from impasto.jobs.job import Job
from impasto.schema.events import Stopped
from impasto.schema.watch import Ended, Try
from impasto.watch.news import News, OnNews
from impasto.watch.orders import Alive, Began, Outcome

if TYPE_CHECKING:
    from impasto.storage.store import Store
    from impasto.watch.dispatch import Waiting
    from impasto.watch.driver_process import DriverProcess
    from impasto.watch.records import Records

DEATHS = 3
"""Driver processes that a ticket or a job may kill."""


class Ends:
    """Reports the ends of orders.

    Attributes:
        failed: how many failed, for good or for now; poison does not count.
        waits: how many wait for something that does not answer.
    """

    def __init__(self, records: Records, home: Store, on_news: OnNews) -> None:
        """Begin with none.

        Args:
            records: where deaths of driver processes are noted.
            home: the jobs' home.
            on_news: called with each of them.
        """
        self.failed = self.waits = 0
        self._records, self._home, self._tell = records, home, on_news
        self._deaths: dict[str, int] = {}

    def began(self, waiting: Waiting, began: Began) -> None:
        """Report that a job has begun."""
        text = "goes on" if began.resumed else "began"
        self._tell(_news(waiting, text, state="began", job=began.job))

    def goes_on(self, waiting: Waiting, job: str, alive: Alive) -> None:
        """Report how far a job is."""
        left = (alive.total - alive.done) / alive.rate if alive.rate else 0.0
        text = f"{alive.done:,} of {alive.total:,} items"
        self._tell(_news(waiting, text, state="running", job=job, seconds=left))

    def warned(self, waiting: Waiting, text: str) -> None:
        """Report what went wrong beside a job."""
        self._tell(_news(waiting, text, warning=True))

    def lost(self, waiting: Waiting) -> None:
        """Report that another watcher drives something now."""
        text = "another watcher may have taken it over, so it was stopped here"
        self._tell(_news(waiting, text, warning=True))

    def ended(self, waiting: Waiting, outcome: Outcome, seconds: float) -> None:
        """Report how an order ended."""
        if outcome.known:
            return
        words = {
            "done": outcome.output,
            "superseded": "has changed or gone; nothing was made of this version",
            "tried": f"failed, and will be tried again: {outcome.error}",
            "waits": f"waits: {outcome.error}",
            "stopped": "stopped; it goes on next time",
        }
        text = words.get(outcome.state, outcome.error)
        failed = outcome.state in {"failed", "tried"}
        self.failed += failed
        self.waits += outcome.state == "waits"
        self._tell(
            _news(
                waiting,
                text,
                state=outcome.state,
                job=outcome.job,
                output=outcome.output,
                seconds=seconds,
                items=outcome.items,
                warning=failed or outcome.state in {"poison", "waits"},
            )
        )

    def died(self, waiting: Waiting, process: DriverProcess, error: Exception) -> Outcome:
        """Note that a driver process died or was silent; returns what that means for its order."""
        how = str(error) if isinstance(error, TimeoutError) else process.exit_reason()
        text = f"the process that drove it ended: {how}"
        if not process.ready:
            return Outcome("waits", error=text)
        deaths = self._deaths.get(waiting.subject, 0) + 1
        self._deaths[waiting.subject] = deaths
        # If the store does not answer, the next watcher will count anew.
        with suppress(ImpastoError):
            if waiting.rule:
                tried = Try(error=text, job=process.job)
                self._records.add_try(waiting.rule, waiting.name, tried)
                deaths = len(self._records.tries(waiting.rule, waiting.name))
            if deaths >= DEATHS:
                return self._give_up(waiting, process.job, text)
        return Outcome("tried", process.job, error=text)

    def _give_up(self, waiting: Waiting, job: str, text: str) -> Outcome:
        if job:
            # Else it would count as a job whose driver was killed, and be driven again.
            Job(self._home, job).journal.write(Stopped(error=text))
        ticket = self._records.stored(waiting.rule, waiting.name) if waiting.rule else None
        if ticket:
            ended = Ended(
                state="poison",
                key=waiting.key,
                ticket=waiting.name,
                job=job,
                error=text,
                sender=waiting.sender,
            )
            # It stays open: whoever drives it next does what the rule says comes afterwards.
            self._records.end(ticket, ended)
        return Outcome("poison" if waiting.rule else "failed", job, error=text)


def _news(waiting: Waiting, text: str, **facts: Any) -> News:
    return News(text, waiting.rule, waiting.key, waiting.style, **facts)
