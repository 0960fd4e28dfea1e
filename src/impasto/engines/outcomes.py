"""A shard on a worker in this process: what its errors mean, and which items may cause them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from impasto import secrecy
from impasto.engines.messages import StartFailed
from impasto.errors import BadInput, Changed, Denied, ImpastoError, Unavailable
from impasto.schema.outcome import Done, Failed, FailedKind
from impasto.scorers.user.loading import brief
from impasto.worker.tracing import ShardSpan

if TYPE_CHECKING:
    from impasto.schema.outcome import Attempt
    from impasto.worker.worker import Worker

REPLACE_AFTER = {"unavailable", "error", "died"}
"""Kinds of failure that may be the worker's own; any worker would have the others."""
_ENDS = {"MemoryError", "AcceleratorError", "DeviceLost"}
"""Names of errors after which a worker is unusable: its memory or device is gone."""


class BatchMarks:
    """Remembers what is being scored, by any number of threads."""

    def __init__(self) -> None:
        self._scoring: list[tuple[int, ...]] = []

    @contextmanager
    def scoring(self, items: tuple[int, ...]) -> Iterator[None]:
        """Remember the block's items; if it raises, they stay marked; see `WorkerEvents`."""
        self._scoring.append(items)
        yield
        self._scoring.remove(items)

    def marked(self) -> tuple[int, ...]:
        """Return the items that are being scored, ascending."""
        return tuple(sorted({item for each in [*self._scoring] for item in each}))

    def blamed(self) -> tuple[int, ...]:
        """Return the items that may have caused an error, and forget them."""
        items = tuple(sorted(item for each in self._scoring for item in each))
        self._scoring.clear()
        return items


def outcomes(
    worker: Worker, attempt: Attempt, threads: Callable[[], int], marks: BatchMarks
) -> Iterator[int | Done | Failed]:
    """Try a shard once.

    Args:
        worker: the worker that scores it.
        attempt: what to score.
        threads: how many mini-batches may be scored at once.
        marks: what the worker marks as being scored.

    Yields:
        How many items are written so far; last, the outcome.
    """
    span = ShardSpan(worker, attempt)
    try:
        with closing(worker.run(attempt, threads)) as steps:
            for step in steps:
                if isinstance(step, Done):
                    span.done(step)
                yield step
    except Exception as error:  # noqa: BLE001 (a shard's error is an outcome)
        kind, blamed = kind_of(error), marks.blamed()
        fact, remedy = parts(error)
        failed = Failed(
            shard=attempt.shard.index,
            error=fact,
            remedy=remedy,
            kind=kind,
            traceback=secrecy.explain(error),
            worker=worker.name,
            items=blamed if kind == "died" else (),
        )
        span.failed(failed)
        yield failed


def kind_of(error: Exception) -> FailedKind:
    """Return the kind of a shard's error, which says who must act."""
    match error:
        case Denied():
            return "denied"
        case Changed():
            return "changed"
        case BadInput():
            return "bad_input"
        case Unavailable():
            return "unavailable"
        case MemoryError() | RuntimeError() if type(error).__name__ in _ENDS:
            return "died"
    return "error"


def start_failed(error: Exception) -> StartFailed:
    """Describe the error with which a worker could not load its scorer."""
    fact, remedy = parts(error)
    return StartFailed(
        error=fact,
        remedy=remedy,
        bad_input=isinstance(error, BadInput),
        traceback=secrecy.explain(error),
    )


def parts(error: Exception) -> tuple[str, str]:
    """Return the fact, in one line, and the remedy of an error, without secrets."""
    if isinstance(error, ImpastoError):
        return " ".join(error.fact.split()), " ".join(error.remedy.split())
    return secrecy.redact(brief(error)), ""
