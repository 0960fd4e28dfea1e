"""Single items scored in this process, without a job: to look at, to debug, and to tell the speed.

Nothing is written, and a debugger can step through a scorer.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, starmap
from typing import TYPE_CHECKING

from impasto.driver.open_job import open_draft
from impasto.driver.sampling import Sampled
from impasto.engines.base import Control
from impasto.engines.inline import breakpoints
from impasto.engines.one_thread import one_thread
from impasto.engines.open import open_engine
from impasto.errors import BadInput, ImpastoError
from impasto.machine import uses_cuda
from impasto.media.frame import Frame
from impasto.media.read.describe import rotation
from impasto.schema.outcome import ItemError
from impasto.scorers.user.loading import brief
from impasto.worker.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from impasto.driver.open_job import OpenJob
    from impasto.driver.sampling import Chosen
    from impasto.schema.job import JobSpec
    from impasto.schema.plan import Plan, Shard
    from impasto.scorers.base import Record
    from impasto.settings import Settings
    from impasto.worker.trial import Picture, Readable, Trial, Tried

FEW = 3
"""Items that tell a scorer's speed."""


@dataclass(frozen=True, slots=True)
class Row:
    """The results of one set of parameters.

    Attributes:
        params: the pictures that parameters name, by parameter, as they are in their files.
        cells: the result of each item, or why it failed.
    """

    params: dict[str, bytes]
    cells: tuple[Tried | str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A few items of a source, scored with each of several sets of parameters.

    Attributes:
        chosen: the items.
        sources: what the scorer was given, where that is pictures.
        rows: the results, one row for each set of parameters.
        turn: degrees clockwise by which players turn the pictures.
        aspect: width over height of one of their pixels.
        count: how many items the whole job takes.
        noun: what they are, for people.
        workers: how many there would be.
        seconds: how long one whole job would take.
        notes: what the user should know about source and model, one line each.
    """

    chosen: tuple[Chosen, ...]
    sources: tuple[Picture | None, ...]
    rows: tuple[Row, ...]
    turn: int
    aspect: Fraction
    count: int
    noun: str
    workers: int
    seconds: float
    notes: tuple[str, ...]

    @property
    def records(self) -> list[Record]:
        """All records that were made."""
        cells = (cell for row in self.rows for cell in row.cells)
        return [record for cell in cells if not isinstance(cell, str) for record in cell.records]


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


def preview(
    specs: Sequence[JobSpec],
    settings: Settings,
    moments: Sequence[Fraction],
    number: int,
    told: Callable[[int, int], None],
) -> Preview:
    """Score a few items of a source with each of several specs.

    Args:
        specs: specs that differ in their parameters only.
        settings: the device, and how many workers a job would have.
        moments: seconds into the video; none takes evenly spaced items.
        number: how many of these.
        told: called with how many results there are, and how many there will be.

    Raises:
        BadInput: the source, a spec or one of its files is wrong, or every item fails.
        Unavailable: a store or the device does not answer.
    """
    since = time.perf_counter()
    drafts = [open_draft(spec, settings) for spec in specs]
    # Read first: a painting that is missing is known before anything takes long.
    named = [dict(draft.pictures) for draft in drafts]
    sampled = Sampled(drafts[0])
    chosen = sampled.at(moments) if moments else sampled.spread(number)
    items = [sampled.read(each) for each in chosen]
    workers = _workers(drafts[0], settings)
    with ExitStack() as stack:
        trials = [
            stack.enter_context(loaded(draft, drafts[0], sampled.plan, sampled.first))
            for draft in drafts
        ]
        start = time.perf_counter() - since
        sources = tuple(
            trials[0].picture(item) if isinstance(item, Frame) else None for item in items
        )
        cells = _scored(trials, items, workers, told)
        scored = [cell.seconds for row in cells for cell in row if not isinstance(cell, str)]
        if not scored:
            why = next(cell for row in cells for cell in row if isinstance(cell, str))
            raise BadInput(f"scorer {drafts[0].spec.scorer}: {why}", "see `impasto try`")
        pace = sorted(scored)[len(scored) // 2]
        good = [
            item for item, cell in zip(items, cells[0], strict=True) if not isinstance(cell, str)
        ]
        if good and not trials[0].single:
            pace = trials[0].pace(good[:FEW], workers)
        notes = (*sampled.warnings, *trials[0].notes)
    facts = sampled.plan.facts
    return Preview(
        chosen=tuple(chosen),
        sources=sources,
        rows=tuple(starmap(Row, zip(named, cells, strict=True))),
        turn=rotation(facts) if facts else 0,
        aspect=facts.sample_aspect if facts else Fraction(1),
        count=sampled.count,
        noun=sampled.noun,
        workers=workers,
        seconds=start + sampled.count * pace / min(workers, sampled.count),
        notes=notes,
    )


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
        notes = (*sampled.warnings, *trial.notes)
        return Attempt(chosen, result, load, first.seconds, notes, tuple(trial.written()))


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


def _workers(opened: OpenJob, settings: Settings) -> int:
    """Return how many workers a job would have; none starts."""
    return open_engine(settings, opened.spec, Control(), opened.stores).capacity.workers


def _scored(
    trials: Sequence[Trial],
    items: Sequence[Readable],
    threads: int,
    told: Callable[[int, int], None],
) -> list[tuple[Tried | str, ...]]:
    """Score every item with every trial; returns a row for each trial."""

    def score(trial: Trial, item: Readable) -> Tried | str:
        try:
            return trial.score(item)
        except ImpastoError:
            raise
        except Exception as error:  # noqa: BLE001 (it is shown in place of the result)
            return brief(error)

    pairs = [(trial, item) for trial in trials for item in items]
    told(0, len(pairs))
    pool = ThreadPoolExecutor(threads)
    try:
        # One after another, it is done in this thread, where Ctrl-C stops it at once.
        results = (
            starmap(score, pairs)
            if trials[0].serial
            else pool.map(score, *zip(*pairs, strict=True))
        )
        cells: list[Tried | str] = []
        for cell in results:
            cells.append(cell)
            told(len(cells), len(pairs))
    finally:
        pool.shutdown(cancel_futures=True)
    return [tuple(cells[at : at + len(items)]) for at in range(0, len(cells), len(items))]


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
