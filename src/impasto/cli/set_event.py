"""How far a set of jobs is, as a bar shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SetEvent:
    """How far a set is, as a bar shows it.

    Attributes:
        doing: what happens now.
        jobs: how many jobs have ended, and of how many.
        rate: items per second, of the jobs that run.
        items: what these are called.
        done: parts of jobs that are done.
        total: of how many.
        resumed: of ``done``, those that this run did not do.
        in_work: items that running shards have yet to score.
        finish: about how many seconds these take; 0 while that is unknown.
        warnings: none; each job's are told when it ends.
    """

    doing: str
    jobs: tuple[int, int]
    rate: float
    items: str
    done: int
    total: int
    resumed: int = 0
    in_work: int = 0
    finish: float = 0.0
    warnings: tuple[str, ...] = ()
