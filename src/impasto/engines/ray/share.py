"""The share of a machine that a worker takes, and how many workers there may be; pure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.engines.base import AS_HERE, ASKED_FOR
from impasto.errors import BadInput
from impasto.machine import cuda_devices
from impasto.schema.workers import Capacity

if TYPE_CHECKING:
    from impasto.settings import Settings

EXPECTED = 8
"""Workers expected of a cluster when none are requested and it has no more room yet."""


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a machine that a worker takes.

    Attributes:
        cpus: cores.
        gpus: a part of one GPU, 1 for all of it; None is 1 where the cluster has GPUs.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    cpus: int
    gpus: float | None
    device: str

    @classmethod
    def asked(cls, settings: Settings) -> Share:
        """Return what the settings ask for; raises BadInput when they contradict each other."""
        gpus = settings.gpus_per_worker
        if settings.device == "cpu" or gpus is not None:
            gpus = gpus or 0.0
        elif settings.device == "cuda":
            gpus = 1.0
        if settings.device == "cuda" and not gpus:
            raise BadInput(
                "`gpus_per_worker=0`: `device=cuda` needs a GPU", "leave one of them out"
            )
        return cls(settings.cpus_per_worker, gpus, settings.device)

    @property
    def cuda(self) -> bool:
        """Whether workers score on a GPU."""
        return bool(self.gpus) and self.device != "cpu"

    def fitting(self, cpus: float, gpus: float) -> int:
        """Return how many workers fit into this many cores and GPUs."""
        room = int(cpus // self.cpus)
        share = self.gpus if self.gpus is not None else float(gpus > 0)
        # Each is on one GPU alone; and 0.1 as a float is a little more than 1/10.
        return min(room, int(gpus) * int(1 / share + 1e-9)) if share else room

    def capacity(self, settings: Settings, room: int, *, joined: bool) -> Capacity:
        """Return how many workers there may be: as requested, as there is room for, or a guess.

        Args:
            settings: the cluster's address, and how many are requested.
            room: workers for which the cluster has room, 0 before it is asked.
            joined: whether it has been asked.
        """
        most = settings.workers.most
        if not settings.address:
            fit = room or self.fitting(len(os.sched_getaffinity(0)), cuda_devices())
            if not most or most > max(1, fit):
                return Capacity(max(1, fit), AS_HERE)
        if most:
            return Capacity(most, ASKED_FOR)
        if room >= EXPECTED:
            return Capacity(room, "at most, as many as the cluster has room for")
        counted = f", since the cluster has room for {room} but may grow"
        uncounted = " before the cluster is asked"
        return Capacity(
            EXPECTED, f"assumed{counted if joined else uncounted}; set `workers` to change that"
        )

    def __str__(self) -> str:
        words = f"{self.cpus} core{'s' if self.cpus > 1 else ''}"
        return f"{words} and {self.gpus:g} GPU" if self.gpus else words
