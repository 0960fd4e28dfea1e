"""Which machines of a cluster workers can start on; pure."""

from __future__ import annotations

from collections import Counter

TRIES = 3
"""Workers that may fail to start on a machine, one after the other, before it is used no more."""
MACHINES = 3
"""Machines that may be given up so, one after the other, before it is no fault of theirs."""


class StartFailures:
    """Counts failed starts by machine.

    Attributes:
        barred: ids of the machines that are used no more.
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
        """Note that a worker could not start, "" where nobody knows on which machine.

        Returns:
            Whether the machine is to be used no more from now on.
        """
        self._failures[machine] += 1
        if self._failures[machine] < TRIES or machine in self.barred:
            return False
        self.barred.add(machine)
        self._in_a_row += 1
        return True

    @property
    def exhausted(self) -> bool:
        """Whether other machines would do no better, as far as can be told."""
        return self._in_a_row >= MACHINES or "" in self.barred
