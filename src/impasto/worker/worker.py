"""A worker: has its scorer loaded, then runs shards: read -> mini-batch -> score -> write.

Reading, scoring and writing overlap in threads with bounded queues, so memory is a few
mini-batches whatever the length of a shard.
"""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from impasto.jobs.job import Job
from impasto.media.frame import Frame
from impasto.outputs.base import Scored
from impasto.outputs.open import layout_of, open_shard, sized
from impasto.schema.item_names import ItemNames
from impasto.schema.outcome import Done
from impasto.schema.plan import PictureSize
from impasto.schema.url import parse
from impasto.scorers.temporal import grid
from impasto.sources.item import Rows
from impasto.sources.open import open_planned
from impasto.storage.stores import Stores
from impasto.worker.batch_size import best_size, largest
from impasto.worker.batches import Batches, MiniBatch, SetAside
from impasto.worker.cuda import await_weights, check_cuda
from impasto.worker.inputs import JobInputs, wanted
from impasto.worker.items import FileScoring, RowScoring
from impasto.worker.kept import KeptScorer
from impasto.worker.prints import Prints
from impasto.worker.repeats import with_repeats
from impasto.worker.report import ShardReport
from impasto.worker.scoring import Scoring
from impasto.worker.seen import check_seen
from impasto.worker.stages import Prefetch, ShardTimes, Sink, side_by_side
from impasto.worker.windows import Window, Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from impasto.schema.outcome import Attempt
    from impasto.schema.plan import Plan
    from impasto.schema.signatures import Signatures
    from impasto.worker.coherent import CoherentScoring
    from impasto.worker.masks import Masks
    from impasto.worker.pictures import PictureScoring
    from impasto.worker.previews import Previews
    from impasto.worker.task import Task, WorkerEvents

AHEAD = 4
"""Items, or mini-batches when those are larger, that may wait between two stages."""
COLUMNS = 100
"""Columns of which a record counts the missing values, at most."""


class Worker:
    """Runs shards of one job on one device.

    Attributes:
        name: of this worker: its machine, process and device.
        telemetry: where it sends traces; None is nowhere.
        times: the time spent on its last shard.
    """

    def __init__(
        self,
        task: Task,
        device: str,
        watch: WorkerEvents,
        signatures: Signatures,
        kept: KeptScorer | None = None,
    ) -> None:
        """Load the scorer, unless it is the one that is loaded already.

        Args:
            task: the job and its plan.
            device: ``cpu`` or ``cuda:<n>``.
            watch: notified of what is being scored.
            signatures: those of the URLs in the task.
            kept: what this process has loaded for an earlier job, on the same device.

        Raises:
            BadInput: the scorer's files are wrong.
            Unavailable: the store or the device does not answer.
        """
        self._task = task
        self._watch = watch
        stores = Stores(task.stores, signatures)
        self._job = Job(stores.open_home(task.home), task.job)
        check_seen(task, self._job)
        self._source = open_planned(stores, task.spec.source, task.plan)
        self._device = device
        self.name = f"{socket.gethostname()}:{os.getpid()}/{device}"
        if device != "cpu":
            check_cuda(device)
        self.telemetry = task.telemetry
        self.times = ShardTimes()
        self._pool = ThreadPoolExecutor(os.cpu_count(), "score")
        self._names = ItemNames.of(task.plan)
        self._prints = Prints(
            self._job.journal, watch, self.name, self._names, local=parse(task.home).local
        )
        with ExitStack() as stack:
            self._inputs = stack.enter_context(JobInputs(task, stores, self._source, watch.alive))
            stack.callback(self._pool.shutdown, wait=False)
            self._loaded = kept or KeptScorer(device)
            with self._prints.repeated():
                self._scorer = self._loaded.load(task.spec, self._job.notes, self._inputs)
            stack.callback(self._prints.close)
            self._stack = stack.pop_all()
        if device != "cpu":
            await_weights(device)
        self._plan = task.plan
        self._masks: Masks | None = None
        if task.spec.mask:
            from impasto.worker.masks import Masks

            self._masks = Masks(task.spec, stores)
        self._previews: Previews | None = None
        self._scoring = self._bind(self._plan)
        self._size = task.spec.mini_batch or self._scorer.batch

    def close(self) -> None:
        """Let the scorer end in order."""
        with self._stack:
            self._loaded.close()

    def leave(self) -> None:
        """Let go of all that belongs to the job; its scorer stays loaded."""
        self._stack.close()

    def run(self, attempt: Attempt, threads: Callable[[], int]) -> Generator[int | Done]:
        """Score one shard.

        Args:
            attempt: what to score.
            threads: how many mini-batches may be scored at once; called repeatedly, so that a
                worker can spread over cores that others have left.

        Yields:
            How many items are written so far; last, the done record that is in the store by then:
            another driver's where one was first.

        Raises:
            ImpastoError, MemoryError, OSError: the attempt failed.
        """
        shard = attempt.shard
        times = self.times = ShardTimes()
        if standing := self._job.find_done(shard, self._plan):
            yield standing
            return
        if attempt.suspects:
            # Whatever ended a worker may do so again, and larger mini-batches make it likelier.
            self._size = self._size or 1
        self._prints.shard = shard
        self._settle_size(attempt)
        if self._previews:
            self._previews.begin(shard)
        report = ShardReport(attempt, self._names, self.name)
        wide = shard.wide
        items = self._source.read(self._plan, wide, 1 if self._device == "cpu" else 4)
        if self._masks:
            items = self._masks.beside(items, wide.start, wide.stop)
        carried = self._carried(attempt)
        units: Batches | Windows = (
            Windows(items, attempt, grid.step(self._task.spec))
            if carried
            else Batches(items, attempt, self._batch_size, pure=self._scorer.pure)
        )
        reader = Prefetch(units, 1 if carried else AHEAD, times.clocks["read"])
        self._scorer.restart()
        try:
            with open_shard(
                self._job, self._task.spec, self._plan, attempt, self._inputs.files
            ) as out:
                with Sink(out.write, AHEAD, times.clocks["write"]) as sink:
                    for scored in self._scored(reader, carried, threads, times):
                        told = report.add(scored)
                        sink.put(told)
                        yield report.items
                with times.clocks["write"].busy():
                    size, names = out.finish()
        finally:
            reader.close()
            units.close()
            self._prints.flush()
        seconds, overhead, stages = times.totals()
        done = Done(
            shard=shard.index,
            segment=out.segment,
            items=report.items,
            bytes=size,
            seconds=seconds,
            overhead=overhead,
            stages=stages,
            worker=self.name,
            device=self._device.partition(":")[0],
            concealed=tuple(report.concealed),
            repeated=report.repeated,
            missing=dict(report.missing.most_common(COLUMNS)),
            failed=tuple(report.failed),
            failed_batches=report.failed_batches(self._size),
            names=names,
        )
        self._job.journal.write(*report.events)
        yield self._job.record_done(done, shard, self._plan)

    def _carried(self, attempt: Attempt) -> CoherentScoring | None:
        """Return what carries a shard's pictures along, if the job has that done."""
        spec = self._task.spec
        if not spec.temporal:
            return None
        from impasto.worker.coherent import CoherentScoring

        scoring = cast("PictureScoring", self._scoring)
        return CoherentScoring(scoring, self._scorer, spec, attempt, self._watch)

    def _scored(
        self,
        units: Prefetch[MiniBatch | SetAside | Window],
        carried: CoherentScoring | None,
        threads: Callable[[], int],
        times: ShardTimes,
    ) -> Iterator[Scored]:
        """Score mini-batches or intervals side by side, or one by one; yield items in order."""

        def score(unit: MiniBatch | SetAside | Window) -> list[Scored]:
            if isinstance(unit, SetAside):
                return self._kept(unit)
            with times.scoring():
                if isinstance(unit, Window):
                    assert carried
                    frames = [unit.frames[n] for n in unit.own]
                    return self._previewed(frames, carried(unit))
                with self._watch.scoring(unit.indices):
                    made = self._scoring(unit.items, self._shrink)
            # Previews are made of pictures only.
            self._previewed(cast("list[Frame]", unit.items), made)
            return with_repeats(made, unit.repeats)

        def alone(unit: MiniBatch | SetAside | Window) -> bool:
            return isinstance(unit, SetAside) or unit.alone or self._scorer.serial

        made = side_by_side(units, score, self._pool, threads, alone)
        with closing(made):
            yield from chain.from_iterable(made)

    def _previewed(self, items: Sequence[Frame], made: list[Scored]) -> list[Scored]:
        """Offer frames and their results for previews, and return the results."""
        if self._previews:
            self._previews.offer(items, made)
        return made

    def _kept(self, aside: SetAside) -> list[Scored]:
        if aside.item is None:
            return [Scored(aside.error.item, error=aside.error)]
        return [self._scoring.keep(aside.item, aside.error)]

    def _shrink(self, size: int) -> None:
        """Make mini-batches smaller from now on, since one did not fit in memory."""
        self._size = max(1, min(self._size, size))

    def _batch_size(self, one: MiniBatch) -> int:
        """Return the size of mini-batches; on the first call it may have to be found."""
        if self._size == 0:
            item = one.items if isinstance(one.items, Rows) else one.items[0]
            self._size = best_size(
                lambda count: self._try(one, count),
                largest(item, self._device),
                self._device,
                memory=self._task.memory,
                timeout=self._task.spec.timeout,
            )
        return self._size

    def _try(self, one: MiniBatch, count: int) -> None:
        """Score this many copies of an item, as one mini-batch."""
        items: Any
        if isinstance(one.items, Rows):
            import pandas as pd

            items = Rows(one.items.start, pd.concat([one.items.frame] * count, ignore_index=True))
        else:
            items = one.items * count
        shrunk: list[int] = []
        # Named twice, copies count as suspects, never as an item that was scored alone.
        indices = one.indices if count == 1 else one.indices * 2
        failed = True
        with self._watch.scoring(indices), suppress(MemoryError):
            scored = self._scoring(items, shrunk.append)
            failed = any(each.error for each in scored)
        if failed or shrunk:
            raise ValueError("a mini-batch of that size fails")

    def _bind(self, plan: Plan) -> Scoring:
        if plan.items == "files":
            return FileScoring(self._scorer)
        arrays = f".{self._task.spec.frames}" if plan.output == "arrays" else ""
        if plan.items == "rows":
            return RowScoring(self._scorer, arrays, self._task.spec.keep, plan.table)
        # Only pictures need torch, which takes longest of all to import.
        from impasto.worker.pictures import FrameTimes, PictureScoring

        longest = self._task.spec.max_size
        layout = layout_of(self._task.spec, plan)
        wants = wanted(plan.output)
        if wants == "pictures" and self._task.previews:
            from impasto.worker.previews import Previews

            self._previews = Previews(self._job, plan, self._task.shards, layout)
            self._stack.callback(self._previews.close)
        return PictureScoring(
            self._scorer,
            self._device,
            longest,
            layout=layout,
            wants=wants,
            arrays=arrays,
            times=FrameTimes.of(plan),
            masks=self._masks,
        )

    def _settle_size(self, attempt: Attempt) -> None:
        """Find out, once per job, how large a video's pictures are after scoring."""
        plan = self._task.plan
        if plan.output != "video" or not self._scorer.resizes or self._plan is not plan:
            return
        size = self._job.notes.picture_size()
        if size is None:
            size = self._job.notes.settle_picture_size(self._try_size(attempt))
        self._plan = sized(plan, size)
        self._scoring = self._bind(self._plan)

    def _try_size(self, attempt: Attempt) -> PictureSize:
        """Score a frame that may be scored, for the size of the result."""
        plan = self._task.plan
        doubtful = {*attempt.suspects, *(error.item for error in attempt.aside)}
        frames = self._source.read(plan, attempt.shard, 1)
        for frame in frames:
            if isinstance(frame, Frame) and frame.index not in doubtful:
                with self._watch.scoring((frame.index,)):
                    size = self._scoring.size_of(frame)
                if size:
                    return PictureSize(width=size[0], height=size[1])
        return PictureSize(width=plan.width, height=plan.height)
