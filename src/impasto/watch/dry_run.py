"""What a rule would make of each object in its inbox now, and why not of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.watch.folder import ENDS
from impasto.watch.inbox import Inbox
from impasto.watch.matching import LONGEST_TRIGGER, Passed, decide
from impasto.watch.records import Records, refused_name
from impasto.watch.trigger import read_trigger

if TYPE_CHECKING:
    from impasto.schema.watch import Ticket
    from impasto.storage.stores import Stores
    from impasto.watch.arrival import Arrival
    from impasto.watch.rule import Rule


STATES = {
    "poison": "was set aside before; `impasto watch retry` tries it again",
    "failed": "has failed; `impasto watch retry` tries it again",
    "open": "has its job, which is not done yet",
    "superseded": "was gone when its turn came",
    "done": "is done",
}
"""What is said of an object that was seen before, the worst first."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """One object.

    Attributes:
        key: the object, below the rule's inbox.
        outputs: the outputs that it would get.
        why: why it gets none, or none now; "" if it does.
        seen: whether it was seen before.
    """

    key: str
    outputs: tuple[str, ...] = ()
    why: str = ""
    seen: bool = False


def prospects(
    rule: Rule, rules: Sequence[Rule], stores: Stores, records: Records
) -> Iterator[Prospect]:
    """Yield what becomes of each object in a rule's inbox, in the order of its listing.

    Raises:
        Unavailable: the inbox, or the control store, does not answer.
    """
    inbox = Inbox(rule.inbox, stores)
    seen, known = records.seen(rule.name), _known(records, rule.name)
    for arrival in inbox.walk():
        if refused_name(rule.name, arrival) in seen:
            yield Prospect(arrival.key, why=STATES["poison"], seen=True)
            continue
        try:
            decided = _decide(rule, rules, inbox, arrival)
        except BadInput as error:
            yield Prospect(arrival.key, why=f"would be set aside: {error}")
            continue
        if isinstance(decided, Passed):
            yield Prospect(arrival.key, why=decided.reason)
            continue
        new = [ticket.spec.output for ticket in decided if ticket.name not in seen]
        states = {known.get(ticket.name, "open") for ticket in decided if ticket.name in seen}
        why = "" if new else next((text for state, text in STATES.items() if state in states), "")
        yield Prospect(arrival.key, tuple(new), why, seen=not new)


def _known(records: Records, rule: str) -> dict[str, str]:
    """Return how tickets ended, by name."""
    folder = records.folder(rule)
    return {name: end for end in ENDS for name, _ in folder.names(end)}


def _decide(
    rule: Rule, rules: Sequence[Rule], inbox: Inbox, arrival: Arrival
) -> tuple[Ticket, ...] | Passed:
    decided = decide(rule, rules, arrival)
    if isinstance(decided, Passed) and decided.kind == "trigger":
        return read_trigger(rule, rules, arrival, inbox.read(arrival.key, LONGEST_TRIGGER))
    return decided
