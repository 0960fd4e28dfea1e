"""A shard on a worker of this very process: what its errors mean, and whose fault they may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from impasto import secrecy
from impasto.engines.messages import StartFailed
from impasto.errors import BadInput, Changed, Denied, ImpastoError, Unavailable
from impasto.schema.outcome import Failed, FailedKind

if TYPE_CHECKING:
    from impasto.schema.outcome import Attempt, Done
    from impasto.worker.worker import Worker

REPLACE_AFTER = {"unavailable", "error", "died"}
"""Kinds of failure that may be the worker's own; the others would be those of any worker."""
_ENDS = {"MemoryError", "AcceleratorError"}
"""Names of errors after which a worker is of no use: this machine's memory or device is gone."""


class BatchMarks:
    """Remembers what is being scored, by however many threads."""

    def __init__(self) -> None:
        self._scoring: list[tuple[int, ...]] = []

    @contextmanager
    def scoring(self, items: tuple[int, ...]) -> Iterator[None]:
        """Remember the items of the block; what raises stays marked; see `WorkerEvents`."""
        self._scoring.append(items)
        yield
        self._scoring.remove(items)

    def blamed(self) -> tuple[int, ...]:
        """Return the items that an error may be the fault of, and forget them."""
        items = tuple(sorted(item for each in self._scoring for item in each))
        self._scoring.clear()
        return items


def outcomes(
    worker: Worker, attempt: Attempt, threads: Callable[[], int], marks: BatchMarks
) -> Iterator[int | Done | Failed]:
    """Try a shard once.

    Args:
        worker: scores it.
        attempt: what to score.
        threads: how many mini-batches may be scored at once.
        marks: told by the worker what is being scored.

    Yields:
        How many items are written so far; last, the outcome.
    """
    try:
        with closing(worker.run(attempt, threads)) as steps:
            yield from steps
    except Exception as error:  # noqa: BLE001 (a shard's error is an outcome)
        kind, blamed = kind_of(error), marks.blamed()
        fact, remedy = parts(error)
        yield Failed(
            shard=attempt.shard.index,
            error=fact,
            remedy=remedy,
            kind=kind,
            traceback=secrecy.explain(error),
            worker=worker.name,
            items=blamed if kind == "died" else (),
        )


def kind_of(error: Exception) -> FailedKind:
    """Tell who must act on the error of a shard."""
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
    text = secrecy.redact(" ".join(str(error).split()))
    return f"{type(error).__name__}: {text}", ""
