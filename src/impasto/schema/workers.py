"""How many workers there are, and may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerCounts:
    """How many workers there are, by what they do.

    Attributes:
        asked: wait for a machine that has room for them.
        starting: load their libraries and the scorer.
        running: score.
        idle: have nothing to do.
    """

    asked: int = 0
    starting: int = 0
    running: int = 0
    idle: int = 0


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many workers there may be at once, as far as can be told.

    Attributes:
        workers: how many.
        why: why so many, for people.
    """

    workers: int
    why: str

    def __str__(self) -> str:
        return f"{self.workers} worker{'s' if self.workers != 1 else ''} {self.why}"
