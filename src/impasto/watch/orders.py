"""What a watcher and its driver processes tell each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from impasto.watch.rule import Rule

State = Literal["done", "failed", "poison", "superseded", "tried", "waits", "stopped", "cancelled"]
"""How an order ended: as `schema.watch.End`, or: ``tried``, a try failed and another one follows;
``waits``, something does not answer or another driver is at it; ``stopped``, as asked;
``cancelled``, a job by somebody."""


@dataclass(frozen=True, slots=True)
class Order:
    """Something to drive.

    Attributes:
        name: a ticket's name, or a job's id.
        rule: the ticket's rule; None for a job.
        settings: how it runs: the fields of `impasto.settings.Settings`.
        queries: the signatures of the URLs in these (`Signatures.reveal`).
        idle: seconds after which workers that have nothing to do are ended.
    """

    name: str
    rule: Rule | None
    settings: dict[str, Any]
    queries: dict[str, str] = field(repr=False)
    idle: float


@dataclass(frozen=True, slots=True)
class Began:
    """An order's job has begun.

    Attributes:
        job: its id.
        resumed: whether it goes on where an earlier driver stopped.
    """

    job: str
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Alive:
    """A sign of life.

    Attributes:
        done: items that are scored and written.
        total: items of the job; 0 while that is not known.
        rate: items per second.
    """

    done: int = 0
    total: int = 0
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Remark:
    """What went wrong beside a job."""

    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an order ended.

    Attributes:
        state: in one word.
        job: the job's id, if it came to that.
        output: where its output is.
        error: why there is none.
        items: how many items were scored.
        known: whether it had ended before, and others have told so.
        hooked: whether a webhook about it was noted just now, and is to be sent.
    """

    state: State
    job: str = ""
    output: str = ""
    error: str = ""
    items: int = 0
    known: bool = False
    hooked: bool = False
