"""The workers of a cluster that a driver has asked for: who they are, how they come and go."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions

from impasto.engines.ray.remote_worker import Hired
from impasto.engines.supervisor import GRACE
from impasto.schema.workers import Staff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.settings import WorkerRange

POLL = 0.2
"""Seconds between two looks at whether to stop."""
IDLE = 10.0
"""Seconds after which a worker for which no shard is left gives its machine back."""
ASKED = 32
"""Workers that wait for machines at most, where no maximum is given."""


class Crew:
    """Asks Ray for workers and lets them go; knows nothing of what shards there are.

    Iterating gives all that have not left.
    """

    def __init__(
        self, slot: type, given: tuple[object, ...], options: dict[str, Any], bounds: WorkerRange
    ) -> None:
        """Ask for the first workers.

        Args:
            slot: the class of actors.
            given: what each of them is made with.
            options: what each takes of a machine, as Ray calls it.
            bounds: how many there may be.
        """
        self._slot = ray.remote(slot)
        self._given = given
        # Policy is the driver's: nothing is restarted or retried by Ray.
        self._options = options | {"max_restarts": 0, "max_task_retries": 0}
        self._bounds = bounds
        self._barred: set[str] = set()
        self._hired: list[Hired] = []
        self._parting: list[Hired] = []
        self._hire(max(1, bounds.least))

    def __iter__(self) -> Iterator[Hired]:
        return iter([*self._hired])

    def __contains__(self, hired: Hired) -> bool:
        return hired in self._hired

    def busy(self) -> list[Hired]:
        """List those that have a shard."""
        return [hired for hired in self._hired if hired.attempt]

    def free(self) -> list[Hired]:
        """List those that have a machine and nothing to do."""
        return [it for it in self._hired if it.machine and not it.attempt and not it.gone]

    def twins(self, hired: Hired) -> list[Hired]:
        """List the others that are at the same shard."""
        return [it for it in self.busy() if it.shard == hired.shard and it is not hired]

    def staff(self) -> Staff:
        """Count them by what they do."""
        asked = sum(not hired.machine for hired in self._hired)
        running = sum(hired.attempt is not None and hired.ready for hired in self._hired)
        idle = sum(bool(hired.machine) and not hired.attempt for hired in self._hired)
        return Staff(asked, len(self._hired) - asked - running - idle, running, idle)

    def scale(self, waiting: int, spare: int) -> None:
        """Have a worker for each shard, within bounds; release those for which none is left.

        Args:
            waiting: shards that nobody is at.
            spare: idle workers that are kept for shards that somebody is at.
        """
        placed = sum(hired.machine != "" for hired in self._hired)
        most = self._bounds.most or placed + ASKED
        want = min(max(waiting + len(self.busy()), self._bounds.least), most)
        self._hire(want - len(self._hired))
        now = time.monotonic()
        # Those that wait for a machine go first: it shall not be brought for nothing.
        unplaced = [it for it in self._hired if not it.machine and not it.gone]
        for hired in unplaced[: max(0, len(self._hired) - max(want, 1))]:
            self._part(hired)
        surplus = len(self._hired) - max(want + spare, 1)
        for hired in self.free()[: max(0, surplus)]:
            if now - hired.since > IDLE:
                self._part(hired)
        self._bury()

    def employ(self, task: Any, signatures: dict[str, str]) -> None:
        """Tell new workers their task, which they hear once there is a machine for them."""
        for hired in self._hired:
            if not hired.placing and not hired.machine:
                hired.placing = hired.actor.employ.remote(task, signatures)

    def talking(self) -> list[Hired]:
        """Wait a moment; return those that have something to say."""
        refs = {hired.awaited: hired for hired in self._hired if hired.awaited is not None}
        if not refs:
            time.sleep(POLL)
            return []
        some, _ = ray.wait([*refs], timeout=POLL)
        said = ray.wait([*refs], num_returns=len(refs), timeout=0)[0] if len(some) else []
        return [refs[ref] for ref in said]

    def dismiss(self, hired: Hired) -> None:
        """End a worker at once; a machine that lives gets its share back."""
        self._hired.remove(hired)
        ray.kill(hired.actor)

    def bar(self, node: str) -> None:
        """Use a machine no more, but for those that are at work there."""
        self._barred.add(node)
        # Those that wait would be given that machine.
        for hired in self:
            if hired.node in {"", node} and not hired.attempt and not hired.ready:
                self.dismiss(hired)

    def close(self, *, in_order: bool) -> None:
        """End all of them: those that are idle in order if that is wanted, others at once."""
        with suppress(exceptions.RayError):
            if in_order:
                for hired in [each for each in self._hired if not each.attempt]:
                    self._part(hired)
                refs = [hired.parting for hired in self._parting]
                if refs:
                    ray.wait(refs, num_returns=len(refs), timeout=GRACE + 1)
            for hired in (*self._hired, *self._parting):
                ray.kill(hired.actor)
        self._hired.clear()
        self._parting.clear()

    def _hire(self, count: int) -> None:
        """Ask for so many more; those that find no room are what the autoscaler sees."""
        if self._barred:
            others = f"!in({','.join(sorted(self._barred))})"
            self._options["label_selector"] = {"ray.io/node-id": others}
        slot = self._slot.options(**self._options)
        self._hired += [Hired(slot.remote(*self._given)) for _ in range(count)]

    def _part(self, hired: Hired) -> None:
        """Let a worker that has nothing to do end in order."""
        self._hired.remove(hired)
        if not hired.machine:
            ray.kill(hired.actor)
            return
        hired.parting, hired.since = hired.actor.close.remote(), time.monotonic()
        self._parting.append(hired)

    def _bury(self) -> None:
        """Let go of the machines' share of those that have ended in order, or would not."""
        for hired in [*self._parting]:
            ended, _ = ray.wait([hired.parting], timeout=0)
            if ended or time.monotonic() - hired.since > GRACE + 1:
                ray.kill(hired.actor)
                self._parting.remove(hired)
