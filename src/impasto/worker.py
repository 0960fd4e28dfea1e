"""A worker: loads the scorer once, then runs shards: read -> mini-batch -> score -> write.

Reading, scoring and writing overlap in threads with bounded queues, so memory is a few
mini-batches whatever the length of a shard.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import torch

from impasto import output, scorers
from impasto.errors import BadInput, Unavailable
from impasto.files import Changed
from impasto.job import Job
from impasto.media import colour, images
from impasto.media.frame import Frame
from impasto.pipeline import Clock, Prefetch, Sink
from impasto.scoring import Scored, Scoring
from impasto.source import open_planned
from impasto.spec import Done, FrameError, Shard
from impasto.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from impasto.engines import Task

AHEAD = 4
"""Frames, or mini-batches when those are larger, that may wait between two stages."""


class Worker:
    """Runs shards of one job on one device."""

    def __init__(self, task: Task, device: str) -> None:
        """Load the scorer.

        Args:
            task: the job and its plan.
            device: ``cpu`` or ``cuda:<n>``.

        Raises:
            BadInput: the scorer's files are wrong.
            Unavailable: the store or the device does not answer.
        """
        self._task = task
        self._stores = Stores(task.stores)
        self._job = Job(self._stores.home(task.home), task.job)
        self._source = open_planned(self._stores, task.spec.source, task.plan)
        self._device = torch.device(device)
        self.name = f"{socket.gethostname()}:{os.getpid()}/{device}"
        if self._device.type == "cuda" and not torch.cuda.is_available():
            raise Unavailable(f"device {device}: torch cannot use it; try --device cpu")
        self._pool = ThreadPoolExecutor(os.cpu_count(), "score")
        self._scorer = self._load()
        if self._device.type == "cuda":
            # Streams of the scoring threads do not wait for the one that loaded the weights.
            torch.cuda.synchronize(self._device)
        layout = None
        if task.plan.output == "video":
            layout = output.video_target(task.spec, task.plan).layout
        self._scoring = Scoring(self._scorer, self._device, layout, task.spec.max_size)

    def run(self, shard: Shard, threads: Callable[[], int]) -> Iterator[int | Done]:
        """Score one shard.

        Args:
            shard: what to score.
            threads: how many mini-batches may be scored at once; asked again and again, so that
                a worker can spread over cores that others have left.

        Yields:
            How many frames are written so far; last, the done record that stands in the store by
            then: another driver's where one was first.

        Raises:
            ImpastoError, MemoryError, OSError: the attempt came to nothing.
        """
        standing = self._job.find_done(shard.index)
        if standing:
            yield standing
            return
        since = time.perf_counter()
        clocks = {stage: Clock() for stage in ("read", "score", "write")}
        journal: list[dict[str, object]] = []
        failed: list[FrameError] = []
        concealed: list[int] = []
        frames = self._source.read(self._task.plan, shard, 1 if self._device.type == "cpu" else 4)
        reader = Prefetch(self._batches(frames), AHEAD, clocks["read"])
        try:
            with output.open_shard(self._job, self._task.spec, self._task.plan, shard) as out:
                with Sink(out.write, AHEAD, clocks["write"]) as sink:
                    for scored in self._scored(reader, threads, clocks["score"]):
                        sink.put(scored)
                        journal.append(_line(shard, scored))
                        failed += [scored.error] if scored.error else []
                        concealed += [scored.index] if scored.concealed else []
                        yield len(journal)
                with clocks["write"].busy():
                    size, names = out.finish()
        finally:
            reader.close()
        done = Done(
            shard=shard.index,
            segment=out.segment,
            frames=len(journal),
            bytes=size,
            seconds=time.perf_counter() - since,
            stages={stage: clock.seconds for stage, clock in clocks.items()},
            worker=self.name,
            concealed=tuple(concealed),
            failed=tuple(failed),
            names=names,
        )
        self._job.log(journal)
        yield self._job.record_done(done)

    def _batches(self, frames: Iterator[Frame | FrameError]) -> Iterator[list[Frame] | FrameError]:
        """Group frames of one layout into mini-batches; errors pass through in order."""
        for layout, run in groupby(
            frames, lambda item: None if isinstance(item, FrameError) else item.layout
        ):
            batch: list[Frame] = []
            for item in run:
                if isinstance(item, FrameError):
                    yield item
                    continue
                batch.append(item)
                if len(batch) == self._scorer.batch:
                    yield batch
                    batch = []
            if layout and batch:
                yield batch

    def _scored(
        self,
        batches: Prefetch[list[Frame] | FrameError],
        threads: Callable[[], int],
        clock: Clock,
    ) -> Iterator[Scored]:
        """Score mini-batches side by side and yield their frames in order."""

        def score(item: list[Frame] | FrameError) -> list[Scored]:
            if isinstance(item, FrameError):
                return [Scored(item.frame, (), error=item)]
            with clock.busy():
                return self._scoring(item)

        running: deque[Future[list[Scored]]] = deque()
        try:
            for item in batches:
                running.append(self._pool.submit(score, item))
                while len(running) >= threads():
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        finally:
            for future in running:
                future.cancel()
            wait(running)

    def _load(self) -> scorers.Scorer:
        spec = self._task.spec
        entry = scorers.find(spec.scorer)
        params = scorers.parse_params(entry, spec.params)
        kind = entry.load()
        prepared = self._job.prepared()
        if prepared is None:
            prepared = self._job.record_prepared(kind.prepare(params, self))
        return kind(params, prepared, self, self._device)

    def trusted(self, url: str, sha256: str) -> bytes:
        """Read weights or a script; see `scorers.Inputs`."""
        self._stores.check_trusted(url, self._task.home)
        content = self._stores.read(url)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Changed(f"{url}: has changed since the job began; run it anew")
        return content

    def image(self, url: str) -> NDArray[np.uint8]:
        """Read a picture as RGB, (H, W, 3); see `scorers.Inputs`."""
        frame = images.read(self._stores.read(url), url)
        return np.asarray(frame.planes[0], np.uint8)

    def sample(self) -> NDArray[np.uint8]:
        """Read the job's first picture as RGB, (H, W, 3); see `scorers.Inputs`."""
        frames = self._source.read(self._task.plan, self._task.sample, 1)
        frame = next((item for item in frames if isinstance(item, Frame)), None)
        if frame is None:
            raise BadInput(
                f"{self._source.url}: none of its first pictures can be read; remove them"
            )
        rgb = colour.to_rgb([torch.from_numpy(plane)[None] for plane in frame.planes], frame.layout)
        picture: NDArray[np.uint8] = (rgb[0] * 255).round().byte().permute(1, 2, 0).numpy()
        return picture


def _line(shard: Shard, scored: Scored) -> dict[str, object]:
    line: dict[str, object] = {
        "time": time.time(),
        "event": "frame",
        "shard": shard.index,
        "frame": scored.index,
    }
    line["score_ms"] = round(scored.seconds * 1000, 2)
    if scored.concealed:
        line["concealed"] = True
    if scored.error:
        line["error"] = scored.error.error
    return line
