"""An engine that runs shards in the caller's own process, and scorers that misbehave."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import torch

from impasto.engines.worker_main import kind_of
from impasto.schema.base import Frozen
from impasto.schema.outcome import Done, Failed
from impasto.schema.workers import Capacity
from impasto.scorers import registry
from impasto.scorers.base import Scorer
from impasto.scorers.entry import Entry
from impasto.worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest

    from impasto.engines.base import Control
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Attempt
    from impasto.settings import Settings
    from impasto.storage.stores import Stores
    from impasto.worker.task import Task


class InProcess:
    """Runs each shard here and now; remembers which."""

    ran: list[int]

    capacity = Capacity(1, "in this process")
    encoder_threads = 1

    def __init__(self, settings: Settings, spec: JobSpec, control: Control, stores: Stores) -> None:
        self._control, self._stores = control, stores

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def run(self, task: Task, attempts: Sequence[Attempt]) -> Iterator[Done | Failed]:
        if not attempts:
            return
        watch = Marks()
        worker = Worker(task, "cpu", watch, self._stores.signatures)
        for attempt in attempts:
            if self._control.stopping():
                break
            shard = attempt.shard
            InProcess.ran.append(shard.index)
            try:
                for step in worker.run(attempt, lambda: 2):
                    if isinstance(step, Done):
                        yield step
                    else:
                        self._control.progress(shard.index, step)
            except Exception as error:  # noqa: BLE001 (a shard's error is an outcome)
                kind = kind_of(error)
                items = watch.blamed() if kind == "died" else ()
                yield Failed(shard=shard.index, error=str(error), kind=kind, items=items)
        worker.close()


class Marks:
    """Remembers what is being scored."""

    def __init__(self) -> None:
        self._scoring: list[tuple[int, ...]] = []

    @contextmanager
    def scoring(self, items: tuple[int, ...]) -> Iterator[None]:
        self._scoring.append(items)
        yield
        self._scoring.remove(items)

    def alive(self) -> None:
        pass

    def printed(self) -> str:
        return ""

    def blamed(self) -> tuple[int, ...]:
        items = tuple(sorted(item for each in self._scoring for item in each))
        self._scoring.clear()
        return items


class MoodyParams(Frozen):
    """When to misbehave: on pictures whose mean lies in a range, and how."""

    refuse: tuple[float, ...] = ()
    batch: int = 4
    how: str = "raise"


class MoodyScorer(Scorer):
    """Refuses chosen pictures; makes the others darker."""

    scored = 0
    crashes = 0

    def __init__(
        self, params: MoodyParams, prepared: dict[str, Any], inputs: object, device: object
    ) -> None:
        self.batch = params.batch
        self._params = params

    def score(self, batch: torch.Tensor) -> torch.Tensor:
        means = batch.mean((1, 2, 3))
        MoodyScorer.scored += len(batch)
        for mean in means:
            if any(abs(float(mean) - bad) < 2e-5 for bad in self._params.refuse):
                if self._params.how == "crash" and MoodyScorer.crashes:
                    MoodyScorer.crashes -= 1
                    raise MemoryError("no room")
                if self._params.how == "nan":
                    return batch * float("nan")
                if self._params.how == "shape":
                    return batch[:, :, ::2]
                if self._params.how == "raise":
                    raise ValueError("I do not like this picture")
        return batch / 2


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `run` use this engine, and add the moody scorer to the table."""
    monkeypatch.setattr("impasto.driver.loop.open_engine", InProcess)
    monkeypatch.setitem(
        registry.SCORERS, "moody", Entry("support.inprocess:MoodyScorer", MoodyParams, "")
    )
    monkeypatch.setattr("impasto.driver.loop.BACKOFF", 0.0)
    InProcess.ran = []
    MoodyScorer.scored = 0
    MoodyScorer.crashes = 0
