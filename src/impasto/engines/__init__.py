"""The Engine protocol, and what its engines share.

An engine runs shards on workers, each shard once; retry and resume are the caller's loop.

    local    processes on this machine
    ray      a cluster; each worker is such a process, on one of its machines
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, Self

from impasto.engines.process import stop_spare
from impasto.errors import BadInput
from impasto.schema import Attempt, Done, Failed, Frozen, JobSpec, Plan, Shard
from impasto.settings import Settings, StoreProfile, configure_ray

ENCODER_THREADS = 8
"""Threads of an encoder beside a GPU, where cores are free; it is part of what determines bytes."""


class Task(Frozen):
    """What a worker is told when it starts; data only, so that it can start anywhere.

    Attributes:
        home: URL of the folder that holds the jobs.
        stores: how stores are reached; secrets are named, and come from the worker's own node.
        job: the job's id.
        spec: the job's spec.
        plan: the job's plan, without its shards.
        sample: the first shard, from which a scorer may look at a picture.
        memory: bytes that a worker may hold, 0 when nobody said.
        code: folder on the worker's machine with the user's scripts, named by their digests, where
            the engine has brought them; "" where workers read them themselves.
        stall: seconds without a sign of life after which a busy worker counts as hung.
    """

    home: str
    stores: dict[str, StoreProfile]
    job: str
    spec: JobSpec
    plan: Plan
    sample: Shard
    memory: int = 0
    code: str = ""
    stall: float = 600.0


class Watch(Protocol):
    """What a worker tells its engine besides how far it is."""

    def scoring(self, items: tuple[int, ...]) -> AbstractContextManager[None]:
        """Say that a mini-batch is being scored, from the start of the block to its end.

        If the worker ends meanwhile, or takes too long, its end may be the fault of an item.
        """
        ...

    def alive(self) -> None:
        """Say that a long mini-batch is still being worked on."""
        ...

    def printed(self) -> str:
        """Return what the process has printed since the last time it was asked."""
        ...


@dataclass(frozen=True, slots=True)
class Staff:
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


ASKED_FOR = "at most, as is asked for"
AS_HERE = "at most, as many as this machine has room for"


@dataclass(frozen=True, slots=True)
class Control:
    """How a caller watches and stops an engine.

    Attributes:
        progress: called with a shard's index and how many of its items are written.
        stopping: asked often; once true, no further shard starts and those that run finish.
        staffed: called when the workers change.
        noted: called with what befell the workers without being any shard's fault, for the log.
    """

    progress: Callable[[int, int], None]
    stopping: Callable[[], bool]
    staffed: Callable[[Staff], None] = lambda _: None
    noted: Callable[[str], None] = lambda _: None


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
        """Try each shard once and yield one outcome a shard, as they finish.

        A shard's error is an outcome, not an exception. Given no shards, it does nothing.

        Raises:
            BadInput: the scorer cannot be loaded and never will.
            Unavailable: no worker can start.
        """
        ...


def open_engine(settings: Settings, spec: JobSpec, control: Control) -> Engine:
    """Choose the engine that the settings name; nothing starts before its context is entered.

    Args:
        settings: how jobs run here.
        spec: what to do; a cluster's machines are given its scripts.
        control: how the caller watches and stops the engine.

    Raises:
        BadInput: the settings contradict each other, or the engine is not installed.
    """
    if settings.engine == "ray":
        # It was on its way before the settings were known.
        stop_spare()
        # Ray reads its environment when it is first imported.
        configure_ray()
        try:
            from impasto.engines.ray.engine import RayEngine
        except ModuleNotFoundError:
            raise BadInput("--engine ray: needs Ray; run pip install 'impasto[ray]'") from None
        return RayEngine(settings, control, spec)
    from impasto.engines.local import LocalEngine

    return LocalEngine(settings, control)
