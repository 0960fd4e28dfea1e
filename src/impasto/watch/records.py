"""What watchers know of tickets, in the control store; `schema/watch.py` shows the layout.

A ticket is *seen* from its admission on, *open* until it has ended, and *ended* by one record that
says how. All steps may be repeated, by any watcher, and be interrupted anywhere:

- Admission writes ``open/`` first and then ``seen/``, which is put-if-absent. Interrupted between
  the two, the ticket can be worked on, and the next listing of the inbox admits it again.
- The end of a ticket makes sure of ``seen/`` first, then writes how it ended, then deletes
  ``open/``. So an ended ticket is always seen, and no listing makes it new.
- A late admission may write ``open/`` once more for a ticket that has ended. Since it then finds
  ``seen/``, it looks whether the ticket has ended, and deletes ``open/``. If it is interrupted
  before that, whoever claims the ticket does so: one that holds the claim of an open ticket must
  look whether it has `ended` before it does anything else.
"""

from __future__ import annotations

import hashlib
import time
from threading import Lock
from typing import TYPE_CHECKING

from impasto.schema.watch import Ended, Hook, OutputOwner, Ticket, Try, ticket_name
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY
from impasto.watch.folder import ENDS, Kind, RuleFolder
from impasto.watch.resetting import forget, reopen
from impasto.watch.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from impasto.storage.store import Store
    from impasto.watch.arrival import Arrival

MOST_MESSAGES = 10_000
"""Messages of a rule that are set aside; more are only counted."""
MOST_TRIES = 1000
EXCERPT = 200
"""Bytes of a message that are kept, to find out who sends it."""


class Records:
    """The records of all rules of a home, but for claims.

    Every method raises Unavailable when the store does not answer. Threads may share it.
    """

    def __init__(self, home: Store) -> None:
        self.home = home
        self._lock = Lock()
        self._messages: dict[str, int] = {}
        self._set_aside: set[tuple[str, str]] = set()
        self._dropped: dict[str, int] = {}
        self._applied: set[tuple[str, str]] = set()

    def folder(self, rule: str) -> RuleFolder:
        """Return the folder of a rule."""
        return RuleFolder(self.home, rule)

    def seen(self, rule: str) -> Seen:
        """List the tickets of a rule, and the objects that were refused without one.

        Tickets that another version came before are left out: if theirs comes back, it counts.
        """
        seen = Seen(name for name, _ in self.folder(rule).names("seen"))
        for name, _ in self.folder(rule).names("superseded"):
            seen.discard(name)
        messages = 0
        for name, _ in self.folder(rule).names("poison"):
            if name.startswith("message-"):
                messages += 1
            else:
                seen.add(name)
        with self._lock:
            self._messages[rule] = messages
        return seen

    def forgotten(self, rule: str, seen: Seen) -> int:
        """Take the tickets out of an index that a user has meanwhile told to forget.

        Returns:
            How many there were.
        """
        fresh = 0
        for name, stat in self.folder(rule).names("forgotten"):
            marker = (stat.key, stat.etag)
            if marker not in self._applied:
                self._applied.add(marker)
                seen.discard(name)
                fresh += 1
        return fresh

    def admit(self, ticket: Ticket) -> bool:
        """Make a ticket exist, exactly once; the module says why this holds.

        Returns:
            Whether it is open because of this call; False if it was seen before.
        """
        folder, name = self.folder(ticket.rule), ticket.name
        folder.put("open", name, ticket)
        if folder.create("seen", name, ticket):
            return True
        ended = self.ended(ticket.rule, name)
        if ended and ended.state == "superseded":
            # Its object was away for a while, as with a share, and is there again.
            reopen(folder, ticket)
            return True
        if ended:
            folder.delete("open", name)
        return False

    def admit_many(self, tickets: Iterable[Ticket]) -> Iterator[bool]:
        """Admit tickets, many at once; yields what `admit` returns, in their order."""
        return in_order(self.admit, tickets, MANY)

    def open_tickets(self, rule: str) -> dict[str, float]:
        """List the names of a rule's open tickets, the oldest first, and since when they wait.

        Returns:
            Seconds since 1970, by the store's clock.
        """
        found = [(stat.modified, name) for name, stat in self.folder(rule).names("open")]
        return {name: since for since, name in sorted(found)}

    def ticket(self, rule: str, name: str) -> Ticket | None:
        """Read an open ticket, or return None if it is open no longer.

        One whose records are both damaged is forgotten, so that its object counts as new.
        """
        folder = self.folder(rule)
        if not folder.exists("open", name):
            return None
        ticket = self._whole(rule, name, "open") or self._whole(rule, name, "seen")
        if ticket is None:
            forget(folder, name)
        return ticket

    def _whole(self, rule: str, name: str, kind: Kind) -> Ticket | None:
        ticket = self.folder(rule).load(kind, name, Ticket)
        return ticket if ticket and (ticket.rule, ticket.name) == (rule, name) else None

    def stored(self, rule: str, name: str) -> Ticket | None:
        """Read a ticket, whether it has ended or not; None if there is none, or it is damaged."""
        return self._whole(rule, name, "seen") or self._whole(rule, name, "open")

    def ended(self, rule: str, name: str) -> Ended | None:
        """Return how a ticket ended, or None if it has not."""
        folder = self.folder(rule)
        found = in_order(lambda end: folder.load(end, name, Ended), ENDS, len(ENDS))
        pairs = zip(ENDS, [*found], strict=True)
        return next((ended for end, ended in pairs if ended and ended.state == end), None)

    def tries(self, rule: str, name: str) -> tuple[Try, ...]:
        """Read the failed tries of a ticket; one that is torn still counts."""
        folder, found = self.folder(rule), list[Try]()
        while len(found) < MOST_TRIES:
            key = f"{name}-{len(found) + 1}"
            known = folder.load("tries", key, Try)
            if known is None:
                if not folder.exists("tries", key):
                    break
                known = Try(error="unknown: its record is damaged")
            found.append(known)
        return tuple(found)

    def add_try(self, rule: str, name: str, failed: Try) -> None:
        """Record a failed try of a ticket."""
        folder = self.folder(rule)
        for n in range(1, MOST_TRIES + 1):
            if folder.create("tries", f"{name}-{n}", failed):
                return

    def end(self, ticket: Ticket, ended: Ended) -> bool:
        """Record how a ticket ended; what it makes of an open one is described in the module.

        Returns:
            Whether this call did; False if it had ended before.
        """
        folder, name = self.folder(ticket.rule), ticket.name
        folder.create("seen", name, ticket)
        if ended.state != "done" and folder.exists("done", name):
            return False
        if folder.create(ended.state, name, ended):
            return True
        if folder.load(ended.state, name, Ended):
            return False
        folder.put(ended.state, name, ended)
        return True

    def ages(self, rule: str, within: float) -> list[float]:
        """Return how many seconds ago each of the jobs ended that did so lately.

        Poison does not count: most of it never became a job, and anybody can drop it.

        Args:
            rule: the rule's name.
            within: seconds before now.
        """
        folder, now = self.folder(rule), time.time()
        ends: tuple[Kind, ...] = ("done", "failed")
        found = (now - stat.modified for end in ends for _, stat in folder.names(end))
        return [age for age in found if age < within]

    def close(self, rule: str, name: str) -> None:
        """Let a ticket that has ended be open no longer."""
        self.folder(rule).delete("open", name)

    def mend(self, rule: str) -> int:
        """Open the tickets again that neither are open nor have ended.

        There are none unless a command was killed that changed them, the power failed, or somebody
        deleted records. Costs a few listings.

        Returns:
            How many there were.
        """
        folder = self.folder(rule)
        # In this order, a ticket that ends meanwhile is in one of the listings.
        lost = Seen(name for name, _ in folder.names("seen"))
        settled: tuple[Kind, ...] = ("open", *ENDS)
        for kind in settled:
            for name, _ in folder.names(kind):
                if not name.startswith("message-"):
                    lost.discard(name)
        if not lost:
            return 0
        for name in [name for name, _ in folder.names("seen") if name in lost]:
            if ticket := self._whole(rule, name, "seen"):
                folder.put("open", name, ticket)
            else:
                forget(folder, name)
        return len(lost)

    def reject(self, rule: str, arrival: Arrival, reason: str, sender: str = "") -> str:
        """Set an object aside that can never become a job, once.

        Returns:
            The name of the record, which `seen` lists: see `refused_name`.
        """
        name = refused_name(rule, arrival)
        key = arrival.key.encode(errors="replace").decode()
        record = _poison(reason, key=key, size=arrival.size, sender=sender)
        self.folder(rule).create("poison", name, record)
        return name

    def reject_message(self, rule: str, body: bytes, reason: str) -> bool:
        """Set a message aside that cannot be read, once for each content.

        Returns:
            Whether this call made its record; False if it had one, or if the rule has so many that
            it was only counted.
        """
        name = f"message-{hashlib.sha256(body).hexdigest()[:32]}"
        with self._lock:
            if (rule, name) in self._set_aside:
                return False
            known = self._messages.get(rule)
        if known is None:
            names = (each for each, _ in self.folder(rule).names("poison"))
            known = sum(each.startswith("message-") for each in names)
        with self._lock:
            known = self._messages.setdefault(rule, known)
            if known >= MOST_MESSAGES:
                self._dropped[rule] = self._dropped.get(rule, 0) + 1
                return False
        excerpt = body[:EXCERPT].decode(errors="replace")
        record = _poison(reason, size=len(body), excerpt=ascii(excerpt)[1:-1])
        new = self.folder(rule).create("poison", name, record)
        with self._lock:
            self._messages[rule] += new
            self._set_aside.add((rule, name))
        return new

    def dropped(self, rule: str) -> int:
        """Return how many messages of a rule were only counted."""
        return self._dropped.get(rule, 0)

    def own_output(self, rule: str, output: str, key: str) -> bool | None:
        """Make an output belong to an object, unless it belongs to another.

        Args:
            rule: the rule's name.
            output: the output's URL.
            key: the object, below the rule's inbox.

        Returns:
            Whether the output of this object was made before, and may be replaced; None if it
            belongs to another object.
        """
        folder, name = self.folder(rule), _output_name(output)
        if folder.create("outputs", name, OutputOwner(key=key)):
            return False
        owner = folder.load("outputs", name, OutputOwner)
        if owner is None:
            folder.put("outputs", name, OutputOwner(key=key))
            return False
        return owner.made if owner.key == key else None

    def output_made(self, rule: str, output: str, key: str = "") -> None:
        """Note that an object's output was made.

        Args:
            rule: the rule's name.
            output: the output's URL.
            key: the object, below the rule's inbox; "" for the one that it belongs to already.
        """
        folder, name = self.folder(rule), _output_name(output)
        owner = None if key else folder.load("outputs", name, OutputOwner)
        if owner or key:
            folder.put("outputs", name, OutputOwner(key=owner.key if owner else key, made=True))

    def add_hook(self, rule: str, hook: Hook) -> None:
        """Note that a webhook is to be delivered, or that it was tried once more."""
        self.folder(rule).put("hooks", hook.ticket, hook)

    def hooks(self, rule: str) -> list[Hook]:
        """Read the webhooks that are not delivered yet."""
        folder = self.folder(rule)
        names = [name for name, _ in folder.names("hooks")]
        found = in_order(lambda name: folder.load("hooks", name, Hook), names, MANY)
        pairs = zip(names, found, strict=True)
        return [hook for name, hook in pairs if hook and hook.ticket == name]

    def hook_done(self, rule: str, ticket: str) -> None:
        """Note that a webhook is delivered, or given up."""
        self.folder(rule).delete("hooks", ticket)


def refused_name(rule: str, arrival: Arrival) -> str:
    """Return the name of the record that says why an object never got a ticket."""
    return ticket_name(rule, "", arrival.key, arrival.version)


def _poison(reason: str, **facts: object) -> Ended:
    return Ended.model_validate({"state": "poison", "error": reason, **facts})


def _output_name(output: str) -> str:
    return hashlib.sha256(output.encode(errors="surrogateescape")).hexdigest()[:32]
