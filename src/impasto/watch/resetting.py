"""Tickets that begin anew.

Both ways may be interrupted and repeated, and no watcher that meets them loses a ticket.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

from impasto.watch.folder import ENDS

if TYPE_CHECKING:
    from impasto.schema.watch import Ticket
    from impasto.watch.folder import RuleFolder


def reopen(folder: RuleFolder, ticket: Ticket) -> None:
    """Open a ticket that has ended, as if it had never been tried.

    ``open/`` is written before the record that it has ended is deleted, and once more afterwards: a
    watcher that claims the ticket between the two finds it ended and closes it.
    """
    folder.put("open", ticket.name, ticket)
    _clear(folder, ticket.name)
    folder.put("open", ticket.name, ticket)


def forget(folder: RuleFolder, name: str) -> None:
    """Remove all records of a ticket, so that its object counts as new at the next listing.

    The record that it was seen goes last, so that this can be repeated; before that, watchers are
    told, which have it in memory. One that admits the object in between opens the same ticket.
    """
    folder.delete("open", name)
    _clear(folder, name)
    folder.delete("hooks", name)
    if not name.startswith("message-"):
        folder.put_raw("forgotten", name, uuid4().hex.encode())
    folder.delete("seen", name)


def _clear(folder: RuleFolder, name: str) -> None:
    """Delete the tries of a ticket, and how it ended."""
    for n in count(1):
        if not folder.exists("tries", f"{name}-{n}"):
            break
        folder.delete("tries", f"{name}-{n}")
    for end in ENDS:
        folder.delete(end, name)
