"""A worker's task, and the events it reports."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from impasto.schema.base import Frozen
from impasto.schema.events import Stream
from impasto.schema.job import JobSpec
from impasto.schema.plan import Plan, Shard
from impasto.schema.profile import StoreProfile
from impasto.schema.telemetry import Telemetry


class Task(Frozen):
    """The task a worker receives when it starts; data only, so that it can start anywhere.

    Attributes:
        home: URL of the folder that holds the jobs.
        stores: how stores are reached; secrets are named, and come from the worker's own node.
        job: the job's id.
        spec: the job's spec.
        plan: the job's plan, without its shards.
        sample: the first shard, from which a scorer may look at a picture.
        shards: how many shards the job has.
        previews: whether small pictures of what is scored are left in the job.
        memory: bytes that a worker may hold, 0 if unspecified.
        code: folder on the worker's machine with the user's scripts, named by their digests, where
            the engine has brought them; "" where workers read them themselves.
        telemetry: where the worker sends traces; None is nowhere.
        stall: seconds without a sign of life after which a busy worker counts as hung.
    """

    home: str
    stores: dict[str, StoreProfile]
    job: str
    spec: JobSpec
    plan: Plan
    sample: Shard
    shards: int = 1
    previews: bool = True
    memory: int = 0
    code: str = ""
    telemetry: Telemetry | None = None
    stall: float = 600.0


class Said(NamedTuple):
    """Something that a worker process has printed.

    Attributes:
        text: what.
        items: those that were being scored meanwhile, ascending.
        stream: where.
    """

    text: str
    items: tuple[int, ...]
    stream: Stream


class WorkerEvents(Protocol):
    """The events a worker reports to its engine besides its progress."""

    def scoring(self, items: tuple[int, ...]) -> AbstractContextManager[None]:
        """Say that a mini-batch is being scored, from the start of the block to its end.

        If the worker ends meanwhile, or takes too long, its end may be the fault of an item.
        """
        ...

    def alive(self) -> None:
        """Say that a long mini-batch is still being worked on."""
        ...

    def printed(self, *, whole: bool) -> list[Said]:
        """Return what the process has printed since the last time it was asked.

        Args:
            whole: whether to include a last line that has not ended.

        Returns:
            Texts, those of each stream in order.
        """
        ...
