"""One worker of a cluster, as its driver knows it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray
from ray._private import state

if TYPE_CHECKING:
    from impasto.schema.outcome import Attempt


@dataclass(eq=False)
class RemoteWorker:
    """The driver's side of one worker of the cluster.

    Attributes:
        actor: its Ray actor.
        placing: resolves once a machine has room for it.
        host: the name of its machine, for people; "" until it has been placed.
        node: Ray's id of that machine; "" until it has been placed.
        attempt: the attempt that it scores.
        stream: its messages about that attempt.
        exited: resolves once it has exited cleanly.
        ready: whether its scorer is loaded.
        since: when it began the shard, or became idle.
        heard: when it last sent something.
        gone: what is known about its end.
        asking: resolves to whether it has ended, where that is not known.
    """

    actor: Any
    placing: Any = None
    host: str = ""
    node: str = ""
    attempt: Attempt | None = None
    stream: Any = None
    exited: Any = None
    ready: bool = False
    since: float = field(default_factory=time.monotonic)
    heard: float = 0.0
    gone: Exception | None = None
    asking: Any = None

    @property
    def shard(self) -> int:
        """The index of its shard, -1 without one."""
        return self.attempt.shard.index if self.attempt else -1

    @property
    def placed(self) -> bool:
        """Whether it has a machine."""
        return bool(self.node)

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"the worker on {self.host}" if self.host else "a new worker"

    def last_node(self) -> str:
        """Ask the cluster for the id of the machine on which its actor ended, "" if unknown."""
        known: dict[str, Any] = state.actors(self.actor._actor_id.hex()) or {}
        return str(known.get("Address", {}).get("NodeID", ""))

    @property
    def awaited(self) -> Any:
        """The reference to wait for, or None."""
        if self.gone:
            return self.asking
        return self.stream if self.attempt else (None if self.placed else self.placing)

    def begin(self, attempt: Attempt, threads: int) -> None:
        """Start it on a shard."""
        self.attempt = attempt
        self.heard = self.since = time.monotonic()
        self.stream = self.actor.run.options(num_returns="streaming").remote(attempt, threads)

    def receive(self) -> object:
        """Take what `awaited` refers to.

        Returns:
            What the actor reports of the shard, or None when there is nothing to report.

        Raises:
            RayError: the actor, or its machine, is in trouble.
        """
        if self.asking is not None:
            # It answers again, but its messages in between are lost.
            self.asking = ray.get(self.asking) and None
            return None
        if self.attempt is None:
            self.host, self.node = ray.get(self.placing)
            self.heard = self.since = time.monotonic()
            return None
        try:
            message: object = ray.get(next(self.stream))
        except StopIteration:
            self.rest()
            return None
        self.heard = time.monotonic()
        return message

    def ask(self, gone: Exception) -> None:
        """Ask once whether it has ended; a live machine reports at once that an actor died."""
        if self.gone is None:
            self.gone, self.heard = gone, time.monotonic()
            self.asking = self.actor.__ray_ready__.remote()

    def rest(self) -> None:
        """Mark it as idle."""
        self.attempt = self.stream = None
        self.since = time.monotonic()
