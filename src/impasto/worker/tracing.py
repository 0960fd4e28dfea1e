"""An attempt at a shard as a span on its worker, with a span for each stage."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from impasto.telemetry.open import telemeter
from impasto.telemetry.telemeter import WORKERS_PATIENCE

if TYPE_CHECKING:
    from impasto.schema.outcome import Attempt, Done, Failed
    from impasto.worker.worker import Worker


class ShardSpan:
    """The span of one attempt, from its first request to its outcome."""

    def __init__(self, worker: Worker, attempt: Attempt) -> None:
        """Begin it.

        Args:
            worker: who scores the shard.
            attempt: what is scored.
        """
        self._worker = worker
        self._telemeter = telemeter(worker.telemetry, quiet=True)
        self._span = self._telemeter.span(
            "shard", attempt.trace, shard=attempt.shard.index, worker=worker.name
        )

    def done(self, done: Done) -> None:
        """End it well."""
        self._span.note(items=done.items, failed=len(done.failed), device=done.device)
        self._end()

    def failed(self, failed: Failed) -> None:
        """End it with an error; the worker may be stopped right after that."""
        self._span.note(kind=failed.kind)
        self._span.fail(failed.error)
        self._end()
        self._telemeter.flush(WORKERS_PATIENCE)

    def _end(self) -> None:
        if not self._telemeter.on:
            return
        epoch = time.time() - time.perf_counter()
        for stage, clock in self._worker.times.clocks.items():
            if clock.began is None:
                continue
            span = self._telemeter.span(
                stage,
                self._span.context,
                begun=epoch + clock.began,
                busy_seconds=round(clock.seconds, 6),
            )
            span.end(epoch + clock.ended)
        self._span.end()
