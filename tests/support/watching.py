"""What tests of a watcher share: tickets, arrivals, and a store that dies in the middle of work."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from impasto.schema.job import JobSpec
from impasto.schema.url import parse
from impasto.schema.watch import Ended, Ticket
from impasto.storage.store import Store
from impasto.watch.arrival import Arrival
from impasto.watch.claims import Claims
from impasto.watch.rule import Rule
from support.stores import keys, wait_for_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.stores import Backend

RULE = "paint"
WATCHERS = ("a" * 12, "b" * 12, "c" * 12)


def ticket(key: str = "ann/a.mp4", version: str = "v1", **fields: Any) -> Ticket:
    """A ticket that nobody has admitted."""
    spec = JobSpec(source=f"/in/{key}", output=f"/out/{key}", scorer="identity")
    facts = {"rule": RULE, "recipe": "r1", "size": 7, "modified": 5.0, "spec": spec}
    return Ticket(**{**facts, "key": key, "version": version, **fields})


def ending(of: Ticket, state: str = "done", **fields: Any) -> Ended:
    """A record of how a ticket ended."""
    facts = {"state": state, "key": of.key, "ticket": of.name, "size": of.size}
    return Ended.model_validate({**facts, **fields})


def arrival(key: str = "ann/a.mp4", version: str = "v1") -> Arrival:
    """An object in an inbox."""
    return Arrival(key, 7, version, 5.0)


def kinds(place: Backend) -> dict[str, int]:
    """Return how many records there are of each kind."""
    found: dict[str, int] = {}
    for key in keys(place.open(), "watch"):
        kind = key.split("/")[2]
        found[kind] = found.get(kind, 0) + 1
    return found


def rule(inbox: str, **fields: Any) -> Rule:
    """A rule that makes the tickets of this module."""
    facts = {"name": RULE, "patterns": ("**/*.mp4",), "output": "/out/{name}.mp4"}
    return Rule.model_validate({**facts, "inbox": inbox, "variants": [{"recipe": "r1"}], **fields})


class Died(BaseException):
    """The process was killed; no handler of exceptions runs after that."""


class Watched(Store):
    """A store that lets a test act before each write, such as by raising `Died`.

    Attributes:
        writes: how many writes were asked for.
    """

    writes = 0
    _before: Callable[[int], None]

    @classmethod
    def of(cls, backend: Backend, before: Callable[[int], None] = lambda _: None) -> Watched:
        """Open a place; ``before`` is called with the number of each write, from 1."""
        store = cls(parse(backend.url), backend.profile)
        store._before = before
        return store

    def create(self, key: str, data: bytes, kind: str = "") -> bool:
        self._count()
        return super().create(key, data, kind)

    def put(self, key: str, data: bytes, kind: str = "") -> None:
        self._count()
        super().put(key, data, kind)

    def delete(self, *keys: str) -> None:
        for key in keys:
            self._count()
            super().delete(key)

    def _count(self) -> None:
        self.writes += 1
        self._before(self.writes)


def dying(at: int) -> Callable[[int], None]:
    """Return what ends a process before a write."""

    def before(number: int) -> None:
        if number == at:
            raise Died

    return before


def race_to_take(place: Backend, secrets: dict[str, str], watcher: str, subject: str) -> bool:
    """Wait until a claim is old, and for all processes; returns whether this one takes it over."""
    os.environ.update(secrets)
    own, deadline = Claims(place.open(), watcher, 1.0), time.monotonic() + 30
    own.beat({})
    while subject in own.busy():
        assert time.monotonic() < deadline
        time.sleep(0.2)
        own.beat({})
    wait_for_all()
    own.beat({})
    return own.take(subject)
