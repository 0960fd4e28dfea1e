"""A worker's notes on a shard."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from impasto.outputs.base import Scored
from impasto.schema.events import Item
from impasto.schema.outcome import ItemError

if TYPE_CHECKING:
    from impasto.schema.events import Event
    from impasto.schema.item_names import ItemNames
    from impasto.schema.outcome import Attempt


class ShardReport:
    """The notes that a worker takes on one shard while scoring it."""

    def __init__(self, attempt: Attempt, names: ItemNames, worker: str) -> None:
        self._shard, self._names, self._worker = attempt.shard, names, worker
        self._attempts = {error.item: error.attempts for error in attempt.tried}
        base = attempt.base
        again = {error.item for error in base.failed} if base else set()
        self.items = base.items - len(again) if base else 0
        self.events: list[Event] = []
        self.failed: list[ItemError] = []
        self.repeated = base.repeated if base else 0
        self.missing = Counter(base.missing if base else {})
        self.concealed: list[int] = [n for n in base.concealed if n not in again] if base else []

    def add(self, scored: Scored) -> Scored:
        """Note a scored item, and add the item's name to its error."""
        shard = self._shard
        name = shard.names[scored.index - shard.start] if shard.names else ""
        error = scored.error
        if error:
            attempts = self._attempts.get(scored.index, 0) + 1
            called = self._names.name(shard, scored.index)
            error = error.model_copy(update={"key": called, "attempts": attempts})
        item = Item(
            time=time.time(),
            shard=shard.index,
            item=scored.index,
            score_ms=round(scored.seconds * 1000, 2),
            facts=scored.facts,
            name=name,
            concealed=scored.concealed,
            error=error.error if error else None,
            traceback=error.traceback if error else "",
            worker=self._worker,
        )
        self.repeated += scored.repeated
        self.missing.update(() if error else scored.missing)
        if scored.concealed:
            self.concealed.append(scored.index)
        if error:
            self.failed.append(error)
        self.items += 1
        self.events.append(item)
        return scored

    def failed_batches(self, size: int) -> int:
        """Return how many mini-batches of a size have items that were set aside."""
        return len({(it.item - self._shard.start) // max(1, size) for it in self.failed})
