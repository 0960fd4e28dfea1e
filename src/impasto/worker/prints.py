"""What a scorer prints, as it goes into the job's log: while it scores, not only at its end."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from impasto.errors import ImpastoError
from impasto.schema.events import Printed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.jobs.journal import Journal
    from impasto.schema.item_names import ItemNames
    from impasto.schema.plan import Shard
    from impasto.worker.task import Said, WorkerEvents

OFTEN, SELDOM = 1.0, 5.0
"""Seconds between two looks at what was printed, where the log is in a folder or in a store."""
TOLD, LINES = 300, 3
"""Characters, and lines, of what was printed that an error repeats."""


class Prints:
    """Writes what a worker prints to the job's log, from a thread of its own."""

    def __init__(
        self, journal: Journal, watch: WorkerEvents, worker: str, names: ItemNames, *, local: bool
    ) -> None:
        """Start to look.

        Args:
            journal: the job's log.
            watch: knows what was printed.
            worker: the worker's name.
            names: names the items that were being scored.
            local: whether the log is in a folder of this machine.
        """
        self._journal, self._watch, self._worker = journal, watch, worker
        self._names = names
        self._wait = OFTEN if local else SELDOM
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self.shard: Shard | None = None
        threading.Thread(target=self._look, name="prints", daemon=True).start()

    def flush(self, *, whole: bool = True) -> str:
        """Write what was printed since the last time, and return it.

        Args:
            whole: whether to include a last line that has not ended.

        Raises:
            Unavailable: the log's store does not answer.
        """
        with self._writing:
            said = self._watch.printed(whole=whole)
            if said:
                self._journal.write(*map(self._event, said))
        return "".join(each.text for each in said)

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """Let an error of the block repeat what was printed last; the log has it in full."""
        try:
            yield
        except ImpastoError as error:
            said = _last_lines(self.flush())
            self.close()
            if not said:
                raise
            fact = f"{error.fact}; it printed: {said}"
            raise type(error)(fact, error.remedy).with_traceback(error.__traceback__) from error

    def close(self) -> None:
        """Write the rest and stop looking."""
        self._ended.set()
        self.flush()

    def _look(self) -> None:
        while not self._ended.wait(self._wait):
            try:
                self.flush(whole=False)
            except ImpastoError:
                # A store that does not answer shows in what the shard itself writes.
                continue

    def _event(self, said: Said) -> Printed:
        shard, items = self.shard, said.items
        known = shard is not None and items and shard.start <= items[0] <= items[-1] < shard.stop
        name = None
        if shard is not None and known:
            name = self._names.name(shard, items[0])
            if items[-1] > items[0]:
                name += f" to {self._names.name(shard, items[-1])}"
        index = shard.index if shard else None
        return Printed(
            text=said.text, worker=self._worker, item=name, shard=index, stream=said.stream
        )


def _last_lines(text: str) -> str:
    """Return the end of what was printed, in one line."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-LINES:])[-TOLD:]
