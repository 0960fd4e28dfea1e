"""The machines of a cluster on which workers can start; pure."""

from __future__ import annotations

from collections import Counter

TRIES = 3
"""Workers that may fail to start on a machine, one after the other, before it is barred."""
MACHINES = 3
"""Machines that may be barred, one after the other, before they are no longer blamed."""


class StartFailures:
    """Counts failed starts by machine.

    Attributes:
        barred: ids of the machines that are no longer used.
    """

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._in_a_row = 0
        self.barred: set[str] = set()

    def succeeded(self, machine: str) -> None:
        """Note that a worker has loaded its scorer."""
        self._in_a_row = 0
        self._failures.pop(machine, None)

    def failed(self, machine: str) -> bool:
        """Note that a worker could not start; the machine is "" if unknown.

        Returns:
            Whether the machine is barred from now on.
        """
        self._failures[machine] += 1
        if self._failures[machine] < TRIES or machine in self.barred:
            return False
        self.barred.add(machine)
        self._in_a_row += 1
        return True

    @property
    def exhausted(self) -> bool:
        """Whether other machines would probably do no better."""
        return self._in_a_row >= MACHINES or "" in self.barred
