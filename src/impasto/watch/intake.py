"""What becomes of an object in an inbox now: tickets, a wait, a record of poison, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.errors import BadInput, Denied, ImpastoError
from impasto.schema.watch import ticket_name
from impasto.watch.matching import LONGEST_TRIGGER, Passed, decide, sender_of
from impasto.watch.news import News, OnNews, words
from impasto.watch.records import refused_name
from impasto.watch.trigger import read_trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.schema.watch import Ticket
    from impasto.watch.arrival import Arrival
    from impasto.watch.inbox import Inbox
    from impasto.watch.records import Records
    from impasto.watch.rule import Rule
    from impasto.watch.seen import Seen
    from impasto.watch.settling import Settling


class Intake:
    """Looks at the objects of one rule's inbox."""

    def __init__(
        self,
        rule: Rule,
        rules: Sequence[Rule],
        *,
        inbox: Inbox,
        records: Records,
        seen: Seen,
        settling: Settling,
        on_news: OnNews,
    ) -> None:
        """Look at nothing yet.

        Args:
            rule: the rule.
            rules: all rules, whose outputs are never taken for new objects.
            inbox: the rule's inbox.
            records: where what can never become a job is set aside.
            seen: the tickets that there are.
            settling: knows what is still being written.
            on_news: called with each object that is set aside.
        """
        self._rule, self._rules, self._inbox = rule, rules, inbox
        self._records, self._seen, self._settling = records, seen, settling
        self._tell = on_news

    def consider(self, arrival: Arrival) -> list[Ticket] | None:
        """Return the tickets that an object gets now; None if it is still being written.

        Raises:
            Unavailable: the inbox, or the control store, does not answer.
        """
        try:
            return self._consider(arrival)
        except ImpastoError:
            raise
        except Exception as error:  # noqa: BLE001 (one object never stops the others)
            self._refuse(arrival, words(error))
            return []

    def _consider(self, arrival: Arrival) -> list[Ticket] | None:
        if self._is_known(arrival):
            return []
        decided = decide(self._rule, self._rules, arrival)
        if isinstance(decided, Passed) and (
            decided.kind not in {"trigger", "refused"} or self._is_refused(arrival)
        ):
            return []
        # One that is refused may still grow, and each of its sizes would be set aside.
        if not self._settling.settled(arrival):
            return None
        if isinstance(decided, Passed):
            if decided.kind == "refused":
                self._refuse(arrival, decided.reason)
                return []
            decided = self._read_trigger(arrival)
        return [ticket for ticket in decided if ticket.name not in self._seen]

    def _is_known(self, arrival: Arrival) -> bool:
        """Return whether an object has had all its tickets, by their names alone."""
        rule = self._rule
        names = (
            ticket_name(rule.name, each.recipe, arrival.key, arrival.version)
            for each in rule.variants
        )
        return all(name in self._seen for name in names)

    def _is_refused(self, arrival: Arrival) -> bool:
        return refused_name(self._rule.name, arrival) in self._seen

    def _read_trigger(self, arrival: Arrival) -> tuple[Ticket, ...]:
        try:
            content = self._inbox.read(arrival.key, LONGEST_TRIGGER)
            return read_trigger(self._rule, self._rules, arrival, content)
        except BadInput as error:
            self._refuse(arrival, str(error))
        except Denied as error:
            # The others may be read; this one is tried again when the watcher is started anew.
            self._tell(News(str(error), self._rule.name, arrival.key, warning=True))
        return ()

    def _refuse(self, arrival: Arrival, reason: str) -> None:
        """Set an object aside, unless that was done before."""
        if not self._is_refused(arrival):
            sender = sender_of(arrival.key)
            self._seen.add(self._records.reject(self._rule.name, arrival, reason, sender))
            news = News(reason, self._rule.name, arrival.key, state="poison", warning=True)
            self._tell(news)
