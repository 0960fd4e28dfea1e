"""The Ray engine: workers on the machines of a cluster.

Ray places actors, and its autoscaler brings machines for those that wait. All policy is here, in
the driver; nothing is restarted or retried by Ray. An actor (`WorkerActor`) takes one worker's
share of a machine and looks after one worker process there, the same that the local engine runs.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import ray
from ray import exceptions

from impasto.engines.base import ENCODER_THREADS, Control
from impasto.engines.messages import StartFailed
from impasto.engines.process import probable_kind
from impasto.engines.ray import nodes
from impasto.engines.ray.actor import WorkerActor as WorkerActor
from impasto.engines.ray.connection import complaint, join, words
from impasto.engines.ray.pool import WorkerPool
from impasto.engines.ray.share import Share
from impasto.engines.ray.starts import Starts
from impasto.engines.ray.stragglers import Stragglers
from impasto.errors import BadInput, Unavailable
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Attempt, Done, Failed
from impasto.schema.workers import Capacity
from impasto.settings import Settings
from impasto.worker.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from impasto.engines.ray.remote_worker import RemoteWorker
    from impasto.storage.stores import Stores

SETTLE = 3.0
"""Seconds in which a live machine reports an actor that died there."""
SILENCE = 90.0
"""Seconds without a message from a busy worker's machine; Ray itself notices within about 66."""
LOST = 10
"""Machines that may go away unannounced under one shard before the shard is suspected."""
CUDA_THREADS = 2
"""Mini-batches at once on a CUDA device, so that copies overlap with scoring."""


class RayEngine:
    """Runs shards on a cluster, or on Ray started on this machine."""

    def __init__(self, settings: Settings, control: Control, spec: JobSpec, stores: Stores) -> None:
        """Configure; nothing starts before the context is entered.

        Args:
            settings: the cluster's address, the number of workers, and what each takes.
            control: how the caller watches and stops the engine.
            spec: the job; its scripts and requirements are sent to the machines.
            stores: opens those, and has the signatures for workers on this machine.

        Raises:
            BadInput: the settings contradict each other.
        """
        self._settings = settings
        self._control = control
        self._spec = spec
        self._stores = stores
        self._kind = probable_kind(spec.scorer, spec.source, spec.items)
        self._share = Share.asked(settings)
        self._task: Any = None
        self._room, self._joined = 0, False
        self._losses: Counter[int] = Counter()
        self._stragglers = Stragglers()

    @property
    def capacity(self) -> Capacity:
        """As many workers as requested, else as many as there is room for, else a guess."""
        return self._share.capacity(self._settings, self._room, joined=self._joined)

    @property
    def encoder_threads(self) -> int:
        """One on a CPU, whose cores are all busy scoring; several beside a GPU."""
        return ENCODER_THREADS if self._share.cuda else 1

    def __enter__(self) -> Self:
        """Join the cluster, or start one here, and ask for a first worker."""
        if (self._settings.address or "").startswith("http"):
            raise BadInput(
                f"{self._settings.address}: is a dashboard's address, for `impasto submit` alone",
                "give HOST:PORT of the cluster's head, or auto",
            )
        env, self._own = join(self._settings, self._spec, self._stores)
        try:
            self._open(env)
        except BaseException:
            self._own.end()
            raise
        return self

    def _open(self, env: dict[str, Any]) -> None:
        """Look up the cluster's resources, and request the first workers."""
        total: dict[str, float] = ray.cluster_resources()
        # A cluster that has no machine yet lists none of these.
        cpus, gpus = total.get("CPU", 0), total.get("GPU", 0)
        self._room, self._joined = self._share.fitting(cpus, gpus), True
        if self._share.gpus is None:
            self._share = replace(self._share, gpus=1.0 if gpus else 0.0)
            if not cpus and self._settings.address:
                self._control.noted(
                    "the cluster has no machines yet, so it is unknown whether it has GPUs: "
                    "workers request none; set `gpus_per_worker` if they need any"
                )
        if not self._room and self._settings.address is None:
            raise Unavailable(
                f"this machine has no room for a worker with {self._share}",
                "request less with `cpus_per_worker` or `gpus_per_worker`",
            )
        self._pool = WorkerPool(
            WorkerActor, self._settings, self._share, self._room, env, self._kind
        )
        address, installs = self._settings.address, bool(self._spec.requirements)
        self._starts = Starts(self._pool, self._share, self._control, address, installs=installs)

    def __exit__(self, *error: object) -> None:
        """End every worker: cleanly when all went well, else at once."""
        try:
            self._pool.close(in_order=not any(error))
        finally:
            self._own.end()

    def run(self, task: Task, attempts: Sequence[Attempt]) -> Iterator[Done | Failed]:
        """Try each shard once, the longest first; see `Engine.run`.

        A shard whose machine went away is tried again at once: that was not the shard's fault.
        """
        queue = deque(sorted(attempts, key=lambda each: len(each.shard), reverse=True))
        if queue and self._task is None:
            self._task = ray.put(task)
        # Signatures in URLs go to processes of this machine alone.
        queries = {} if self._settings.address else self._stores.signatures.reveal()
        while queue or self._pool.busy():
            stopping = self._control.stopping()
            if stopping:
                queue.clear()
            copies = self._settings.speculate and not stopping
            self._pool.scale(
                len(queue), len(self._stragglers.alone(self._pool.busy())) if copies else 0
            )
            self._pool.assign(self._task, queries)
            self._dispatch(queue)
            # A message of another worker may just have ended this one.
            for worker in self._pool.talking():
                if worker in self._pool and (outcome := self._receive(worker, queue)):
                    if not self._control.stopping():
                        # It scores its next shard while the caller records this one.
                        self._dispatch(queue)
                    yield outcome
            for worker in self._pool:
                if worker in self._pool and (lost := self._fault(worker, queue)):
                    yield lost
            self._starts.report()

    def _dispatch(self, queue: deque[Attempt]) -> None:
        """Assign shards to idle workers, and second copies of stragglers if wanted."""
        threads = CUDA_THREADS if self._share.cuda else self._settings.cpus_per_worker
        for worker in self._pool.free():
            attempt = queue.popleft() if queue else self._straggler()
            if attempt is None:
                return
            worker.begin(attempt, threads)

    def _straggler(self) -> Attempt | None:
        """Return the attempt of a straggler that an idle worker should try again."""
        if not self._settings.speculate or self._control.stopping():
            return None
        return self._stragglers.next(self._pool.busy())

    def _receive(self, worker: RemoteWorker, queue: deque[Attempt]) -> Done | Failed | None:
        """Take one message; returns the outcome of a shard if it is one.

        Raises:
            BadInput: the scorer cannot be loaded.
            Unavailable: workers cannot start, or cannot install what the job requires.
        """
        try:
            message = worker.receive()
        except exceptions.RuntimeEnvSetupError as error:
            what = self._spec.requirements or "the scripts"
            fact = f"{what}: cannot be installed: {complaint(error)}"
            return self._worker_lost(worker, fact, "correct it, or check the machines' network")
        except exceptions.RayTaskError as error:
            return self._worker_lost(worker, f"the worker failed: {error.cause}")
        except exceptions.ActorUnavailableError as error:
            worker.ask(error)
            return None
        except exceptions.RayError as error:
            worker.gone, worker.asking = error, None
            return None
        match message:
            case StartFailed():
                self._refused(worker, queue, message)
            case Done() | Failed():
                return self._finished(worker, message)
            case int() if worker.attempt:
                self._starts.succeeded(worker)
                self._control.progress(worker.shard, message)
        return None

    def _finished(self, worker: RemoteWorker, message: Done | Failed) -> Done | Failed | None:
        """Let a worker rest; its shard has an outcome unless another worker still scores it."""
        twins = self._pool.twins(worker)
        self._starts.succeeded(worker)
        # It continues with a new process then.
        worker.ready = isinstance(message, Done) or message.kind not in {"died", "timeout"}
        if isinstance(message, Failed) and twins:
            self._control.noted(f"a copy of shard {message.shard} failed: {message.error}")
            worker.rest()
            return None
        if isinstance(message, Done):
            self._stragglers.note(time.monotonic() - worker.since)
        for twin in twins:
            self._pool.dismiss(twin)
        self._stragglers.forget(message.shard)
        worker.rest()
        return message

    def _refused(self, worker: RemoteWorker, queue: deque[Attempt], message: StartFailed) -> None:
        """Put back the shard that a worker could not begin.

        Raises:
            BadInput: no worker ever will.
            Unavailable: workers failed to start one after the other.
        """
        if message.bad_input:
            raise message.as_error()
        self._put_back(worker, queue)
        self._pool.dismiss(worker)
        self._starts.failed(worker, message.error, message.as_error())

    def _fault(self, worker: RemoteWorker, queue: deque[Attempt]) -> Failed | None:
        """Check whether a busy worker went away or fell silent."""
        silent = worker.attempt is not None and time.monotonic() - worker.heard > SILENCE
        if silent and not worker.gone and ray.wait([worker.stream], timeout=0)[0]:
            # The worker did answer; this driver was not listening.
            return None
        if not (worker.gone or silent):
            return None
        unknown = isinstance(worker.gone, exceptions.ActorUnavailableError)
        if unknown and worker.asking is not None and time.monotonic() - worker.heard < SETTLE:
            return None
        preempted = getattr(worker.gone, "preempted", False)
        if preempted or unknown or nodes.lost(worker):
            if worker.attempt:
                self._losses[worker.shard] += not preempted
                what = f"machine {worker.host} went away; shard {worker.shard} is scored again"
                self._control.noted(what)
            if preempted or self._losses[worker.shard] < LOST:
                self._put_back(worker, queue)
                self._pool.dismiss(worker)
                return None
        why = f"did not respond for {SILENCE:.0f} s" if silent else words(worker.gone)
        return self._worker_lost(worker, f"{worker.label} went away: {why}")

    def _worker_lost(self, worker: RemoteWorker, fact: str, remedy: str = "") -> Failed | None:
        """Dismiss a worker; returns the outcome of its shard, unless another worker scores it.

        Raises:
            Unavailable: workers end before they have begun, one after the other.
        """
        self._pool.dismiss(worker)
        if not worker.ready:
            why = f"workers cannot start: {fact}"
            refusal = Unavailable(why, remedy or "see `impasto cluster status`")
            self._starts.failed(worker, fact, refusal)
        if worker.attempt is None:
            return None
        twins = self._pool.twins(worker)
        self._stragglers.forget(worker.shard)
        if twins:
            return None
        return Failed(shard=worker.shard, error=fact, remedy=remedy, kind="died")

    def _put_back(self, worker: RemoteWorker, queue: deque[Attempt]) -> None:
        twins = self._pool.twins(worker)
        self._stragglers.forget(worker.shard)
        if worker.attempt and not twins:
            self._control.progress(worker.shard, 0)
            if not self._control.stopping():
                queue.appendleft(worker.attempt)
