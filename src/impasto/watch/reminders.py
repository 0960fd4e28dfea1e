"""Reminders of signatures that end, since a watcher runs for weeks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from impasto.storage.expiry import endings

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.storage.stores import Stores

BEFORE = (timedelta(days=7), timedelta(days=1), timedelta(hours=1), timedelta())
"""How long before its end people are told of a signature, and once more at its end."""


class Reminders:
    """Tells of each signature that ends a few times, not each time it is asked."""

    def __init__(
        self, stores: Stores, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Take the stores in use, and what tells the time."""
        self._now = now
        self._told = dict.fromkeys(endings(stores), 0)

    def due(self) -> list[str]:
        """Return what is to be told now, one line each; asks no store."""
        now, lines = self._now(), []
        for ending, told in self._told.items():
            stage = sum(ending.until - now <= before for before in BEFORE)
            if stage > told:
                self._told[ending] = stage
                lines.append(ending.told(now))
        return lines
