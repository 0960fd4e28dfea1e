"""The Ray engine: workers on the machines of a cluster.

Ray places actors, and its autoscaler brings machines for those that wait. All policy is here, in
the driver; nothing is restarted or retried by Ray. An actor (`Slot`) takes one worker's share of a
machine and looks after one worker process there, the same that the local engine runs.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from contextlib import suppress
from statistics import median
from typing import TYPE_CHECKING, Any, Self

import ray
from ray import exceptions

from impasto.engines import ENCODER_THREADS, Control, Staff, Task
from impasto.engines.child import GRACE
from impasto.engines.ray_hired import Hired
from impasto.engines.ray_join import complaint, join, words
from impasto.engines.ray_slot import Slot as Slot
from impasto.engines.serve import Broken
from impasto.errors import BadInput, Unavailable
from impasto.secrecy import handover
from impasto.settings import Settings
from impasto.spec import Attempt, Done, Failed, JobSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

POLL = 0.2
"""Seconds between two looks at whether to stop."""
SETTLE = 3.0
"""Seconds in which a machine that lives tells of an actor that died there."""
SILENCE = 90.0
"""Seconds without a word from a busy worker's machine; Ray itself notices within about 66."""
IDLE = 10.0
"""Seconds after which a worker for which no shard is left gives its machine back."""
ROOM = 30.0
"""Seconds without room for any worker after which the user is told."""
WAIT = 1800.0
"""Seconds to wait for a first machine."""
ASKED = 32
"""Workers that wait for machines at most, where no maximum is given."""
BROKEN = 3
"""Workers that may fail to start, one after the other."""
LOST = 10
"""Machines that may go away under one shard before the shard is suspected."""
SLOW = 2.0
"""How many times as long as the median a shard takes before it is a straggler."""
EXPECTED = 8
"""Workers that are expected of a cluster when nobody said."""
CUDA_THREADS = 2
"""Mini-batches at once on a CUDA device, so that copies hide behind scoring."""


class RayEngine:
    """Runs shards on a cluster, or on a Ray of its own on this machine."""

    def __init__(self, settings: Settings, control: Control, spec: JobSpec) -> None:
        """Configure; nothing starts before the context is entered.

        Args:
            settings: the cluster's address, how many workers, and what each takes.
            control: how the caller watches and stops the engine.
            spec: the job; its scripts and requirements go to the machines.

        Raises:
            BadInput: the settings contradict each other.
        """
        self._settings = settings
        self._control = control
        self._spec = spec
        self._gpus = settings.gpus_per_worker
        if settings.device == "cpu" or self._gpus is not None:
            self._gpus = self._gpus or 0.0
        elif settings.device == "cuda":
            self._gpus = 1.0
        if settings.device == "cuda" and not self._gpus:
            raise BadInput("--gpus-per-worker 0: --device cuda needs a GPU; leave one of them out")
        if (settings.address or "").startswith("http"):
            raise BadInput(
                f"{settings.address}: is a dashboard's address, for 'impasto submit'; a driver "
                "needs HOST:PORT of the cluster's head, or auto"
            )
        self._hired: list[Hired] = []
        self._parting: list[Hired] = []
        self._task: Any = None
        self._room = 0
        self._losses: Counter[int] = Counter()
        self._seconds: list[float] = []
        self._broken = 0
        self._roomless = 0.0
        self._told = False

    @property
    def capacity(self) -> int:
        """As many workers as are asked for, else those there is room for, else a guess."""
        guess = EXPECTED if self._settings.address or not self._room else 1
        return self._settings.workers.most or max(self._room, guess)

    @property
    def encoder_threads(self) -> int:
        """One on a CPU, whose cores are all busy scoring; some beside a GPU."""
        return ENCODER_THREADS if self._cuda else 1

    @property
    def _cuda(self) -> bool:
        return bool(self._gpus) and self._settings.device != "cpu"

    def __enter__(self) -> Self:
        """Join the cluster, or start one here, and ask for a first worker."""
        env = join(self._settings, self._spec)
        try:
            self._open(env)
        except BaseException:
            ray.shutdown()
            raise
        return self

    def _open(self, env: dict[str, Any]) -> None:
        """See what there is, and ask for the first workers."""
        total: dict[str, float] = ray.cluster_resources()
        if self._gpus is None:
            self._gpus = 1.0 if total.get("GPU") else 0.0
        cpus = self._settings.cpus_per_worker
        # A cluster that has no machine yet tells of no cores.
        room = total.get("CPU", 0) // cpus
        self._room = int(min(room, total.get("GPU", 0) // self._gpus) if self._gpus else room)
        if not self._room and self._settings.address is None:
            raise Unavailable(
                f"this machine has no room for a worker with {self._needs()}; ask for less with "
                "--cpus-per-worker or --gpus-per-worker"
            )
        self._slot = ray.remote(Slot).options(
            num_cpus=cpus,
            num_gpus=self._gpus,
            max_restarts=0,
            max_task_retries=0,
            **({"runtime_env": env} if env else {}),
        )
        self._roomless = time.monotonic()
        self._hire(max(1, self._settings.workers.least))

    def __exit__(self, *error: object) -> None:
        """End every worker: in order when all went well, else at once."""
        with suppress(exceptions.RayError):
            if not any(error):
                for hired in [each for each in self._hired if not each.attempt]:
                    self._part(hired)
                refs = [hired.parting for hired in self._parting]
                if refs:
                    ray.wait(refs, num_returns=len(refs), timeout=GRACE + 1)
            for hired in (*self._hired, *self._parting):
                ray.kill(hired.actor)
        self._hired.clear()
        self._parting.clear()
        ray.shutdown()

    def run(self, task: Task, attempts: Sequence[Attempt]) -> Iterator[Done | Failed]:
        """Try each shard once, the longest first; see `Engine.run`.

        A shard whose machine went away is tried again at once: that was no fault of the shard.
        """
        queue = deque(sorted(attempts, key=lambda each: len(each.shard), reverse=True))
        if queue and self._task is None:
            self._task = ray.put(task)
        while queue or self._busy():
            if self._control.stopping():
                queue.clear()
            self._scale(len(queue))
            self._dispatch(queue)
            for hired in self._ready():
                # A copy may have been dismissed by what the other one said just now.
                outcome = self._hear(hired, queue) if hired in self._hired else None
                if outcome:
                    yield outcome
            for hired in [it for it in self._hired if it.attempt or it.gone]:
                outcome = self._fault(hired, queue)
                if outcome:
                    yield outcome
            self._tell()

    def _busy(self) -> list[Hired]:
        return [hired for hired in self._hired if hired.attempt]

    def _hire(self, count: int) -> None:
        """Ask for so many more workers; those that find no room are what the autoscaler sees."""
        for _ in range(count):
            device = "cuda:0" if self._cuda else "cpu"
            self._hired.append(Hired(self._slot.remote(device, self._settings.memory)))

    def _scale(self, waiting: int) -> None:
        """Have a worker for each shard, within bounds; release those for which none is left."""
        least, most = self._settings.workers.least, self._settings.workers.most
        placed = sum(hired.machine != "" for hired in self._hired)
        most = most or placed + ASKED
        want = min(max(waiting + len(self._busy()), least), most)
        self._hire(max(0, want - len(self._hired)))
        now = time.monotonic()
        surplus = len(self._hired) - max(want, 1)
        # Those that wait for a machine go first: it shall not be brought for nothing.
        free = [it for it in self._hired if not it.attempt and not it.gone]
        for hired in sorted(free, key=lambda each: each.machine != "")[: max(0, surplus)]:
            if not hired.machine or now - hired.since > IDLE:
                self._part(hired)
        self._bury()
        for hired in self._hired:
            if not hired.placing and not hired.machine:
                # Signatures in URLs go to processes of this machine alone.
                signatures = {} if self._settings.address else handover()
                hired.placing = hired.actor.employ.remote(self._task, signatures)

    def _part(self, hired: Hired) -> None:
        """Let a worker that has nothing to do end in order."""
        self._hired.remove(hired)
        if not hired.machine:
            ray.kill(hired.actor)
            return
        hired.parting, hired.since = hired.actor.close.remote(), time.monotonic()
        self._parting.append(hired)

    def _bury(self) -> None:
        """Let go of the machines' share of those that have ended in order, or would not."""
        for hired in [*self._parting]:
            ended, _ = ray.wait([hired.parting], timeout=0)
            if ended or time.monotonic() - hired.since > GRACE + 1:
                ray.kill(hired.actor)
                self._parting.remove(hired)

    def _dispatch(self, queue: deque[Attempt]) -> None:
        """Give shards to idle workers, and second copies of stragglers if that is wanted."""
        threads = CUDA_THREADS if self._cuda else self._settings.cpus_per_worker
        for hired in self._hired:
            if hired.machine and not hired.attempt and not hired.gone:
                attempt = queue.popleft() if queue else self._straggler()
                if attempt is None:
                    return
                hired.begin(attempt, threads)

    def _straggler(self) -> Attempt | None:
        """Return the attempt of a shard that takes far longer than others, and is alone."""
        if not self._settings.speculate or len(self._seconds) < 3 or self._control.stopping():
            return None
        late = time.monotonic() - SLOW * median(self._seconds)
        copies = Counter(hired.shard for hired in self._busy())
        slow = [it for it in self._busy() if copies[it.shard] == 1 and it.since < late]
        return min(slow, key=lambda it: it.since).attempt if slow else None

    def _ready(self) -> list[Hired]:
        """Wait a moment; return the workers that have something to say."""
        refs = {hired.awaited: hired for hired in self._hired if hired.awaited is not None}
        if not refs:
            time.sleep(POLL)
            return []
        some, _ = ray.wait([*refs], timeout=POLL)
        said = ray.wait([*refs], num_returns=len(refs), timeout=0)[0] if len(some) else []
        return [refs[ref] for ref in said]

    def _hear(self, hired: Hired, queue: deque[Attempt]) -> Done | Failed | None:
        """Take one message; returns the outcome of a shard if that is one.

        Raises:
            BadInput: the scorer cannot be loaded.
            Unavailable: workers cannot start, or cannot install what the job requires.
        """
        try:
            if hired.asking is not None:
                # It answers again, but what it said meanwhile is lost.
                hired.asking = ray.get(hired.asking) and None
                return None
            if hired.attempt is None:
                hired.machine = ray.get(hired.placing)
                hired.heard = hired.since = time.monotonic()
                return None
            said = ray.get(next(hired.stream))
        except StopIteration:
            hired.rest()
            return None
        except exceptions.RuntimeEnvSetupError as error:
            raise Unavailable(
                f"{self._spec.requirements or 'the scripts'}: cannot be installed on the cluster's "
                f"machines: {complaint(error)}; correct it, or check their network"
            ) from error
        except exceptions.RayTaskError as error:
            return self._spoilt(hired, queue, f"the worker failed: {error.cause}")
        except exceptions.ActorUnavailableError as error:
            hired.ask(error)
            return None
        except exceptions.RayError as error:
            hired.gone, hired.asking = error, None
            return None
        hired.heard = time.monotonic()
        match said:
            case Broken():
                self._refused(hired, queue, said)
            case Done() | Failed():
                return self._finished(hired, said)
            case int() if hired.attempt:
                hired.ready = True
                self._broken = 0
                self._control.progress(hired.shard, said)
        return None

    def _finished(self, hired: Hired, said: Done | Failed) -> Done | Failed | None:
        """Let a worker rest; its shard has an outcome unless another one is still at it."""
        twins = [it for it in self._busy() if it.shard == hired.shard and it is not hired]
        hired.ready = isinstance(said, Done) or said.kind not in {"died", "timeout"}
        if isinstance(said, Failed) and twins:
            hired.rest()
            return None
        if isinstance(said, Done):
            self._broken = 0
            self._seconds.append(time.monotonic() - hired.since)
        for twin in twins:
            self._dismiss(twin)
        hired.rest()
        return said

    def _refused(self, hired: Hired, queue: deque[Attempt], said: Broken) -> None:
        """Put the shard back that a worker could not begin.

        Raises:
            BadInput: no worker ever will.
            Unavailable: one after the other could not.
        """
        self._broken += 1
        if said.bad_input or self._broken >= BROKEN:
            raise said.as_error()
        self._control.noted(f"a worker on {hired.host} could not start: {said.error}")
        self._put_back(hired, queue)
        self._dismiss(hired)

    def _fault(self, hired: Hired, queue: deque[Attempt]) -> Failed | None:
        """Look whether a busy worker went away or fell silent."""
        silent = hired.attempt is not None and time.monotonic() - hired.heard > SILENCE
        if silent and not hired.gone and ray.wait([hired.stream], timeout=0)[0]:
            # It was this driver that did not listen.
            return None
        if not (hired.gone or silent):
            return None
        unknown = isinstance(hired.gone, exceptions.ActorUnavailableError)
        if unknown and hired.asking is not None and time.monotonic() - hired.heard < SETTLE:
            return None
        if unknown or self._lost(hired):
            self._losses[hired.shard] += 1
            redone = f"; shard {hired.shard} is redone" if hired.attempt else ""
            self._control.noted(f"machine {hired.host or 'of a new worker'} went away{redone}")
            if self._losses[hired.shard] < LOST:
                self._put_back(hired, queue)
                self._dismiss(hired)
                return None
        why = f"gave no sign for {SILENCE:.0f} s" if silent else words(hired.gone)
        where = f"the worker on {hired.host}" if hired.host else "a new worker"
        return self._spoilt(hired, queue, f"{where} went away: {why}")

    def _lost(self, hired: Hired) -> bool:
        """Tell whether a worker's machine was taken away."""
        if getattr(hired.gone, "preempted", False):
            return True
        if not hired.machine:
            return "node has died" in str(hired.gone)
        nodes: list[dict[str, Any]] = ray.nodes()
        alive = {node["NodeID"] for node in nodes if node["Alive"]}
        return hired.machine.partition("/")[2] not in alive

    def _spoilt(self, hired: Hired, queue: deque[Attempt], error: str) -> Failed | None:
        """Dismiss a worker; returns the outcome of its shard, unless another one is at it.

        Raises:
            Unavailable: workers end before they have begun, one after the other.
        """
        self._dismiss(hired)
        if hired.attempt is None or not hired.ready:
            self._broken += 1
            if self._broken >= BROKEN:
                raise Unavailable(f"workers cannot start: {error}; see 'impasto cluster status'")
        if hired.attempt is None:
            return None
        if any(it.shard == hired.shard for it in self._busy()):
            return None
        return Failed(shard=hired.shard, error=error, kind="died")

    def _put_back(self, hired: Hired, queue: deque[Attempt]) -> None:
        twins = [it for it in self._busy() if it.shard == hired.shard and it is not hired]
        if hired.attempt and not twins:
            self._control.progress(hired.shard, 0)
            if not self._control.stopping():
                queue.appendleft(hired.attempt)

    def _dismiss(self, hired: Hired) -> None:
        """End a worker at once; a machine that lives gets its share back."""
        self._hired.remove(hired)
        ray.kill(hired.actor)

    def _tell(self) -> None:
        """Tell the caller what the workers do, and when there is no room for any.

        Raises:
            Unavailable: no machine came.
        """
        asked = sum(not hired.machine for hired in self._hired)
        running = sum(hired.attempt is not None and hired.ready for hired in self._hired)
        idle = sum(bool(hired.machine) and not hired.attempt for hired in self._hired)
        starting = len(self._hired) - asked - running - idle
        self._control.staffed(Staff(asked, starting, running, idle))
        now = time.monotonic()
        if asked < len(self._hired) or not asked:
            self._roomless, self._told = now, False
            return
        if now - self._roomless > ROOM and not self._told:
            self._told = True
            what = f"no machine of the cluster has room for a worker with {self._needs()}"
            if self._spec.requirements:
                what += ", or installs what it requires"
            patience = f"waiting up to {WAIT / 60:.0f} minutes"
            self._control.noted(f"{what}; {patience}: 'impasto cluster status' tells more")
        if now - self._roomless > WAIT:
            raise Unavailable(
                f"cluster {self._settings.address}: no machine with room for a worker with "
                f"{self._needs()} came in {WAIT / 60:.0f} minutes; see 'impasto cluster status'"
            )

    def _needs(self) -> str:
        """Say what a worker takes of a machine."""
        cpus = self._settings.cpus_per_worker
        words = f"{cpus} core{'s' if cpus > 1 else ''}"
        return f"{words} and {self._gpus:g} GPU" if self._gpus else words
