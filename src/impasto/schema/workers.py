"""Numbers of workers: how many there are, and how many there may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerCounts:
    """How many workers there are, by what they do.

    Attributes:
        asked: waiting for a machine that has room for them.
        starting: loading their libraries and the scorer.
        running: scoring.
        idle: with nothing to do.
    """

    asked: int = 0
    starting: int = 0
    running: int = 0
    idle: int = 0


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many workers there may be at once, as far as is known.

    Attributes:
        workers: how many.
        why: why that many, for people.
    """

    workers: int
    why: str

    def __str__(self) -> str:
        return f"{self.workers} worker{'s' if self.workers != 1 else ''} {self.why}"
