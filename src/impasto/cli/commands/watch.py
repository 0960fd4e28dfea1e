"""Commands about rules: watch, and what they have seen: watch status, retry, redo, forget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli import streams
from impasto.cli.options import Config, Home, json_lines, load_settings, open_stores
from impasto.cli.parsing import App, Group
from impasto.errors import BadInput, Unavailable, meant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from impasto.storage.stores import Stores
    from impasto.watch.by_hand import Entry
    from impasto.watch.records import Records
    from impasto.watch.rule import Rule

Item = Annotated[
    str,
    typer.Argument(
        help="An object's URL, path, or key below its rule's inbox; or the name that 'impasto "
        "watch status' shows.",
        metavar="ITEM",
    ),
]
OneRule = Annotated[
    str | None, typer.Option("--rule", help="The item's rule, if several have it.", metavar="NAME")
]


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = App(cls=Group, rich_markup_mode=None, invoke_without_command=True)
    group.callback()(watch)
    for command in (status, retry, redo, forget):
        group.command()(command)
    app.add_typer(group, name="watch")


def watch(
    ctx: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Do what there is to do, and exit: for cron.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Only show what each object there would become."),
    ] = False,
    alive: Annotated[
        Path | None,
        typer.Option(
            "--alive",
            help="Touch this file for as long as it works, for a probe that looks at its age.",
            metavar="FILE",
        ),
    ] = None,
    home: Home = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("event")] = False,
) -> None:
    """Run the rules of impasto.toml: new media in a folder or store becomes a job."""
    if ctx.invoked_subcommand is not None:
        return
    from impasto.cli.watching import dry, run

    streams.act()
    if dry_run:
        dry(home, config, as_json=as_json)
        return
    if code := run(home, config, once=once, alive=alive, as_json=as_json):
        raise typer.Exit(code)


def status(
    rule: Annotated[
        str | None, typer.Argument(help="The only rule to show.", metavar="[RULE]")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show all that failed, not only the newest.")
    ] = False,
    home: Home = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("rule")] = False,
) -> None:
    """Show how many items each rule has seen, what waits, what runs and what failed."""
    from impasto.cli.render import watch as words
    from impasto.watch.status import statuses, watchers

    known = _known(home, config)
    store, names = known.records.home, [each.name for each in known.rules]
    alive = watchers(store)
    found = statuses(store, names, alive, every=verbose)
    if rule:
        names = [each.rule for each in found]
        if rule not in names:
            raise BadInput(
                f"rule {rule}: is not known",
                meant(rule, names) or f"there are {', '.join(names) or 'none'}",
            )
        found = [each for each in found if each.rule == rule]
    words.statuses(found, [*alive.values()], as_json=as_json)


def retry(
    item: Annotated[str | None, *Item.__metadata__] = None,
    every: Annotated[
        bool, typer.Option("--failed", help="Try all again that failed, instead of one item.")
    ] = False,
    rule: OneRule = None,
    home: Home = None,
    config: Config = None,
) -> None:
    """Try an item again that failed, or that was set aside."""
    from impasto.cli.render.text import say
    from impasto.schema.words import counted
    from impasto.watch import by_hand
    from impasto.watch.folder import rules as rules_of

    streams.act()
    if every == (item is not None):
        raise BadInput("ITEM: give one item, or --failed for all", "see 'impasto watch status'")
    known = _known(home, config)
    if item is not None:
        _change(known, item, rule, by_hand.retry, "will be tried again")
        return
    names = rules_of(known.records.home)
    if rule and rule not in names:
        raise BadInput(f"rule {rule}: has no records", meant(rule, names))
    chosen = [rule] if rule else names
    found = [each for name in chosen for each in by_hand.failed(known.records, name)]
    done = sum(by_hand.retry(known.records, each) for each in found)
    say(f"{counted(done, 'items')} will be tried again" if done else "nothing has failed")


def redo(item: Item, rule: OneRule = None, home: Home = None, config: Config = None) -> None:
    """Make an item's output again, in place of the one that is there."""
    from impasto.watch import by_hand

    streams.act()
    known = _known(home, config)

    def again(records: Records, entry: Entry) -> bool:
        by_hand.check_there(records, known.rules, known.stores, item, entry)
        return by_hand.redo(records, entry)

    _change(known, item, rule, again, "will be made again")


def forget(item: Item, rule: OneRule = None, home: Home = None, config: Config = None) -> None:
    """Forget all about an item, so that it counts as new; outputs and jobs stay."""
    from impasto.watch import resetting

    def drop(records: Records, entry: Entry) -> bool:
        resetting.forget(records.folder(entry.rule), entry.name)
        return True

    streams.act()
    known = _known(home, config)
    _change(known, item, rule, drop, "is forgotten, and counts as new", versions=True)


@dataclass(frozen=True)
class _Known:
    """What is known of a home.

    Attributes:
        records: what watchers have kept in it.
        rules: the rules; none if they are wrong.
        stores: opens their inboxes.
    """

    records: Records
    rules: Sequence[Rule]
    stores: Stores


def _known(home: str | None, config: str | None) -> _Known:
    """Return what is known; a note says so if the rules are wrong."""
    from impasto.cli.render.text import note
    from impasto.watch.records import Records
    from impasto.watch.rules import load_rules

    settings = load_settings(config, home)
    stores = open_stores(settings)
    rules: Sequence[Rule] = ()
    try:
        _, rules = load_rules(config, settings, stores)
    except (BadInput, Unavailable) as error:
        note(f"{error.fact}; only what is recorded is known")
    return _Known(Records(stores.open_home(settings.home)), rules, stores)


def _change(
    known: _Known,
    item: str,
    rule: str | None,
    act: Callable[[Records, Entry], bool],
    what: str,
    *,
    versions: bool = False,
) -> None:
    """Change what is known of an item, and say so.

    Args:
        known: what is known.
        item: as the user names it.
        rule: its rule, if it was given.
        act: changes one version of the item; returns whether there was anything to change.
        what: what becomes of the item.
        versions: whether this is for all versions of the item, not only the newest.
    """
    from impasto.cli.render.text import say
    from impasto.watch import by_hand

    found = by_hand.find(known.records, known.rules, item, rule)
    entries = found if versions else by_hand.newest(found)
    by_hand.check_idle(known.records, item, entries)
    changed = [each for each in entries if act(known.records, each)]
    if not changed:
        raise by_hand.unchanged(item, entries[0])
    several = f" ({len(changed)} jobs)" if len(changed) > 1 and not versions else ""
    say(f"{changed[0].rule}: {item} {what}{several}")
