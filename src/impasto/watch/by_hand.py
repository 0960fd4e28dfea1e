"""What people change of tickets: they are tried again, made again, or forgotten."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from impasto.errors import BadInput, meant
from impasto.jobs.job import Job
from impasto.jobs.removal import remove
from impasto.schema.url import normal
from impasto.schema.watch import End, Ended, Ticket, ticket_name
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY
from impasto.watch.folder import ENDS
from impasto.watch.folder import rules as rules_of
from impasto.watch.inbox import Inbox
from impasto.watch.resetting import forget, reopen
from impasto.watch.signs import claimed
from impasto.watch.status import watchers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from impasto.storage.stores import Stores
    from impasto.watch.folder import Kind, RuleFolder
    from impasto.watch.records import Records
    from impasto.watch.rule import Rule

READ = 10_000
"""Records of each kind, the newest first, that are read to find what no name gives away."""

_NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}|message-[0-9a-f]{32}")

State = End | Literal["open", "lost"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A ticket, or something that never got one.

    Attributes:
        rule: the rule's name.
        name: its name in the rule's folders.
        state: ``open``, how it ended, or ``lost`` if it neither is open nor has ended.
        at: when it was seen first, seconds since 1970.
    """

    rule: str
    name: str
    state: State
    at: float


def find(
    records: Records,
    rules: Sequence[Rule],
    item: str,
    rule: str | None,
    *,
    earlier: bool = False,
) -> list[Entry]:
    """Find all versions of an item, the newest first.

    Args:
        records: all that is known.
        rules: the rules of the configuration.
        item: an object's URL, path, or key below its inbox; or a record's name.
        rule: the only rule to look at.
        earlier: whether to look also for what failed when the rule was another.

    Raises:
        BadInput: there is no such rule or item, or several rules have one.
    """
    known = {each.name: each for each in rules}
    names = [*dict.fromkeys([*known, *rules_of(records.home)])]
    if rule is not None and rule not in names:
        raise BadInput(f"rule {rule}: is not known", meant(rule, names) or _list())
    found: dict[str, list[Entry]] = {}
    for name in names if rule is None else [rule]:
        keys = _keys(item, known.get(name))
        if entries := _of_item(records, name, known.get(name), item, keys, earlier=earlier):
            found[name] = entries
    if len(found) > 1:
        several, first = ", ".join(found), next(iter(found))
        raise BadInput(f"{item}: is in several rules ({several})", f"add `rule={first}`")
    for entries in found.values():
        return sorted(entries, key=lambda each: -each.at)
    raise BadInput(f"{item}: is not known", meant(item, _some_keys(records, names)) or _list())


def _list() -> str:
    return "see `impasto watch status`"


def _keys(item: str, rule: Rule | None) -> set[str]:
    """Return what an item may be called below a rule's inbox."""
    keys = {item.strip("/")}
    # A key may look like a URL that no store has.
    with suppress(BadInput):
        place = normal(item)
        inbox = f"{normal(rule.inbox).rstrip('/')}/" if rule else place
        keys.add(place.removeprefix(inbox).rstrip("/") if place.startswith(inbox) else "")
    return keys - {""}


def _of_item(
    records: Records,
    rule: str,
    known: Rule | None,
    item: str,
    keys: set[str],
    *,
    earlier: bool,
) -> list[Entry]:
    folder = records.folder(rule)
    if _NAME.fullmatch(item):
        return _entries(folder, rule, lambda name: name == item)
    recipes = {"", *(variant.recipe for variant in known.variants)} if known else {""}
    begins = {ticket_name(rule, recipe, key, "")[:16] for recipe in recipes for key in keys}
    found = _entries(folder, rule, lambda name: name[:16] in begins)
    if found and not earlier:
        return found
    # The rule was another then, or is known no longer.
    ends: tuple[End, ...] = ("failed", "poison") if found else ENDS
    named = {name for name, key in _known_keys(folder, ends) if key in keys}
    return _entries(folder, rule, lambda name: name in named or name[:16] in begins)


def _entries(folder: RuleFolder, rule: str, wanted: Callable[[str], bool]) -> list[Entry]:
    found: dict[str, Entry] = {}
    kinds: dict[Kind, State] = {"seen": "lost", **{end: end for end in reversed(ENDS)}}
    kinds["open"] = "open"
    for kind, state in kinds.items():
        for name, stat in folder.names(kind):
            if wanted(name):
                first = found.get(name)
                at = min(stat.modified, first.at) if first else stat.modified
                found[name] = Entry(rule, name, state, at)
    return [*found.values()]


def _known_keys(folder: RuleFolder, ends: Iterable[End] = ENDS) -> Iterable[tuple[str, str]]:
    """Yield the names of the newest records of some kinds, and the keys that these name."""
    for kind in ends:
        yield from _read_keys(folder, kind, Ended)
    yield from _read_keys(folder, "open", Ticket)


def _read_keys(
    folder: RuleFolder, kind: Kind, model: type[Ended | Ticket]
) -> Iterable[tuple[str, str]]:
    newest = sorted(folder.names(kind), key=lambda pair: -pair[1].modified)[:READ]
    names = [name for name, _ in newest]
    read = in_order(lambda name: folder.load(kind, name, model), names, MANY)
    return ((name, each.key) for name, each in zip(names, read, strict=True) if each)


def _some_keys(records: Records, rules: Iterable[str]) -> set[str]:
    return {key for rule in rules for _, key in _known_keys(records.folder(rule)) if key}


def failed(records: Records, rule: str) -> list[Entry]:
    """List the failed tickets of a rule."""
    names = records.folder(rule).names("failed")
    return [Entry(rule, name, "failed", stat.modified) for name, stat in names]


def newest(entries: Iterable[Entry]) -> list[Entry]:
    """Return, of entries in any order, the newest version under each recipe."""
    found: dict[tuple[str, str], Entry] = {}
    for each in sorted(entries, key=lambda each: each.at):
        found[each.rule, each.name if each.name[0] == "m" else each.name[:16]] = each
    return [*found.values()]


def retry(records: Records, entry: Entry) -> bool:
    """Open a ticket again that failed or is poison, as if it had never been tried or cancelled.

    An object that was refused without a ticket counts as new.

    Returns:
        Whether there was anything to retry.
    """
    if entry.state in {"done", "open", "superseded"} or entry.name.startswith("message-"):
        return False
    ticket = records.stored(entry.rule, entry.name)
    if ticket is None:
        forget(records.folder(entry.rule), entry.name)
    else:
        ended = records.ended(entry.rule, entry.name)
        if ended and ended.job:
            Job(records.home, ended.job).notes.uncancel()
        reopen(records.folder(entry.rule), ticket)
    return True


def redo(records: Records, entry: Entry) -> bool:
    """Open a ticket again that is done, and remove its job, so that all of it runs again.

    The new output replaces the old one.

    Returns:
        Whether it was done.

    Raises:
        BadInput: somebody runs its job.
    """
    ticket, ended = records.stored(entry.rule, entry.name), None
    if entry.state == "done":
        ended = records.ended(entry.rule, entry.name)
    if ticket is None or ended is None:
        return False
    if ended.job:
        remove(Job(records.home, ended.job))
    if ended.output:
        records.output_made(entry.rule, ended.output)
    reopen(records.folder(entry.rule), ticket)
    return True


def check_there(
    records: Records, rules: Sequence[Rule], stores: Stores, item: str, entry: Entry
) -> None:
    """Raise BadInput if an item that is done has left its inbox, so that nothing can be made of it.

    Args:
        records: all that is known.
        rules: the rules of the configuration.
        stores: opens their inboxes.
        item: what to call it.
        entry: one version of it.
    """
    ticket = records.stored(entry.rule, entry.name) if entry.state == "done" else None
    inboxes = [rule.inbox for rule in rules if rule.name == entry.rule]
    if ticket and any(not Inbox(url, stores).look(ticket.key) for url in inboxes):
        raise BadInput(
            f"{item}: is no longer in its inbox", "move it back there and repeat the command"
        )


def unchanged(item: str, entry: Entry) -> BadInput:
    """Return the error that nothing can be done about an item in its state."""
    if entry.name.startswith("message-"):
        return BadInput(f"{item}: is a message", "forget it, so that it is told again")
    facts = {
        "open": ("waits for its job already", "see `impasto watch status`"),
        "done": ("is done", "`impasto watch redo` makes its output again"),
        "superseded": ("was replaced by another version", "there is nothing to do"),
    }
    fact, remedy = facts.get(entry.state, ("was not made", "`impasto watch retry` tries it again"))
    return BadInput(f"{item}: {fact}", remedy)


def check_idle(records: Records, item: str, entries: Iterable[Entry]) -> None:
    """Raise BadInput if a watcher works on an item now."""
    running = claimed(records.home, watchers(records.home).keys())
    # One that has ended is claimed a moment longer.
    worked_on = (each for each in entries if each.state == "open")
    if any(f"{each.rule}/{each.name}" in running for each in worked_on):
        raise BadInput(f"{item}: a watcher works on it now", "try again once that has ended")
