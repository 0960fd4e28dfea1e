"""Which jobs of the board a caller asks for, and in pages that new jobs do not shift."""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.server.models.jobs import JobList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.jobs.state import State
    from impasto.server.access.caller import Caller
    from impasto.server.models.jobs import JobRow


LONGEST = 200
"""Bytes of the longest cursor."""


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs are asked for; all fields must match.

    Attributes:
        states: states, any of which will do; all if there are none.
        labels: ``KEY:VALUE``, or ``KEY`` for any value.
        rule: the rule that made them; "" for any.
        since: submitted at this time or later, seconds since 1970.
        until: submitted before this time.
        words: words, in any case, each of which the id, source, output, scorer, painting, rule or
            a label contains.
    """

    states: frozenset[State] = frozenset()
    labels: tuple[str, ...] = ()
    rule: str = ""
    since: float | None = None
    until: float | None = None
    words: str = ""

    def page(self, caller: Caller, rows: Sequence[JobRow], limit: int, cursor: str) -> JobList:
        """Return a page of the jobs that a caller sees.

        Args:
            caller: who asks.
            rows: all jobs, newest first.
            limit: how many jobs a page has at most.
            cursor: where the page begins, as the one before says; "" for the first.

        Raises:
            BadInput: the cursor is wrong.
        """
        after = _place(cursor) if cursor else None
        words, labels = self.words.casefold().split(), [each.partition(":") for each in self.labels]
        found = [
            row
            for row in rows
            if caller.sees(row.tenant) and self._matches(row, labels) and _has(row, words)
        ]
        counts = Counter(row.state for row in found)
        if self.states:
            found = [row for row in found if row.state in self.states]
        rest = [row for row in found if after is None or _key(row) > after]
        page = rest[:limit]
        more = _cursor(page[-1]) if len(rest) > limit else ""
        return JobList(jobs=page, next=more, total=len(found), counts=dict(counts))

    def _matches(self, row: JobRow, labels: Sequence[tuple[str, str, str]]) -> bool:
        return (
            (not self.rule or row.rule == self.rule)
            and (self.since is None or row.started >= self.since)
            and (self.until is None or row.started < self.until)
            and all(
                row.labels.get(key) == value if colon else key in row.labels
                for key, colon, value in labels
            )
        )


def _has(row: JobRow, words: Sequence[str]) -> bool:
    if not words:
        return True
    labels = (part for pair in row.labels.items() for part in pair)
    facts = (row.job, row.source, row.output, row.scorer, row.style, row.rule, *labels)
    text = "\n".join(facts).casefold()
    return all(word in text for word in words)


def _key(row: JobRow) -> tuple[float, str]:
    return -row.started, row.job


def _cursor(row: JobRow) -> str:
    return base64.urlsafe_b64encode(json.dumps(_key(row)).encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[float, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        started, job = json.loads(text[:LONGEST])
        return float(started), str(job)
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise BadInput("`cursor`: is not one that a page named", "begin without one") from None
