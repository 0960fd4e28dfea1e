"""`impasto watch` in the foreground: signals, and what it prints."""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from impasto.cli.options import load_settings, open_stores
from impasto.cli.render import watch_news
from impasto.cli.steering import steered
from impasto.errors import BadInput, Interrupted, StoppedAtOnce
from impasto.settings import CONFIG_FILE, config_file
from impasto.watch.dry_run import prospects
from impasto.watch.given import Given, Rules
from impasto.watch.records import Records
from impasto.watch.rules import load_rules
from impasto.watch.watcher import Watcher

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.settings import Settings
    from impasto.storage.stores import Stores


def run(
    home: str | None, config: str | None, *, once: bool, alive: Path | None, as_json: bool
) -> int:
    """Run the rules until a signal, or until nothing is left to do.

    Args:
        home: the home, if it was given.
        config: the settings file, if it was given.
        once: whether to end when nothing is left to do.
        alive: a file to touch at each turn of the watcher's loop, if any.
        as_json: whether to print each event as JSON.

    Returns:
        The exit code; what failed, or was left, counts only if the watcher was to end by itself.

    Raises:
        BadInput: a rule is wrong, there is none, or `alive` cannot be written.
        Unavailable: the control store does not answer.
        StoppedAtOnce: a second Ctrl-C did not let the jobs finish their shards.
    """
    # Else it would end the process until there are rules to be read again.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = load_settings(config, home)
    as_json = as_json or settings.log == "json"
    stores = open_stores(settings)
    load = partial(_load, config, settings, stores)
    on_news = partial(watch_news.news, as_json=as_json)
    given = Given(settings, load, on_news)
    if alive:
        _begin(alive)
        given = replace(given, on_turn=partial(_touch, alive))
    watcher = Watcher(given, once=once)
    if not once:
        watch_news.watching(watcher.rules, settings.home, as_json=as_json)
    with steered(watcher):
        met = watcher.run()
    if watcher.hurried:
        raise StoppedAtOnce("")
    if once and watcher.stopped:
        return Interrupted.exit_code
    return met.exit_code if met and once else 0


def dry(home: str | None, config: str | None, *, as_json: bool) -> None:
    """Print what each object in the inboxes would become; raises as `run` does."""
    settings = load_settings(config, home)
    stores = open_stores(settings)
    _, rules = _load(config, settings, stores)
    records = Records(stores.open_home(settings.home))
    for rule in rules:
        found = prospects(rule, rules, stores, records)
        watch_news.prospects(rule, found, as_json=as_json)


def _begin(alive: Path) -> None:
    try:
        alive.touch()
    except OSError as error:
        raise BadInput(
            f"--alive {alive}: cannot be written: {error.strerror}", "name a file in another folder"
        ) from None


def _touch(alive: Path) -> None:
    # Whoever looks at its age learns of it; jobs do not need it.
    with suppress(OSError):
        alive.touch()


def _load(config: str | None, settings: Settings, stores: Stores) -> Rules:
    watch, rules = load_rules(config, settings, stores)
    if not rules:
        file = config_file(config)
        raise BadInput(
            f"{file}: has no rules" if file else f"{CONFIG_FILE}: there is none here",
            "write a table [rules.NAME] with inbox, style and output, as docs/watch.md shows",
        )
    return watch, rules
