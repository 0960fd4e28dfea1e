"""A ticket, from its record to its end: what a driver process does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from impasto.driver.handover import hand_over
from impasto.driver.open_job import open_job
from impasto.driver.pinning import absolute
from impasto.driver.submit import submit
from impasto.driver.weight import check_weight
from impasto.errors import (
    BadInput,
    Changed,
    Exists,
    Incomplete,
    Interrupted,
    Missing,
    NotLoaded,
    Unavailable,
)
from impasto.jobs.job import Job
from impasto.planning.template import below
from impasto.schema.url import parse
from impasto.schema.watch import Ended, Hook, Ticket, Try, ticket_name
from impasto.storage.stores import Stores
from impasto.watch.after import put_away
from impasto.watch.inbox import Inbox
from impasto.watch.inside import check_inside
from impasto.watch.matching import is_trigger
from impasto.watch.news import words
from impasto.watch.orders import Began, Outcome, Remark
from impasto.watch.records import Records
from impasto.watch.running import Elsewhere, follow, run_open

if TYPE_CHECKING:
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Result
    from impasto.schema.watch import End
    from impasto.watch.rule import Rule
    from impasto.watch.running import Means


def drive_ticket(rule: Rule, name: str, means: Means) -> Outcome:
    """Drive a ticket until it ends, or until this try of it does.

    Raises:
        Unavailable: the control store does not answer.
    """
    return _TicketRun(rule, name, means).run()


class _TicketRun:
    """One try of a ticket."""

    def __init__(self, rule: Rule, name: str, means: Means) -> None:
        self._rule, self._name, self._means = rule, name, means
        self._stores = Stores.of(means.settings)
        self._home = self._stores.open_home(means.settings.home)
        self._records = Records(self._home)
        self._inbox = Inbox(rule.inbox, self._stores)
        self._job = ""

    def run(self) -> Outcome:
        """Run the job unless the ticket has ended, and do what comes afterwards."""
        rule, name, records = self._rule.name, self._name, self._records
        ticket, ended = records.ticket(rule, name), records.ended(rule, name)
        items, known = 0, False
        if ended is None and ticket is not None:
            try:
                result = self._finish(ticket)
            except Exception as error:  # noqa: BLE001 (whatever it is, the watcher goes on)
                if isinstance(error, Incomplete) and error.output:
                    # What is done is there; a later version of the object may replace it.
                    self._made(ticket)
                outcome = self._explain(ticket, error)
            else:
                self._made(ticket)
                items = 0 if result.done_already else result.items
                outcome = Outcome("done", result.job, result.output, items=items)
            if outcome.state in {"tried", "waits", "stopped"}:
                return outcome
            ended = self._end(ticket, outcome)
        else:
            known = True
        # Whoever closed a ticket has done so already.
        hooked = ticket is not None and ended is not None and self._wind_up(ticket, ended)
        records.close(rule, name)
        if ended is None:
            return Outcome("superseded", known=True)
        return Outcome(ended.state, ended.job, ended.output, ended.error, items, known, hooked)

    def _finish(self, ticket: Ticket) -> Result:
        """Run the ticket's job to its end; raises what it raises."""
        rule, means = self._rule, self._means
        if not self._is_there(ticket):
            raise Changed(f"{ticket.key}: is not there any more, or has changed", "")
        spec = self._spec(ticket)
        check_inside(rule, spec, self._stores)
        if means.hands_over:
            self._began(hand_over(spec, means.settings).job, resumed=False)
            return follow(Job(self._home, self._job), means)
        opened = open_job(spec, means.settings)
        resumed = opened.job.exists()
        if not resumed:
            limits = rule.limits
            check_weight(
                opened,
                max_objects=limits.max_objects,
                max_frames=limits.max_frames,
                max_pixels=limits.max_pixels,
            )
        if not opened.job.result():
            self._began(opened.id, resumed=resumed)
        submit(opened)
        return run_open(opened, means, retry=True)

    def _spec(self, ticket: Ticket) -> JobSpec:
        """Return what to do; raises Exists if the output is made of another object."""
        # Tickets of earlier versions do not name the rule in their spec.
        spec = ticket.spec.model_copy(update={"rule": ticket.rule})
        made = self._records.own_output(ticket.rule, spec.output, self._owner(ticket))
        if made is None:
            raise Exists(
                f"{spec.output}: is what another object of the rule becomes",
                "tell the two apart in the rule's output, such as by {ext}",
            )
        return spec.model_copy(update={"overwrite": True}) if made else spec

    def _owner(self, ticket: Ticket) -> str:
        """Return which object the output is made of: what a trigger file names, not the file."""
        return below(parse(self._rule.inbox), parse(ticket.spec.source)) or ticket.key

    def _made(self, ticket: Ticket) -> None:
        self._records.output_made(ticket.rule, ticket.spec.output, self._owner(ticket))

    def _began(self, job: str, *, resumed: bool) -> None:
        self._job = job
        self._means.tell(Began(job, resumed))

    def _explain(self, ticket: Ticket, error: Exception) -> Outcome:
        """Return what an error means for the ticket."""
        text = words(error)
        state: End
        match error:
            case Elsewhere():
                return Outcome("waits", self._job, error="another driver is at its job")
            case Interrupted() if self._means.stop.is_set():
                return Outcome("stopped", self._job)
            case Interrupted():
                state = "failed"
            case Unavailable():
                return Outcome("waits", self._job, error=text)
            case _ if not self._is_there(ticket):
                state = "superseded"
            case Exists() | Missing() | NotLoaded():
                # Not the object's fault.
                state = "failed"
            case BadInput():
                state = "failed" if self._is_rules_fault(ticket) else "poison"
            case _:
                self._records.add_try(ticket.rule, ticket.name, Try(error=text, job=self._job))
                if len(self._records.tries(ticket.rule, ticket.name)) < self._rule.tries:
                    return Outcome("tried", self._job, error=text)
                state = "failed"
        return Outcome(state, self._job, error=text)

    def _is_rules_fault(self, ticket: Ticket) -> bool:
        """Return whether no object could become a job now, such as for a class that is broken."""
        try:
            absolute(ticket.spec, self._stores, self._means.settings.home)
        except BadInput:
            return True
        return False

    def _is_there(self, ticket: Ticket) -> bool:
        """Return whether the object is the version that the ticket is for."""
        there = self._inbox.look(ticket.key)
        return there is not None and there.version == ticket.version

    def _end(self, ticket: Ticket, outcome: Outcome) -> Ended:
        ended = Ended.model_validate(
            {
                "state": outcome.state,
                "key": ticket.key,
                "ticket": ticket.name,
                "job": outcome.job,
                "output": outcome.output,
                "error": outcome.error,
                "size": ticket.size,
                "sender": ticket.sender,
            }
        )
        first = self._records.end(ticket, ended)
        if first and ended.state == "done":
            # No other end counts beside it.
            return ended
        return self._records.ended(ticket.rule, ticket.name) or ended

    def _wind_up(self, ticket: Ticket, ended: Ended) -> bool:
        """Do what the rule says comes afterwards; all of it may be repeated.

        Returns:
            Whether there is a webhook to be sent.
        """
        rule = self._rule
        if ended.state == "superseded":
            return False
        kind: Literal["done", "failed"] = "done" if ended.state == "done" else "failed"
        hooked = bool(rule.on_done if kind == "done" else rule.on_failed)
        if hooked:
            hook = Hook(kind=kind, ticket=ticket.name, since=time.time())
            self._records.add_hook(rule.name, hook)
        if rule.after == "stay":
            return hooked
        ends = [ended, *(self._records.ended(rule.name, name) for name in self._siblings(ticket))]
        if None not in ends:
            failed = any(each.state != "done" for each in ends if each)
            look = self._inbox.look
            version = ticket.version
            why = put_away(rule, ticket.key, version, self._stores, look, failed=failed)
            if why:
                self._means.tell(Remark(why))
        return hooked

    def _siblings(self, ticket: Ticket) -> list[str]:
        """Return the other tickets of the same version of the object."""
        names = [
            ticket_name(ticket.rule, variant.recipe, ticket.key, ticket.version)
            for variant in self._rule.variants
        ]
        others = [name for name in names if name != ticket.name]
        if is_trigger(self._rule, ticket.key):
            # It may have asked for some of the rule's styles only.
            return [name for name in others if self._records.stored(ticket.rule, name)]
        return others
