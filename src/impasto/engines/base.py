"""The Engine protocol, and code that engines share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from impasto.machine import uses_cuda
from impasto.schema.outcome import Attempt, Done, Failed

if TYPE_CHECKING:
    from impasto.schema.workers import Capacity, WorkerCounts
    from impasto.worker.task import Task

ENCODER_THREADS = 8
"""Threads of an encoder beside a GPU, where cores are free; it affects the bytes of outputs."""
ASKED_FOR = "at most, as the settings say"
AS_HERE = "at most, as many as this machine has room for"


@dataclass(frozen=True, slots=True)
class Control:
    """Callbacks with which a caller watches and stops an engine.

    Attributes:
        progress: called with a shard's index and how many of its items are written.
        stopping: called often; once true, no further shard starts and running ones finish.
        workers_changed: called with how many workers there are, by what they do.
        noted: called with what happened to workers through no shard's fault, for the log.
    """

    progress: Callable[[int, int], None] = lambda *_: None
    stopping: Callable[[], bool] = lambda: False
    workers_changed: Callable[[WorkerCounts], None] = lambda _: None
    noted: Callable[[str], None] = lambda _: None


def encoder_threads(device: str) -> int:
    """Return the threads of an encoder on this machine; they affect the bytes of outputs.

    Args:
        device: the scoring device; a CPU's cores are all busy scoring, beside a CUDA device they
            are free.
    """
    return ENCODER_THREADS if uses_cuda(device) else 1


class Engine(Protocol):
    """Runs shards on workers; a context that ends every worker when it is left."""

    @property
    def capacity(self) -> Capacity:
        """How many workers there may be; more is known once the context is entered."""
        ...

    @property
    def encoder_threads(self) -> int:
        """How many threads one encoder should use, so that it keeps up with the scorer."""
        ...

    def __enter__(self) -> Self:
        """Start what takes long and needs no plan, such as a first worker's interpreter."""
        ...

    def __exit__(self, *error: object) -> None:
        """Stop every worker at once."""
        ...

    def run(self, task: Task, attempts: Sequence[Attempt]) -> Iterator[Done | Failed]:
        """Try each shard once and yield one outcome per shard, as they finish.

        A shard's error is an outcome, not an exception. Given no shards, it does nothing.

        Raises:
            BadInput: the scorer cannot be loaded and never will.
            Unavailable: no worker can start.
        """
        ...
