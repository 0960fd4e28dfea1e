"""A spy on the inline engine, and a scorer that misbehaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from impasto.engines.inline import InlineEngine
from impasto.schema.base import Frozen
from impasto.scorers import registry
from impasto.scorers.base import Scorer
from impasto.scorers.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from impasto.engines.base import Control
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Attempt, Done, Failed
    from impasto.settings import Settings
    from impasto.storage.stores import Stores
    from impasto.worker.task import Task


class InProcess(InlineEngine):
    """The inline engine, recording the shards that it has tried."""

    ran: list[int]

    def __init__(
        self, settings: Settings, spec: JobSpec, control: Control, stores: Stores, _: object
    ) -> None:
        super().__init__(settings, control, spec, stores)

    def score(self, task: Task, attempt: Attempt) -> Iterator[Done | Failed]:
        InProcess.ran.append(attempt.shard.index)
        return super().score(task, attempt)


class MoodyParams(Frozen):
    """When to misbehave: on pictures whose mean is in a range; and how."""

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
