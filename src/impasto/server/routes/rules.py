"""Watch rules and their tickets; each action is what the command line does."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query

from impasto.errors import BadInput
from impasto.server.access.guard import Operator, Viewer
from impasto.server.context import Here
from impasto.server.models.rules import RuleList, RuleRow, TicketList, TicketRow, WatcherRow
from impasto.server.problems import unknown
from impasto.watch import by_hand, resetting, tickets
from impasto.watch.records import Records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.server.access.caller import Caller
    from impasto.server.context import Context
    from impasto.watch.by_hand import Entry
    from impasto.watch.rule import Rule
    from impasto.watch.status import RuleStatus

router = APIRouter(tags=["rules"])

State = Literal["waiting", "running", "done", "failed", "poison", "superseded"]
_RULE = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
_TICKET = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}|message-[0-9a-f]{32}")
_CURSOR = re.compile(r"(\d{1,12}\.\d{1,12})_([0-9a-z-]{1,60})")


@router.get("/rules")
def rules(caller: Viewer, context: Here) -> RuleList:
    """List the rules that the caller may see, with what waits and why."""
    known, standings = context.looks.rules.get(), context.looks.standings.get()
    # The whole error names files of this machine.
    error = known.error and "the rules cannot be read" if caller.tenant else known.error
    written = {rule.name: rule for rule in known.rules}
    rows = [
        _row(each, written.get(each.rule), error)
        for each in standings.rules
        if caller.sees_rule(each.rule)
    ]
    running = [
        WatcherRow(
            host=each.host,
            pid=each.pid,
            began=each.began,
            rules=[name for name in each.rules if caller.sees_rule(name)],
        )
        for each in standings.watchers
    ]
    if caller.rules is not None:
        running = [each for each in running if each.rules]
    return RuleList(rules=rows, watchers=running, error=error)


@router.get("/rules/{rule}/tickets")
def list_tickets(
    rule: str,
    caller: Viewer,
    context: Here,
    state: State | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> TicketList:
    """List the tickets of a rule, the newest first."""
    _check_rule(context, caller, rule)
    found = tickets.standings(context.home, rule, state)
    begin = bisect_right(found, _place(cursor), key=tickets.order) if cursor else 0
    shown = found[begin : begin + limit]
    rows = [_ticket_row(each) for each in tickets.facts(context.home, rule, shown)]
    more = begin + limit < len(found)
    return TicketList(tickets=rows, next=_cursor(shown[-1]) if more else "")


@router.post("/rules/{rule}/tickets/{ticket}/{action}")
def act(
    rule: str,
    ticket: str,
    action: Literal["retry", "redo", "forget"],
    caller: Operator,
    context: Here,
) -> TicketRow | None:
    """Act on a ticket: retry what failed, redo its output, or forget all about it."""
    _check_rule(context, caller, rule)
    if not _TICKET.fullmatch(ticket):
        raise unknown(f"ticket {ticket[:60]} of rule {rule}")
    records, known = Records(context.home), context.looks.rules.get().rules
    try:
        entries = by_hand.find(records, known, ticket, rule)
    except BadInput:
        raise unknown(f"ticket {ticket} of rule {rule}") from None
    by_hand.check_idle(records, ticket, entries)
    if not _change(context, records, known, entries[0], action):
        raise by_hand.unchanged(ticket, entries[0])
    context.looks.standings.forget()
    found = [each for each in tickets.standings(context.home, rule) if each.name == ticket]
    return _ticket_row(tickets.facts(context.home, rule, found)[0]) if found else None


def _change(
    context: Context, records: Records, rules: Sequence[Rule], entry: Entry, action: str
) -> bool:
    """Change a ticket; returns whether there was anything to change."""
    if action == "forget":
        resetting.forget(records.folder(entry.rule), entry.name)
        return True
    if action == "retry":
        return by_hand.retry(records, entry)
    by_hand.check_there(records, rules, context.stores, entry.name, entry)
    return by_hand.redo(records, entry)


def _check_rule(context: Context, caller: Caller, rule: str) -> None:
    """Raise Refused unless there is a rule of that name that a caller may see."""
    seen = _RULE.fullmatch(rule) and caller.sees_rule(rule)
    if not seen or all(each.rule != rule for each in context.looks.standings.get().rules):
        raise unknown(f"rule {rule[:40]}")


def _row(found: RuleStatus, rule: Rule | None, error: str) -> RuleRow:
    counts = ("seen", "waiting", "running", "done", "failed", "superseded", "poison")
    news = found.news
    return RuleRow(
        rule=found.rule,
        inbox=rule.inbox if rule else "",
        output=rule.output if rule else "",
        scorer=rule.scorer if rule else "",
        styles=[each.name for each in rule.variants if each.name] if rule else [],
        waits_since=found.waits_since,
        runs_since=found.runs_since,
        done_at=found.done_at,
        why="; ".join([*([error] if error else []), *found.reasons()]),
        objects=news.objects if news else 0,
        settling=news.settling if news else 0,
        held=news.held if news else 0,
        watched=news is not None,
        **{name: getattr(found, name) for name in counts},
    )


def _ticket_row(found: tickets.TicketFacts) -> TicketRow:
    standing, ended, ticket = found.standing, found.ended, found.ticket
    row = TicketRow(ticket=standing.name, state=standing.state, key="", at=standing.at)
    if ended:
        told = {name: getattr(ended, name) for name in ("key", "job", "output", "error", "size")}
        told["error"] += f", and begins with {ended.excerpt}" if ended.excerpt else ""
        return row.model_copy(update=told)
    if ticket is None:
        return row.model_copy(update={"error": "its record is damaged"})
    last = found.last
    return row.model_copy(
        update={
            "key": ticket.key,
            "output": ticket.spec.output,
            "size": ticket.size,
            "tries": found.tries,
            "job": last.job if last else "",
            "error": last.error if last else "",
        }
    )


def _cursor(standing: tickets.Standing) -> str:
    return f"{standing.at!r}_{standing.name}"


def _place(cursor: str) -> tuple[float, str]:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise BadInput("cursor: is wrong", "leave it out, or give the last page's `next`")
    return -float(match[1]), match[2]
