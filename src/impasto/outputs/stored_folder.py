"""A shard of files that are stored one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from impasto.storage.store import MANY

if TYPE_CHECKING:
    from typing import Self

    from impasto.jobs.job import Job
    from impasto.outputs.base import Scored
    from impasto.schema.outcome import Attempt


class FolderShard(ABC):
    """Files of a folder, one an item at most, many in flight to the store at once."""

    def __init__(self, job: Job, attempt: Attempt) -> None:
        shard = attempt.shard
        self.segment = job.new_segment(shard.index, "/")
        self._job = job
        self._outputs = shard.outputs
        self._start = shard.start
        self._base = attempt.base
        self._bytes = 0
        self._names: list[str] = []
        self._pool = ThreadPoolExecutor(MANY, "store")
        self._storing: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        if self._base:
            again = {self._outputs[error.item - self._start] for error in self._base.failed}
            for name in self._base.names:
                if name not in again:
                    self._store(name, self._job.folder.read(self._base.segment + name))
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def write(self, scored: Scored) -> None:
        """Encode the next item's file and start to store it."""
        name = self._outputs[scored.index - self._start]
        data = self._encoded(scored, name)
        if data is not None:
            self._store(name, data)

    @abstractmethod
    def _encoded(self, scored: Scored, name: str) -> bytes | None:
        """Return the file of an item, or None if there is none to write."""

    def finish(self) -> tuple[int, tuple[str, ...]]:
        """Wait until all are stored; returns their bytes and names."""
        while self._storing:
            self._storing.popleft().result()
        order = {name: n for n, name in enumerate(self._outputs)}
        return self._bytes, tuple(sorted(self._names, key=order.__getitem__))

    def _store(self, name: str, data: bytes) -> None:
        self._storing.append(self._pool.submit(self._job.folder.put, self.segment + name, data))
        self._bytes += len(data)
        self._names.append(name)
        if len(self._storing) == MANY:
            self._storing.popleft().result()
