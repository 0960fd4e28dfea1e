"""Which machines of a cluster workers can start on; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set

TRIES = 3
"""Workers that may fail to start on a machine, one after the other, before it is used no more."""
MACHINES = 3
"""Machines that may be given up so while no worker has ever started."""


class Starts:
    """Counts failed starts by machine.

    Attributes:
        barred: ids of the machines that are used no more.
        any: whether a worker has ever started.
    """

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self.barred: set[str] = set()
        self.any = False

    def succeeded(self, machine: str) -> None:
        """Note that a worker has loaded its scorer."""
        self.any = True
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
        return True

    def hopeless(self, machines: Set[str]) -> bool:
        """Tell whether it makes no sense to go on while no worker is at work.

        Args:
            machines: ids of those that have room for workers.
        """
        nowhere = bool(self.barred) and machines <= self.barred
        return nowhere or "" in self.barred or (not self.any and len(self.barred) >= MACHINES)
