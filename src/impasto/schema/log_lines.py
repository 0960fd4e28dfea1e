"""The lines of a job's log, read whatever they contain."""

from __future__ import annotations

import json
from typing import cast

from impasto.errors import ImpastoError
from impasto.schema.bounds import is_number
from impasto.schema.events import (
    Cancelled,
    Detached,
    Entry,
    Event,
    Finished,
    Item,
    PassedOver,
    Printed,
    ShardDone,
    ShardFailed,
    Started,
    Stopped,
    Stopping,
    Submitted,
    Torn,
    Unknown,
    Workers,
)

LATEST = 253_402_300_799
"""The last second of the year 9999, past which no calendar goes."""
DEEPEST = 100
"""Levels of lists and objects in a line."""

_ENTRIES: dict[str, type[Entry]] = {
    kind.EVENT: kind
    for kind in (
        Submitted,
        Detached,
        Cancelled,
        Started,
        PassedOver,
        Workers,
        ShardDone,
        ShardFailed,
        Stopping,
        Stopped,
        Finished,
        Printed,
    )
}


def parse(text: str, written: float) -> Event:
    """Read the event in a line of a log, whatever the line contains.

    The event's own ``line()`` is exactly what was read.

    Args:
        text: the line.
        written: when the object that holds it was written, seconds since 1970.
    """
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return Torn(written, text)
    if not isinstance(line, dict) or not is_number(line.get("time")) or _too_deep(line):
        return Torn(written, text)
    name = line.get("event")
    if not isinstance(name, str) or not 0 <= line["time"] <= LATEST:
        return Torn(written, text)
    try:
        if name == "item":
            return Item.parse(line)
        if name in _ENTRIES:
            event = _ENTRIES[name].parse(line)
            # No field was added or converted.
            if str(event.line()) == str(line):
                return cast("Event", event)
    except (ValueError, ImpastoError, RecursionError):
        pass
    return Unknown(line)


def _too_deep(value: object, left: int = DEEPEST) -> bool:
    """Return whether a JSON value is nested so deeply that writing it out again may fail."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left < 0 or any(_too_deep(part, left - 1) for part in inner)
