"""The inline engine: shards one after another in the caller's own process.

It is meant for stepping through a scorer with a debugger: output goes to the terminal, and
breakpoints stop there. Nothing supervises the process, so limits of time and memory are not
enforced, and a scorer that ends its process ends the driver too.
"""

from __future__ import annotations

import pdb
import sys
from bdb import BdbQuit
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

from impasto.engines.base import Control, encoder_threads
from impasto.engines.one_thread import one_thread
from impasto.engines.outcomes import REPLACE_AFTER, BatchMarks, outcomes, parts, start_failed
from impasto.machine import uses_cuda
from impasto.schema.outcome import Done, Failed
from impasto.schema.workers import Capacity, WorkerCounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Attempt
    from impasto.settings import Settings
    from impasto.storage.stores import Stores
    from impasto.worker.task import Said, Task
    from impasto.worker.worker import Worker


class InlineEngine:
    """Runs one shard at a time, and one mini-batch at a time, in this process."""

    def __init__(self, settings: Settings, control: Control, spec: JobSpec, stores: Stores) -> None:
        """Configure.

        Args:
            settings: the device to use.
            control: how the caller watches and stops the engine.
            spec: the job, whose time limit is not enforced.
            stores: access to stores; its signatures are passed to the worker.
        """
        self._device = settings.device
        self._control = control
        self._timeout = spec.timeout
        self._signatures = stores.signatures
        self._events = _Events()
        self._worker: Worker | None = None
        self._stack = ExitStack()

    @property
    def capacity(self) -> Capacity:
        """One: this process."""
        return Capacity(1, "in this process")

    @property
    def encoder_threads(self) -> int:
        """As many as with the local engine, so that the bytes are the same."""
        return encoder_threads(self._device)

    def __enter__(self) -> Self:
        """Make breakpoints stop on the terminal, and say which limits do not hold."""
        self._stack.enter_context(breakpoints())
        if self._timeout:
            self._control.noted("`timeout`: is not enforced by `engine=inline`")
        return self

    def __exit__(self, *error: object) -> None:
        """Let the scorer shut down cleanly."""
        with self._stack:
            self._close()

    def run(self, task: Task, attempts: Sequence[Attempt]) -> Iterator[Done | Failed]:
        """Try each shard once; see `Engine.run`."""
        for attempt in attempts:
            if self._control.stopping():
                return
            yield from self.score(task, attempt)

    def score(self, task: Task, attempt: Attempt) -> Iterator[Done | Failed]:
        """Try one shard and yield its outcome.

        Raises:
            BadInput: the scorer cannot be loaded and never will.
            Unavailable: it cannot be loaded now.
        """
        worker = self._loaded(task)
        self._control.workers_changed(WorkerCounts(running=1))
        for step in outcomes(worker, attempt, lambda: 1, self._events):
            if isinstance(step, int):
                self._control.progress(attempt.shard.index, step)
                continue
            if isinstance(step, Failed) and step.kind in REPLACE_AFTER:
                self._close()
            self._control.workers_changed(WorkerCounts(idle=1))
            yield step

    def _loaded(self, task: Task) -> Worker:
        if self._worker is None:
            self._control.workers_changed(WorkerCounts(starting=1))
            from impasto.worker.worker import Worker

            cuda = uses_cuda(self._device)
            if not cuda:
                self._stack.enter_context(one_thread())
            try:
                self._worker = Worker(
                    task, "cuda:0" if cuda else "cpu", self._events, self._signatures
                )
            except Exception as error:
                raise start_failed(error).as_error() from error
        return self._worker

    def _close(self) -> None:
        worker, self._worker = self._worker, None
        try:
            if worker:
                worker.close()
        except Exception as error:  # noqa: BLE001 (what was scored stands)
            self._control.noted(f"the scorer did not close properly: {parts(error)[0]}")


@contextmanager
def breakpoints() -> Iterator[None]:
    """Make breakpoints in a scorer stop on the terminal; the debugger's ``quit`` is a Ctrl-C."""
    with ExitStack() as stack:
        stack.callback(setattr, sys, "argv", sys.argv)
        # What `breakpoint()` calls, unless PYTHONBREAKPOINT or a test runner says otherwise.
        if pdb.set_trace.__module__ == "pdb":
            stack.callback(setattr, pdb, "set_trace", pdb.set_trace)
            vars(pdb)["set_trace"] = _set_trace
        yield


class _Events(BatchMarks):
    """The `WorkerEvents` of a worker that nothing else watches."""

    def alive(self) -> None:
        pass

    def printed(self, *, whole: bool) -> list[Said]:
        """Return nothing: it is on the terminal already."""
        return []


class _Debugger(pdb.Pdb):
    """A debugger whose ``quit`` stops the job; otherwise it would only set the item aside."""

    def trace_dispatch(self, frame: FrameType, event: str, arg: Any) -> Any:
        try:
            return super().trace_dispatch(frame, event, arg)
        except BdbQuit:
            raise KeyboardInterrupt from None


def _set_trace(*, header: str | None = None) -> None:
    """Stop in the caller, as `pdb.set_trace` does; Ctrl-C keeps its meaning."""
    debugger = _Debugger(nosigint=True)
    if header is not None:
        debugger.message(header)
    debugger.set_trace(sys._getframe(1))
