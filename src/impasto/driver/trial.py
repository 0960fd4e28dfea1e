"""Single items scored in this process, without a job: to debug, and to tell the speed.

Nothing is written, and a debugger can step through a scorer.
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from impasto.driver.open_job import open_draft
from impasto.driver.sampling import Sampled
from impasto.engines.inline import breakpoints
from impasto.engines.one_thread import one_thread
from impasto.errors import ImpastoError
from impasto.machine import uses_cuda
from impasto.media.frame import Frame
from impasto.schema.outcome import ItemError
from impasto.worker.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from impasto.driver.open_job import OpenJob
    from impasto.driver.sampling import Chosen
    from impasto.schema.job import JobSpec
    from impasto.schema.plan import Plan, Shard
    from impasto.settings import Settings
    from impasto.worker.trial import Readable, Trial, Tried

FEW = 3
"""Items that tell a scorer's speed."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One item, scored twice.

    Attributes:
        chosen: the item.
        result: the second result.
        load: seconds to load the scorer.
        first: seconds of the first call, which may include one-time costs.
        notes: what the user should know about source and model, one line each.
        files: names of the files that a script has written.
    """

    chosen: Chosen
    result: Tried
    load: float
    first: float
    notes: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """The speed of a scorer, from a few items.

    Attributes:
        items: how many were scored; 0 if none could be.
        seconds: one worker's seconds per item.
        serial: whether items must come one after the other.
    """

    items: int = 0
    seconds: float = 0.0
    serial: bool = True


def attempt(
    spec: JobSpec, settings: Settings, moment: Fraction | None = None, row: int | None = None
) -> Attempt:
    """Score one item, twice; breakpoints stop on the terminal.

    Args:
        spec: the scorer, and the source of the item.
        settings: the device.
        moment: seconds into the video; None is its first frame.
        row: the number of a row, or of another item, from 1.

    Raises:
        BadInput: the source or the spec is wrong, or the scorer cannot be loaded.
        Unavailable: a store or the device does not answer.
        Exception: whatever the scorer raises.
    """
    draft = open_draft(spec, settings)
    sampled = Sampled(draft)
    chosen = sampled.row(row or 1) if moment is None else sampled.at([moment])[0]
    item = sampled.read(chosen)
    since = time.perf_counter()
    with breakpoints(), loaded(draft, draft, sampled.plan, sampled.first) as trial:
        load = time.perf_counter() - since
        first = trial.score(item)
        result = trial.score(item)
        notes = (*sampled.warnings, *trial.notes, *_shown_without(item, result))
        return Attempt(chosen, result, load, first.seconds, notes, tuple(trial.written()))


def _shown_without(item: Readable, result: Tried) -> list[str]:
    """Say what of a picture is not in the result, though a job can keep it."""
    if result.picture is None or not isinstance(item, Frame):
        return []
    lost = ["transparency"] * (item.alpha is not None) + ["over 8 bits"] * (item.layout.depth > 8)
    return [f"the result is without {' and '.join(lost)}, which a job can keep"] if lost else []


def measure(opened: OpenJob, plan: Plan, workers: int) -> Measured:
    """Score a few items of a planned job to learn how fast its scorer is here.

    Args:
        opened: the job, which need not exist.
        plan: its plan.
        workers: how many workers would score at the same time.

    Raises:
        BadInput: the scorer cannot be loaded.
        Unavailable: a store or the device does not answer.
    """
    items = list(_few(opened, plan))
    if not items:
        return Measured()
    with loaded(opened, opened, plan, plan.shards[0]) as trial:
        try:
            return Measured(len(items), trial.pace(items, workers), trial.serial)
        except ImpastoError:
            raise
        except Exception:  # noqa: BLE001 (a job sets such items aside, and tells then)
            return Measured()


@contextmanager
def loaded(opened: OpenJob, source: OpenJob, plan: Plan, sample: Shard) -> Iterator[Trial]:
    """Load a job's scorer in this process.

    Args:
        opened: the job, which need not exist.
        source: the job whose source is read, for a scorer that looks at a picture.
        plan: how that source is read.
        sample: a shard of it.
    """
    settings = opened.settings
    # The driver loads no model's library until it has to score itself.
    from impasto.worker.trial import Trial

    task = Task(
        home=settings.home,
        stores=settings.stores,
        job=opened.spec.scorer,
        spec=opened.spec,
        plan=plan.model_copy(update={"shards": ()}),
        sample=sample,
    )
    cuda = uses_cuda(settings.device)
    device = "cuda:0" if cuda else "cpu"
    with (
        # As in a worker's process: sums, and so pictures, may depend on it.
        nullcontext() if cuda else one_thread(),
        Trial(task, device, opened.stores, source.source) as trial,
    ):
        yield trial


def _few(opened: OpenJob, plan: Plan) -> Iterator[Readable]:
    """Yield the first item of a few shards, or a few items of a single one."""
    count = len(plan.shards)
    wanted = [plan.shards[n * count // FEW] for n in range(FEW)] if count >= FEW else plan.shards
    each = 1 if len(wanted) > 1 else FEW
    for shard in wanted:
        with closing(opened.source.read(plan, shard, 1)) as items:  # type: ignore[type-var]
            for item in islice(items, each):
                if not isinstance(item, ItemError):
                    yield from _alone(item, each)


def _alone(item: Readable, most: int) -> Iterator[Readable]:
    """Yield the first rows of a run, each alone; any other item as it is."""
    from impasto.sources.item import Rows

    if not isinstance(item, Rows):
        yield item
        return
    for n in range(min(most, len(item.frame))):
        yield Rows(item.start + n, item.frame.iloc[n : n + 1].reset_index(drop=True))
