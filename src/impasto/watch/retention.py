"""How long records and jobs are kept.

The record that an object was seen is what keeps it from becoming a job again. So it goes only when
the object is gone from its inbox, and an inbox that does not answer, or that is empty, may be a
share that is away: then everything stays.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Unavailable
from impasto.jobs.job import Job
from impasto.jobs.removal import Removal, remove
from impasto.schema.watch import Ended, OutputOwner, ticket_name
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY
from impasto.watch.folder import ENDS, Kind, rules
from impasto.watch.seen import Seen
from impasto.watch.signs import left_over
from impasto.watch.status import watchers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from impasto.storage.store import Stat, Store
    from impasto.watch.folder import RuleFolder
    from impasto.watch.records import Records
    from impasto.watch.rule import Rule

    Found = list[tuple[str, Stat]]

TOLD = 86400.0
"""Seconds for which watchers may learn that a ticket is forgotten."""


def retire(
    records: Records,
    rules_now: Sequence[Rule],
    keys: Callable[[Rule], Iterable[str]],
    before: float,
    *,
    dry_run: bool,
) -> Iterator[Removal]:
    """Remove old records of objects that are gone, and of rules that are.

    Args:
        records: all that is known.
        rules_now: the rules of the configuration.
        keys: lists the keys of all objects in a rule's inbox.
        before: when the records must have changed last, seconds since 1970.
        dry_run: whether to remove nothing.

    Yields:
        What is removed, or would be, or stays although it is old: one for each rule and kind.

    Raises:
        Unavailable: the home does not answer.
    """
    known = {rule.name: rule for rule in rules_now}
    now = watchers(records.home)
    alive = {name for each in now.values() for name in each.rules}
    for name in rules(records.home):
        rule = known.get(name)
        if rule:
            yield from _of_rule(records, rule, keys, before, dry_run=dry_run)
        elif not known:
            # It may be another configuration that has them.
            yield _stays(name, "no rule is configured here")
        elif name not in alive:
            yield from _of_gone_rule(records.folder(name), name, before, dry_run=dry_run)
    yield from _left(records.home, now, before, dry_run=dry_run)


def _left(
    home: Store, alive: Collection[str], before: float, *, dry_run: bool
) -> Iterator[Removal]:
    """Remove what watchers have left that are gone."""
    found = [stat for stat in left_over(home, alive) if stat.modified < before]
    if found and not dry_run:
        home.delete(*(stat.key for stat in found))
    if found:
        size = sum(stat.size for stat in found)
        yield Removal("record", "of watchers that are gone", size, count=len(found))


def _of_rule(
    records: Records,
    rule: Rule,
    keys: Callable[[Rule], Iterable[str]],
    before: float,
    *,
    dry_run: bool,
) -> Iterator[Removal]:
    folder = records.folder(rule.name)
    old = _old(folder, "seen", before)
    ended = {kind: _old(folder, kind, before) for kind in ENDS}
    outputs = _old(folder, "outputs", before)
    if not (old or outputs or any(ended.values())):
        return
    recipes = ("", *(variant.recipe for variant in rule.variants))
    present, begins = Seen(), set[int]()
    try:
        for key in keys(rule):
            present.add(_key_name(key))
            begins |= {_begin(ticket_name(rule.name, recipe, key, "")) for recipe in recipes}
    except (Unavailable, BadInput) as error:
        yield _stays(rule.name, f"the inbox does not answer ({error.fact})")
        return
    if not present:
        yield _stays(rule.name, "the inbox is empty, as a share is that is away")
        return
    names = {name for found in (old, *ended.values()) for name, _ in found}
    asked = [each for each in names if not _is_message(each) and _begin(each) not in begins]
    gone = _gone(records, rule.name, asked, present)
    doomed: dict[Kind, Found] = {
        kind: [each for each in found if _is_message(each[0]) or each[0] in gone]
        for kind, found in ended.items()
    }
    tries = folder.names("tries")
    doomed["tries"] = [each for each in tries if each[0].rpartition("-")[0] in gone]
    doomed["outputs"] = _without_object(folder, outputs, present)
    # Last, so that what is interrupted is found again.
    doomed["seen"] = [each for each in old if each[0] in gone]
    yield from _removed(folder, rule.name, doomed, dry_run=dry_run)


def _of_gone_rule(
    folder: RuleFolder, rule: str, before: float, *, dry_run: bool
) -> Iterator[Removal]:
    """Remove all of a rule that nobody runs, once all of it is old."""
    kinds: tuple[Kind, ...] = (*ENDS, "open", "tries", "hooks", "forgotten", "outputs", "seen")
    doomed = {kind: [*folder.names(kind)] for kind in kinds}
    newest = max((stat.modified for found in doomed.values() for _, stat in found), default=0.0)
    if newest < before:
        yield from _removed(folder, rule, doomed, dry_run=dry_run)


def _removed(
    folder: RuleFolder, rule: str, doomed: dict[Kind, Found], *, dry_run: bool
) -> Iterator[Removal]:
    for kind, found in doomed.items():
        if not found:
            continue
        if not dry_run:
            folder.delete(kind, *(name for name, _ in found))
        size = sum(stat.size for _, stat in found)
        yield Removal("record", f"of rule {rule}: {kind}", size, count=len(found))


def _stays(rule: str, why: str) -> Removal:
    return Removal("record", f"of rule {rule}", 0, why)


def _old(folder: RuleFolder, kind: Kind, before: float) -> Found:
    return [each for each in folder.names(kind) if each[1].modified < before]


def _gone(records: Records, rule: str, asked: Sequence[str], present: Seen) -> set[str]:
    """Return the names of those tickets whose object is gone, whatever its version.

    Each is read, since the names of tickets of earlier recipes do not say which object it was.
    """
    open_now = {name for name, _ in records.folder(rule).names("open")}

    def key(name: str) -> str | None:
        ticket = records.stored(rule, name)
        ended = None if ticket else records.ended(rule, name)
        return ticket.key if ticket else ended.key if ended else None

    closed = [name for name in asked if name not in open_now]
    pairs = zip(closed, in_order(key, closed, MANY), strict=True)
    return {name for name, found in pairs if found and _key_name(found) not in present}


def _without_object(folder: RuleFolder, outputs: Found, present: Seen) -> Found:
    """Return the records of outputs that were never made, and whose object is gone.

    An output outlives its object, and the next one of that name replaces it.
    """
    owners = in_order(lambda each: folder.load("outputs", each[0], OutputOwner), outputs, MANY)
    return [
        each
        for each, owner in zip(outputs, owners, strict=True)
        if owner and not owner.made and _key_name(owner.key) not in present
    ]


def _is_message(name: str) -> bool:
    return name.startswith("message-")


def _key_name(key: str) -> str:
    """Return what stands for a key in an index."""
    return ticket_name("", "", key, "")


def _begin(name: str) -> int:
    """Return the part of a ticket's name that does not depend on the object's version."""
    return int(name[:16], 16)


class Expiry:
    """Removes the finished jobs of rules after a while; remembers which are."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._looked: set[int] = set()

    def expire(self, rule: Rule) -> int:
        """Remove the finished jobs of a rule that are older than it keeps them.

        The records of their tickets and their outputs stay. Costs one listing, and a few requests
        for each job that has not been looked at before.

        Returns:
            How many jobs were removed.

        Raises:
            Unavailable: the store does not answer.
        """
        folder, now = self._records.folder(rule.name), time.time()
        told = [name for name, stat in folder.names("forgotten") if stat.modified < now - TOLD]
        folder.delete("forgotten", *told)
        if rule.keep_jobs is None:
            return 0
        old = _old(folder, "done", now - rule.keep_jobs)
        fresh = {hash((rule.name, name, stat.etag)): name for name, stat in old}
        fresh = {each: name for each, name in fresh.items() if each not in self._looked}
        self._looked |= fresh.keys()
        return sum(in_order(lambda name: self._remove(rule.name, name), fresh.values(), MANY))

    def _remove(self, rule: str, name: str) -> bool:
        ended = self._records.folder(rule).load("done", name, Ended)
        job = Job(self._records.home, ended.job) if ended and ended.job else None
        try:
            if job is None or job.result() is None:
                return False
            remove(job)
        except BadInput:
            # Somebody runs it again, or its records are damaged.
            return False
        return True
