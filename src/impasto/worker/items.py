"""Mini-batches of files and of a table's rows, which are scored to records."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.outputs.arrays import arrays_of
from impasto.outputs.base import Scored
from impasto.scorers import results
from impasto.scorers.base import Scores
from impasto.tables.kept import kept_columns
from impasto.worker.scoring import divide, item_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from impasto.schema.outcome import ItemError
    from impasto.schema.source import TableFacts
    from impasto.scorers.base import Record, Scorer
    from impasto.sources.item import Blob, Rows


class FileScoring:
    """Scores mini-batches of files by their local paths."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def __call__(self, items: Sequence[Blob], size: Callable[[int], None]) -> list[Scored]:
        """Score files; see `Scoring`. Copies that were fetched are removed."""
        paths = [str(blob.path) for blob in items]
        try:
            return _score(
                lambda a, b: self._scorer.score(paths[a:b]), [blob.index for blob in items], size
            )
        finally:
            for blob in items:
                if blob.fetched:
                    blob.path.unlink(missing_ok=True)

    def size_of(self, item: Blob) -> None:
        """Return None: a file has no size after scoring."""

    def keep(self, item: Blob, error: ItemError) -> Scored:
        """Return nothing in place of a file."""
        return Scored(item.index, error=error)


class RowScoring:
    """Scores mini-batches of rows as data frames."""

    def __init__(
        self,
        scorer: Scorer,
        arrays: str = "",
        keep: Sequence[str] = (),
        table: TableFacts | None = None,
    ) -> None:
        """Bind a scorer to an output.

        Args:
            scorer: the model.
            arrays: the suffix of the files that arrays are written to; "" writes records.
            keep: the columns that go beside the results, as in a spec.
            table: the facts of the table.
        """
        self._scorer = scorer
        self._arrays = arrays
        self._keep = list(kept_columns(keep, table)) if table else []

    def __call__(self, items: Rows, size: Callable[[int], None]) -> list[Scored]:
        """Score rows; see `Scoring`."""
        frame = items.frame

        def score(start: int, stop: int) -> Any:
            # A separate frame: a scorer's changes to it must not show in the next attempt.
            return self._scorer.score(frame.iloc[start:stop].reset_index(drop=True))

        scored = _score(score, range(items.start, items.start + len(frame)), size, self._arrays)
        if not self._keep:
            return scored
        rows = results.of_frame(frame[self._keep])
        return [_beside(row, each) for row, each in zip(rows, scored, strict=True)]

    def size_of(self, item: Rows) -> None:
        """Return None: a row has no size after scoring."""

    def keep(self, item: Rows, error: ItemError) -> Scored:
        """Return nothing in place of a row."""
        return Scored(item.start, error=error)


def _beside(row: Record, scored: Scored) -> Scored:
    """Return a row's result with what is kept of the row; raises BadInput if a name is in both."""
    for record in scored.records:
        if both := row.keys() & map(str, record):
            raise BadInput(
                f"`keep`: the scorer makes a field {min(both)!r} too",
                "leave that column out, or give the scorer's field another name",
            )
    return replace(scored, kept=row)


def _score(
    score: Callable[[int, int], Any],
    indices: Sequence[int],
    size: Callable[[int], None],
    arrays: str = "",
) -> list[Scored]:
    since = time.perf_counter()

    def checked(start: int, stop: int) -> Scores:
        scores = score(start, stop)
        if not isinstance(scores, Scores) or scores.records is None:
            raise BadInput("the scorer makes pictures", "give it pictures, not rows or files")
        if len(scores.records) != stop - start:
            made = len(scores.records)
            raise ValueError(f"the scorer made records for {made} of {stop - start} items")
        if arrays:
            for records in scores.records:
                arrays_of(records, arrays)
        return scores

    made: list[tuple[int, Any, Any, Any]] = []
    for start, _, scores in divide(checked, 0, len(indices), size):
        if isinstance(scores, Exception):
            made.append((indices[start], (), (), item_error(indices[start], scores)))
        else:
            assert scores.records is not None
            lacking = scores.missing or [()] * len(scores.records)
            for n, records in enumerate(scores.records, start):
                error = scores.failed.get(n - start)
                failed = item_error(indices[n], error) if error else None
                made.append((indices[n], () if error else records, lacking[n - start], failed))
    seconds = (time.perf_counter() - since) / len(indices)
    return [
        Scored(index, records=records, missing=missing, seconds=seconds, error=error)
        for index, records, missing, error in made
    ]
