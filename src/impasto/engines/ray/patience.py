"""The time a driver waits for machines, and what it reports meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Unavailable
from impasto.schema.workers import WorkerCounts

if TYPE_CHECKING:
    from impasto.engines.ray.share import Share

ROOM = 30.0
"""Seconds without room for any worker after which the user is notified."""
RENEWAL = 300.0
"""Seconds to wait for another machine when workers can start on none of the present ones."""
WAIT = 1800.0
"""Seconds to wait for a first machine."""


class Patience:
    """Tracks how long no worker has had room.

    Attributes:
        refusal: the error to end with when no other machine comes, or None while workers can start
            on the present ones.
    """

    def __init__(self, address: str | None, *, installs: bool) -> None:
        """Begin to wait.

        Args:
            address: the cluster's, or None for Ray on this machine.
            installs: whether workers install packages before they start.
        """
        self._cluster = address or "on this machine"
        self._installs = installs
        self.refusal: Unavailable | BadInput | None = None
        self.restart()

    def restart(self) -> None:
        """Count from now."""
        self._since, self._told = time.monotonic(), False

    def look(self, counts: WorkerCounts, share: Share) -> str:
        """Return the note for the user, or "".

        Args:
            counts: the workers, by what they do.
            share: what a worker takes of a machine.

        Raises:
            BadInput, Unavailable: no machine came in time.
        """
        if not counts.asked or counts != WorkerCounts(asked=counts.asked):
            self.restart()
            return ""
        waited = time.monotonic() - self._since
        if self.refusal and waited > RENEWAL:
            raise self.refusal
        if waited > WAIT:
            raise Unavailable(
                f"cluster {self._cluster}: no machine with room for a worker with {share} was "
                f"added in {WAIT / 60:.0f} minutes",
                "see `impasto cluster status`",
            )
        if waited <= ROOM or self._told:
            return ""
        self._told = True
        what = f"no machine in the cluster has room for a worker with {share}"
        if self._installs:
            what += ", or they are still installing what it requires"
        return f"{what}; waiting up to {WAIT / 60:.0f} minutes: `impasto cluster status` shows more"
