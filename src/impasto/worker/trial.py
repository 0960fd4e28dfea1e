"""A scorer outside any job: loaded in this process, and given single items.

What a scorer raises comes through as it is, for whoever wrote it to see.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

from impasto.media.frame import Frame
from impasto.scorers import registry
from impasto.scorers.base import Scorer, Scores
from impasto.scorers.results import is_tensor
from impasto.sources.item import Blob, Rows
from impasto.tables.write import jsonl
from impasto.worker.batch_size import best_size, largest
from impasto.worker.cuda import check_cuda
from impasto.worker.inputs import JobInputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from impasto.scorers.base import Record
    from impasto.sources.base import Source
    from impasto.storage.stores import Stores
    from impasto.worker.masks import Masks
    from impasto.worker.pictures import PictureScoring
    from impasto.worker.task import Task

    Picture: TypeAlias = NDArray[np.uint8]
    """RGB, (H, W, 3)."""
    Readable: TypeAlias = Frame | Rows | Blob

LONG = 5.0
"""Seconds after which one item is enough to tell a scorer's speed."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of one item.

    Attributes:
        seconds: how long it took.
        picture: the picture that was made, or None.
        records: the records that were made.
    """

    seconds: float
    picture: Picture | None = None
    records: Sequence[Record] = ()


class Trial:
    """A loaded scorer; a context that lets it end in order.

    Attributes:
        notes: what the scorer assumed about its model, one line each.
        serial: whether items must come one after the other.
        single: whether items are scored one by one in a job, too.
    """

    def __init__(
        self,
        task: Task,
        device: str,
        stores: Stores,
        source: Source,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """Load the scorer.

        Args:
            task: the spec and what the scorer may look at; there need be no job.
            device: ``cpu`` or ``cuda:<n>``.
            stores: what may be opened.
            source: where the items come from.
            alive: called, once a second at most, while a long item is being scored.

        Raises:
            BadInput: the scorer's files are wrong.
            Unavailable: a store or the device does not answer.
        """
        self._spec, self._plan = task.spec, task.plan
        self._device = device
        if device != "cpu":
            check_cuda(device)
        entry = registry.find(task.spec.scorer)
        params = entry.parse(task.spec.params)
        with ExitStack() as stack:
            self._inputs = stack.enter_context(JobInputs(task, stores, source, alive))
            kind = entry.load()
            prepared = kind.prepare(params, self._inputs)
            self._scorer: Scorer = kind(params, prepared, self._inputs, self._device)
            stack.callback(self._scorer.close)
            self._stack = stack.pop_all()
        self._longest = task.spec.max_size
        self._masks: Masks | None = None
        if task.spec.mask:
            from impasto.worker.masks import Masks

            self._masks = Masks(task.spec, stores)
        self.notes, self.serial = self._scorer.notes, self._scorer.serial
        self.single = (task.spec.mini_batch or self._scorer.batch) == 1

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def _pictures(self) -> PictureScoring:
        # Only pictures need torch.
        from impasto.worker.pictures import FrameTimes, PictureScoring

        times = FrameTimes.of(self._plan)
        return PictureScoring(
            self._scorer, self._device, self._longest, times=times, masks=self._masks
        )

    def picture(self, frame: Frame) -> Picture:
        """Return a frame as the scorer gets it."""
        return _shown(self._pictures.rgb([frame])[0])

    def written(self) -> list[str]:
        """Return the names of the files that a script has written."""
        folder = self._inputs.files
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    def score(self, item: Readable) -> Tried:
        """Score one item as the first of a shard.

        Raises:
            ValueError: the scorer's result is not of one item.
            Exception: whatever the scorer raises.
        """
        self._scorer.restart()
        since = time.perf_counter()
        scores = self._scores(item, 1)
        made = scores.pictures
        if made is not None:
            if made.ndim != 4 or made.shape[:2] != (1, 3):
                raise ValueError(f"the scorer made {tuple(made.shape)} of one picture")
            return Tried(time.perf_counter() - since, _shown(made[0]))
        seconds = time.perf_counter() - since
        if scores.records is None or len(scores.records) != 1:
            raise ValueError("the scorer made neither a picture nor the records of one item")
        return Tried(seconds, records=[_written(record) for record in scores.records[0]])

    def pace(self, items: Sequence[Readable], threads: int) -> float:
        """Return the seconds that one worker takes per item, with mini-batches as in a job.

        Args:
            items: a few that can be scored.
            threads: how many workers score at the same time.
        """
        self._scorer.restart()
        first = items[0]
        seconds = self._timed(first, 1)
        if seconds > LONG:
            return seconds
        size = self._spec.mini_batch or self._scorer.batch or self._probed(first)
        with ThreadPoolExecutor(1 if self.serial else threads) as pool:
            return median(pool.map(lambda item: self._timed(item, size), items)) / size

    def _probed(self, item: Readable) -> int:
        return best_size(
            lambda count: self._scores(item, count),
            largest(item, self._device),
            self._device,
            timeout=self._spec.timeout,
        )

    def _timed(self, item: Readable, count: int) -> float:
        since = time.perf_counter()
        self._scores(item, count)
        return time.perf_counter() - since

    def _scores(self, item: Readable, count: int) -> Scores:
        """Score copies of an item as one mini-batch."""
        if isinstance(item, Frame):
            import torch

            with torch.inference_mode():
                if self._masks:
                    alone = self._masks.beside(iter([item]), item.index, item.index + 1)
                    (item,) = alone
                frames = [item] * count
                return _as_scores(self._pictures.scored(frames, self._pictures.rgb(frames)))
        batch: Any = [str(item.path)] * count if isinstance(item, Blob) else _repeated(item, count)
        return _as_scores(self._scorer.score(batch))


def _repeated(rows: Rows, count: int) -> Any:
    import pandas as pd

    return pd.concat([rows.frame] * count, ignore_index=True)


def _as_scores(scores: torch.Tensor | Scores) -> Scores:
    return Scores(pictures=scores) if is_tensor(scores) else scores


def _written(record: Record) -> Record:
    """Return a record as an output holds it, without the item's name."""
    fields = jsonl.parsed(jsonl.line("", record))
    del fields[jsonl.ITEM]
    return fields


def _shown(rgb: torch.Tensor) -> Picture:
    """Return a picture in [0, 1], (3, H, W) on any device, as (H, W, 3) in 8 bits."""
    if not bool(rgb.isfinite().all()):
        raise ValueError("the scorer made values that are not finite")
    codes = (rgb.detach() * 255).round().clamp(0, 255).byte().permute(1, 2, 0)
    picture: Picture = codes.contiguous().cpu().numpy()
    return picture
