"""Tickets of a rule, one by one: how each stands, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from impasto.schema.watch import End, Ended, Ticket, Try
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY
from impasto.watch.folder import ENDS, RuleFolder
from impasto.watch.signs import claimed
from impasto.watch.status import watchers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.storage.store import Store

State = End | Literal["waiting", "running"]


class Standing(NamedTuple):
    """How a ticket stands, from listings alone.

    Attributes:
        name: the record's name.
        state: in one word.
        at: when it was admitted, or ended, seconds since 1970.
    """

    name: str
    state: State
    at: float


class TicketFacts(NamedTuple):
    """What is recorded of a ticket.

    Attributes:
        standing: how it stands.
        ended: how it ended, or None.
        ticket: the ticket while it has not ended, or None.
        tries: how often it failed so far, while it has not ended.
        last: the last of these tries, or None.
    """

    standing: Standing
    ended: Ended | None = None
    ticket: Ticket | None = None
    tries: int = 0
    last: Try | None = None


def standings(home: Store, rule: str, state: State | None = None) -> list[Standing]:
    """List the tickets of a rule, the newest first; raises Unavailable.

    Args:
        home: the control store.
        rule: the rule's name.
        state: the only state that is wanted; None is every.
    """
    folder = RuleFolder(home, rule)
    found: dict[str, Standing] = {}
    for end in reversed(ENDS):
        if state in {None, end}:
            for name, stat in folder.names(end):
                found[name] = Standing(name, end, stat.modified)
    if state in {None, "waiting", "running"}:
        running = claimed(home, watchers(home).keys())
        for name, stat in folder.names("open"):
            stands: State = "running" if f"{rule}/{name}" in running else "waiting"
            if state in {None, stands}:
                found[name] = Standing(name, stands, stat.modified)
    return sorted(found.values(), key=order)


def order(standing: Standing) -> tuple[float, str]:
    """Return the key by which tickets are sorted, the newest first."""
    return -standing.at, standing.name


def facts(home: Store, rule: str, chosen: Sequence[Standing]) -> list[TicketFacts]:
    """Read what is recorded of tickets, many at once; raises Unavailable."""
    folder = RuleFolder(home, rule)
    tries: dict[str, int] = {}
    if any(each.state in {"waiting", "running"} for each in chosen):
        for name, _ in folder.names("tries"):
            ticket, _, number = name.rpartition("-")
            tries[ticket] = max(tries.get(ticket, 0), int(number))

    def read(each: Standing) -> TicketFacts:
        if each.state not in {"waiting", "running"}:
            return TicketFacts(each, ended=folder.load(_end(each.state), each.name, Ended))
        count = tries.get(each.name, 0)
        last = folder.load("tries", f"{each.name}-{count}", Try) if count else None
        ticket = folder.load("open", each.name, Ticket)
        return TicketFacts(each, ticket=ticket, tries=count, last=last)

    return [*in_order(read, chosen, MANY)]


def _end(state: State) -> End:
    assert state not in {"waiting", "running"}
    return next(end for end in ENDS if end == state)
