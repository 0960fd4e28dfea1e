"""Small pictures of items and of their results, left in the job while its shards are scored."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

from impasto.jobs.keys import preview_key
from impasto.media.frame import Frame, Layout
from impasto.media.small import small_jpeg

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.jobs.job import Job
    from impasto.jobs.keys import Which
    from impasto.outputs.base import Scored
    from impasto.schema.plan import Plan, Shard

EVERY, SOON = 5.0, 1.0
"""Seconds between two pairs of a shard, and before the first one of the next shard."""
MOST = 200
"""Pairs that a job has at most, about."""
SIDE = 960
"""Maximum of the longer side, in pixels."""
PATIENCE = 2.0
"""Seconds for which a worker that ends waits for the pair that is being made."""


class Previews:
    """Makes pairs of pictures in a thread of its own, now and then.

    A pair costs a worker a few milliseconds of a core; what is due while one is made is left out.
    Nothing that goes wrong here concerns the job.
    """

    def __init__(self, job: Job, plan: Plan, shards: int, layout: Layout | None) -> None:
        """Prepare.

        Args:
            job: the job.
            plan: its plan.
            shards: how many the job has.
            layout: of the planes that are made; None where each picture decides.
        """
        self._job, self._layout = job, layout
        self._facts = plan.facts if plan.source == "video" else None
        self._each, self._seldom = max(1, MOST // shards), -(-shards // MOST)
        self._deciding = threading.Lock()
        self._thread: threading.Thread | None = None
        self._step, self._next = 1, inf
        self._made, self._due = -SOON, 0.0

    def begin(self, shard: Shard) -> None:
        """Note that a shard begins: its first item that succeeds is due soon."""
        with self._deciding:
            self._step = -(-(shard.stop - shard.start) // self._each)
            self._next = inf if shard.index % self._seldom else shard.start
            self._due = self._made + SOON

    def offer(self, items: Iterable[Frame], scored: Iterable[Scored]) -> None:
        """Take the first picture of a mini-batch that was scored, if one is due.

        Args:
            items: the frames that were scored; their planes must not change any more.
            scored: what was made of them, in the same order.
        """
        now = time.monotonic()
        with self._deciding:
            busy = self._thread is not None and self._thread.is_alive()
            if busy or now < self._due:
                return
            pairs = zip(items, scored, strict=True)
            pair = next(((a, b) for a, b in pairs if a.index >= self._next and not b.error), None)
            if pair is None:
                return
            # So few pairs show all of a long shard, not only its beginning.
            self._next = pair[0].index + self._step
            self._made, self._due = now, now + EVERY
            # None of a pool's, which a process waits for before it ends, however slow the store.
            thread = threading.Thread(target=self._leave, args=pair, name="previews", daemon=True)
            # A process may have no thread left to start.
            with suppress(RuntimeError):
                thread.start()
                self._thread = thread

    def close(self) -> None:
        """Stop; a pair that is being made is lost only if its store is slow.

        Else a short job, whose worker ends at once, would have none.
        """
        if self._thread:
            self._thread.join(PATIENCE)

    def _leave(self, item: Frame, scored: Scored) -> None:
        with suppress(Exception):
            height, width = scored.planes[0].shape[:2]
            depth = 8 * scored.planes[0].itemsize
            layout = self._layout or Layout(width, height, depth, None, item.layout.colour)
            made = Frame(item.index, scored.planes, layout)
            # The second one is what readers look for.
            pair: tuple[tuple[Which, Frame], ...] = (("source", item), ("scored", made))
            for which, frame in pair:
                data = small_jpeg(frame, SIDE, self._facts)
                self._job.folder.create(preview_key(item.index, which), data)
