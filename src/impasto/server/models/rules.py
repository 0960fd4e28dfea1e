"""Watch rules, as the API shows them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from impasto.schema.base import Frozen


class RuleRow(Frozen):
    """How a watch rule stands.

    Attributes:
        rule: its name.
        inbox: what it watches.
        output: template of its outputs' URLs.
        scorer: what scores its jobs.
        styles: names of its styles, one of which a submission may name; none if it takes none.
        seen: tickets that it ever had, as far as they are known.
        waiting: those that are open, and that nobody works on.
        running: those that a watcher works on.
        done: those whose output was made.
        failed: those that failed too often.
        superseded: those that another version of their object came before.
        poison: objects that can never become a job.
        waits_since: when the oldest of those that wait was admitted; None if none waits.
        runs_since: when the oldest of those that run was begun; None if none runs.
        done_at: when the last job was done; None if none was.
        why: what keeps those that wait waiting, or why the inbox cannot be listed, or "".
        objects: how many objects are in the inbox.
        settling: how many of them are still being written.
        held: how many wait because of a limit.
        watched: whether a watcher runs the rule now.
    """

    rule: str
    inbox: str = ""
    output: str = ""
    scorer: str = ""
    styles: list[str] = Field(default_factory=list)
    seen: int = 0
    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    superseded: int = 0
    poison: int = 0
    waits_since: float | None = None
    runs_since: float | None = None
    done_at: float | None = None
    why: str = ""
    objects: int = 0
    settling: int = 0
    held: int = 0
    watched: bool = False


class WatcherRow(Frozen):
    """A watcher that runs now."""

    host: str
    pid: int
    began: float
    rules: list[str]


class RuleList(Frozen):
    """The watch rules that the caller may see, and the watchers that run now.

    Attributes:
        rules: those of the config file, then others that have records.
        watchers: the watchers.
        error: why the rules of the config file cannot be read, or "".
    """

    rules: list[RuleRow]
    watchers: list[WatcherRow]
    error: str = ""


class TicketRow(Frozen):
    """An object in an inbox, and what became of it.

    Attributes:
        ticket: the name of its record.
        state: waiting, running, done, failed, poison or superseded.
        key: the object, below the rule's inbox.
        at: when it was admitted, or ended.
        job: its job's id, if it came to that.
        output: what was made, or will be; "" if nothing is.
        error: why there is no output, or why its last try failed, or "".
        size: of the object, in bytes.
        tries: how often it failed so far, while it has not ended.
    """

    ticket: str
    state: Literal["waiting", "running", "done", "failed", "poison", "superseded"]
    key: str
    at: float
    job: str = ""
    output: str = ""
    error: str = ""
    size: int = 0
    tries: int = 0


class TicketList(Frozen):
    """Objects of a rule's inbox, the newest first.

    Attributes:
        tickets: the objects.
        next: give it as ``cursor`` for the next page; "" on the last one.
    """

    tickets: list[TicketRow]
    next: str = ""
