"""A few items of a source in several styles and settings, without a job: to choose by looking."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import starmap
from typing import TYPE_CHECKING

from impasto.driver.motion import Span, move
from impasto.driver.open_job import open_draft
from impasto.driver.sampling import Sampled, Telling
from impasto.driver.trial import FEW, loaded
from impasto.engines.base import Control
from impasto.engines.open import open_engine
from impasto.errors import BadInput, ImpastoError
from impasto.media.frame import Frame
from impasto.media.read.describe import rotation
from impasto.scorers.user.loading import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from impasto.driver.motion import Motion
    from impasto.driver.open_job import OpenJob
    from impasto.driver.sampling import Chosen
    from impasto.schema.job import JobSpec
    from impasto.scorers.base import Record
    from impasto.settings import Settings
    from impasto.worker.trial import Picture, Readable, Trial, Tried

MOST = 600
"""Results that a sheet shows."""


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
        motion: the same in motion, where that was asked for.
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
    motion: Motion | None = None

    @property
    def records(self) -> list[Record]:
        """All records that were made."""
        cells = (cell for row in self.rows for cell in row.cells)
        return [record for cell in cells if not isinstance(cell, str) for record in cell.records]


def preview(
    specs: Sequence[JobSpec],
    settings: Settings,
    moments: Sequence[Fraction],
    number: int,
    told: Callable[[int, int], None],
    moving: Fraction | None = None,
) -> Preview:
    """Score a few items of a source with each of several specs.

    Args:
        specs: specs that differ in their parameters or sizes, and read the same items.
        settings: the device, and how many workers a job would have.
        moments: seconds into the video; none takes items that differ.
        number: how many of these.
        told: called with how many results there are, and how many there will be.
        moving: seconds of the video that are also shown in motion, from the first of ``moments`` on
            or else where most of the video looks alike; None is none.

    Raises:
        BadInput: the source, a spec or one of its files is wrong, or every item fails.
        Unavailable: a store or the device does not answer.
    """
    since = time.perf_counter()
    drafts = [open_draft(spec, settings) for spec in specs]
    # Read first: a painting that is missing is known before anything takes long.
    named = [dict(draft.pictures) for draft in drafts]
    sampled = Sampled(drafts[0])
    telling = _telling(sampled, moments, number)
    chosen = telling.chosen
    if len(specs) * len(chosen) > MOST:
        raise BadInput(
            f"{len(specs):,} rows of {len(chosen):,} {sampled.noun}: are more than the {MOST}"
            " pictures of a sheet",
            "name fewer styles, settings or moments",
        )
    span = Span.of(sampled, telling, moving, len(specs)) if moving else None
    stills = len(specs) * len(chosen)
    every = stills + len(specs) * (span.count if span else 0)
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
        cells = _scored(trials, items, workers, lambda done: told(done, every))
        scored = _seconds(cells[0]) or [each for row in cells for each in _seconds(row)]
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
        if span and not any(_painted(cell) for row in cells for cell in row):
            raise BadInput("`motion`: the scorer makes no pictures", "leave it out")
    motion = None
    if span:
        motion = move(specs, settings, sampled, span, lambda done: told(stills + done, every))
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
        motion=motion,
    )


def _telling(sampled: Sampled, moments: Sequence[Fraction], number: int) -> Telling:
    """Return the items to score, and what is shown in motion."""
    if not moments:
        return sampled.telling(number)
    chosen = sampled.at(moments)
    # It begins where it is asked for.
    return Telling(chosen, chosen[0], (chosen[0].index, sampled.stop - 1))


def _painted(cell: Tried | str) -> bool:
    return not isinstance(cell, str) and cell.picture is not None


def _seconds(row: Sequence[Tried | str]) -> list[float]:
    return [cell.seconds for cell in row if not isinstance(cell, str)]


def _workers(opened: OpenJob, settings: Settings) -> int:
    """Return how many workers a job would have; none starts."""
    return open_engine(settings, opened.spec, Control(), opened.stores).capacity.workers


def _scored(
    trials: Sequence[Trial],
    items: Sequence[Readable],
    threads: int,
    told: Callable[[int], None],
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
    told(0)
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
            told(len(cells))
    finally:
        pool.shutdown(cancel_futures=True)
    return [tuple(cells[at : at + len(items)]) for at in range(0, len(cells), len(items))]
