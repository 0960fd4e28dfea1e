"""The state of a job, in one word, derived from what is in its folder.

    running     a driver works on it now
    done        its output was made
    cancelled   `impasto cancel` ended it
    incomplete  its last driver ended because items or shards failed
    failed      its last driver ended with any other error
    waiting     it was left to a watcher, or handed to a cluster, and nobody drives it yet
    stopped     anything else: it was interrupted, its driver was killed, or none has begun

All but ``done`` can be resumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from impasto.errors import Incomplete, Interrupted
from impasto.jobs.presence import drivers
from impasto.schema.events import Detached, Item, Printed, Stopped, Submitted, Torn, Unknown

if TYPE_CHECKING:
    from impasto.jobs.job import Job
    from impasto.jobs.listing import Listing
    from impasto.schema.driver import Driver
    from impasto.schema.events import Event

State = Literal["running", "waiting", "stopped", "incomplete", "failed", "done", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
LOOKS = 8
"""Objects of the log, from its end, in which a driver's last word is looked for."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands.

    Attributes:
        state: in one word.
        drivers: who runs it.
        error: why its last driver ended; "" if it did not say so, or the job is done.
        failed: items that it set aside, if that is why it is incomplete.
    """

    state: State
    drivers: tuple[Driver, ...] = ()
    error: str = ""
    failed: int = 0


def standing(job: Job, listing: Listing) -> Standing:
    """Find out how a job stands.

    Args:
        job: the job.
        listing: what is in its folder.
    """
    running = tuple(drivers(job.folder, listing))
    if running:
        return Standing("running", running)
    if listing.finished:
        return Standing("done")
    if "cancel" in listing.sizes:
        return Standing("cancelled")
    last = last_word(job, listing)
    if isinstance(last, Detached | Submitted):
        return Standing("waiting")
    if not isinstance(last, Stopped):
        return Standing("stopped")
    states: dict[int | None, State] = {
        Incomplete.exit_code: "incomplete",
        Interrupted.exit_code: "stopped",
    }
    return Standing(states.get(last.exit_code, "failed"), error=last.error, failed=last.failed or 0)


def last_word(job: Job, listing: Listing) -> Event | None:
    """Return the last event that is not a worker's, if it is near the end of the log."""
    keys = sorted(listing.logs, key=lambda key: (listing.times[key], key))
    for key in reversed(keys[-LOOKS:]):
        told: list[Event] = [
            event
            for event in job.journal.read_object(key, listing.times[key])
            if not isinstance(event, Item | Printed | Unknown | Torn)
        ]
        if told:
            return told[-1]
    return None
