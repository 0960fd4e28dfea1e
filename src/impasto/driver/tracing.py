"""One driver's pass over a job as a trace, and what it adds to metrics.

job
  plan  start_engine  assemble  deliver
  attempt               at a shard, from when it may start to its outcome
    shard               on its worker (`impasto.worker.tracing`)
      read  score  write
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self

from impasto.errors import ImpastoError, Incomplete, Interrupted
from impasto.schema.outcome import Done
from impasto.settings import telemetry
from impasto.telemetry.open import telemeter
from impasto.telemetry.telemeter import Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from impasto.driver.open_job import OpenJob
    from impasto.schema.outcome import Attempt, Failed
    from impasto.schema.plan import Plan

Step = Literal["plan", "start_engine", "assemble", "deliver"]


class JobTrace:
    """The trace of one pass; a context that ends with it. Without telemetry, it does nothing.

    Attributes:
        where: where workers send their spans; None is nowhere.
    """

    def __init__(self, opened: OpenJob) -> None:
        """Prepare; the trace begins with the context.

        Args:
            opened: the job.
        """
        self.where = telemetry(opened.settings.telemetry)
        self._telemeter = telemeter(self.where)
        self._opened = opened
        self._scorer = opened.spec.scorer.partition(":")[0]
        self._root = self._step = Span()
        self._attempts: dict[int, Span] = {}
        self._began = time.monotonic()
        self._started = False

    def __enter__(self) -> Self:
        spec = self._opened.spec
        self._root = self._telemeter.span(
            "job",
            job=self._opened.job.id,
            tenant=spec.tenant,
            rule=spec.rule,
            scorer=self._scorer,
            engine=self._opened.settings.engine,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.step(None)
        state = _state(error)
        self._root.note(state=state)
        if error:
            self._root.fail(error.fact if isinstance(error, ImpastoError) else repr(error))
        self._root.end()
        if self._started:
            labels = {"state": state, "scorer": self._scorer}
            self._telemeter.count("jobs", 1, "{job}", **labels)
            self._telemeter.took("job.duration", time.monotonic() - self._began, **labels)
        self._telemeter.flush()

    def started(self) -> None:
        """Link the trace to that of the pass before, and leave it for the next one."""
        self._started = True
        if not self._telemeter.on:
            return
        notes = self._opened.job.notes
        with suppress(ImpastoError):
            self._root.link(notes.trace())
            notes.note_trace(self._root.context)

    def step(self, name: Step | None) -> None:
        """Begin a step of the driver's own work, which ends the one before; None begins none."""
        self._step.end()
        self._step = self._telemeter.span(name, self._root.context) if name else Span()

    def planned(self, plan: Plan) -> None:
        """Say what the job consists of."""
        self._root.note(items=plan.count, shards=len(plan.shards), output=plan.output)

    def begun(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """Begin the spans of attempts; returns the attempts with them as parents."""
        if not self._telemeter.on:
            return attempts
        traced: list[Attempt] = []
        for attempt in attempts:
            index = attempt.shard.index
            span = self._telemeter.span(
                "attempt", self._root.context, shard=index, items=len(attempt.shard)
            )
            self._attempts[index] = span
            traced.append(attempt.model_copy(update={"trace": span.context}))
        return traced

    def ended(self, outcome: Done | Failed) -> None:
        """End the span of an attempt, and count what it did."""
        span = self._attempts.pop(outcome.shard, Span())
        span.note(worker=outcome.worker)
        if isinstance(outcome, Done):
            self._count(outcome)
        else:
            span.fail(outcome.error)
            self._telemeter.count("shards", 1, "{shard}", outcome="failed", scorer=self._scorer)
        span.end()

    def _count(self, done: Done) -> None:
        send, scorer = self._telemeter, self._scorer
        send.count("shards", 1, "{shard}", outcome="done", scorer=scorer)
        send.count("items", done.items - len(done.failed), "{item}", outcome="done", scorer=scorer)
        send.count("items", len(done.failed), "{item}", outcome="failed", scorer=scorer)
        send.took("shard.duration", done.seconds, scorer=scorer)
        for stage, busy in done.stages.items():
            send.count("stage.busy", busy, "s", stage=stage, scorer=scorer)


def _state(error: BaseException | None) -> str:
    match error:
        case None:
            return "done"
        case Incomplete():
            return "incomplete"
        case Interrupted() | KeyboardInterrupt():
            return "stopped"
    return "failed"
