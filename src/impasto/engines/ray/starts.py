"""The starts of workers: which machines are barred, and when the driver stops waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.engines.ray import nodes, patience
from impasto.engines.ray.patience import Patience
from impasto.engines.ray.start_failures import TRIES, StartFailures

if TYPE_CHECKING:
    from impasto.engines.base import Control
    from impasto.engines.ray.pool import WorkerPool
    from impasto.engines.ray.remote_worker import RemoteWorker
    from impasto.engines.ray.share import Share
    from impasto.errors import BadInput, Unavailable


class Starts:
    """Watches a pool's workers start; bars machines on which they cannot."""

    def __init__(
        self,
        pool: WorkerPool,
        share: Share,
        control: Control,
        address: str | None,
        *,
        installs: bool,
    ) -> None:
        """Begin to wait for a first worker.

        Args:
            pool: the workers.
            share: what each takes of a machine.
            control: receives notes on what happened.
            address: the cluster's, or None for Ray on this machine.
            installs: whether workers install packages before they start.
        """
        self._pool = pool
        self._share = share
        self._control = control
        self._elsewhere = bool(address)
        self._failures = StartFailures()
        self._patience = Patience(address, installs=installs)

    def succeeded(self, worker: RemoteWorker) -> None:
        """Note that a worker has loaded its scorer."""
        if not worker.ready:
            worker.ready = True
            self._failures.succeeded(worker.node)
            self._patience.refusal = None

    def failed(self, worker: RemoteWorker, why: str, error: Unavailable | BadInput) -> None:
        """Note that a worker could not start, and bar its machine when it was not the first.

        Args:
            worker: has been dismissed.
            why: what was wrong, one line.
            error: to end with, if no worker can start.

        Raises:
            Unavailable: ``error``, when no worker is at work and no other machine is expected.
        """
        node = worker.node or worker.last_node()
        self._control.noted(f"{worker.label} could not start: {why}")
        barred = self._failures.failed(node)
        bad = self._failures.barred
        if any(it.ready or (it.placed and it.node not in bad) for it in self._pool):
            self._patience.refusal = None
        elif self._failures.exhausted or (bad and not self._elsewhere):
            raise error
        elif bad and nodes.with_room(self._share) <= bad:
            self._patience.refusal = error
        if barred and node:
            machine = f"machine {worker.host or node}"
            self._control.noted(
                f"{machine} is no longer used: {TRIES} workers could not start there"
            )
            self._pool.bar(node)
        if barred and self._patience.refusal:
            waiting = f"waiting {patience.RENEWAL / 60:.0f} minutes for another one"
            self._control.noted(f"there is no machine left on which workers can start; {waiting}")

    def report(self) -> None:
        """Report what the workers do, and when there is no room for any.

        Raises:
            BadInput, Unavailable: no machine came in time.
        """
        counts = self._pool.counts()
        self._control.workers_changed(counts)
        note = self._patience.look(counts, self._share)
        if note:
            self._control.noted(note)
