"""The work of child processes: a watcher of one rule, a step at a time."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from blobs.child import measure, memory
from impasto.schema.watch import Ended
from impasto.settings import load as load_settings
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY
from impasto.storage.stores import Stores
from impasto.watch.inbox import Inbox
from impasto.watch.matching import decide
from impasto.watch.records import Records
from impasto.watch.rule_watch import RuleWatch
from impasto.watch.rules import load_rules
from watching.places import squares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blobs.child import Cost
    from impasto.schema.watch import Ticket
    from impasto.watch.rule import Rule
    from watching.places import Place

FOLDER = 100
"""Objects in each folder of an inbox."""


class Stepped(RuleWatch):
    """A rule at work, a step at a time; its thread is never started."""

    @property
    def parts(self) -> tuple[Sequence[Rule], Inbox, Records]:
        """All rules, the inbox and what is known of its tickets."""
        return self._rules, self._inbox, self._records

    def load(self) -> int:
        """Learn what was seen before, as the thread begins by doing; returns how many."""
        self._load_seen()
        return len(self._seen)

    def look(self) -> int:
        """Look at everything once, as the thread does at each interval; returns at how many."""
        self._pass()
        return self.news.objects


def fill(place: Place, count: int) -> None:
    """Make tables, and the records of a watcher that has seen them all."""
    place.write(squares(settle=0))
    store = place.stores.open(f"{place.url}/in")
    keys = (f"{n // FOLDER:04d}/{n:06d}.csv" for n in range(count))
    for _ in in_order(lambda key: store.put(key, b"n\n1\n"), keys, MANY):
        pass
    watch = _stepped(place)
    rules, inbox, records = watch.parts
    folder = records.folder(watch.rule.name)
    found = (decide(watch.rule, rules, each) for each in inbox.walk())
    tickets = (ticket for decided in found if isinstance(decided, tuple) for ticket in decided)

    def keep(ticket: Ticket) -> None:
        folder.create("seen", ticket.name, ticket)
        ended = Ended(state="done", key=ticket.key, ticket=ticket.name, size=ticket.size)
        folder.create("done", ticket.name, ended)

    for _ in in_order(keep, tickets, MANY):
        pass


@cache
def _stepped(place: Place) -> Stepped:
    """Return the watch of a place's rule, one in each process."""
    place.write(squares(settle=0))
    config = str(place.folder / "impasto.toml")
    settings = load_settings(config)
    stores = Stores.of(settings)
    _, rules = load_rules(config, settings, stores)
    return Stepped(
        rules[0],
        rules,
        stores=stores,
        inbox=Inbox(rules[0].inbox, stores),
        records=Records(stores.open_home(settings.home)),
        offer=lambda _: None,
        on_news=lambda _: None,
    )


def load(place: Place) -> tuple[Cost, int]:
    """Learn what was seen; returns the cost, and the memory in use afterwards, in bytes."""
    return measure(_stepped(place).load), memory("VmRSS")


def look(place: Place) -> tuple[Cost, int]:
    """Look at everything once; returns what `load` does."""
    return measure(_stepped(place).look), memory("VmRSS")
