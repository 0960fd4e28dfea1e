"""`impasto serve` in the foreground: signals, and what it prints."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

from impasto.cli.options import load_settings, open_stores
from impasto.cli.render import watch_news
from impasto.cli.render.text import note, say
from impasto.cli.render.tokens import print_link
from impasto.cli.render.wording import worded
from impasto.cli.steering import steered
from impasto.errors import BadInput, StoppedAtOnce
from impasto.schema.diagnostics import diagnostic
from impasto.server.config import load_serve
from impasto.watch.given import Given
from impasto.watch.rules import load_rules

if TYPE_CHECKING:
    pass


def run(home: str | None, config: str | None, **flags: object) -> None:
    """Serve until a signal.

    Args:
        home: the home, if it was given.
        config: the settings file, if it was given.
        flags: fields of `ServeSettings`; None is a flag that is not given.

    Raises:
        BadInput: a setting or a rule is wrong, or the port is taken.
        Unavailable: the control store does not answer.
        StoppedAtOnce: a second Ctrl-C did not let the jobs finish their shards.
    """
    # Else it would end the process until there are rules to be read again.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        from impasto.server.access.first import first_link
        from impasto.server.context import open_context
        from impasto.server.run import Service, warning
    except ModuleNotFoundError as error:
        raise BadInput(
            f"serve: {error.name}, which it needs, is missing", "run pip install 'impasto[service]'"
        ) from None
    settings, serve = load_settings(config, home), load_serve(config, **flags)
    load = partial(load_rules, config, settings, open_stores(settings))
    as_json = settings.log == "json"
    on_news = partial(watch_news.news, process="serve", as_json=as_json)
    given = Given(settings, load, on_news) if serve.watch else None
    context = open_context(settings, serve, config)
    service = Service(context, given)
    if text := warning(serve):
        note(worded(text))
    if service.watcher:
        watch_news.watching(service.watcher.rules, settings.home, as_json=as_json, process="serve")
    with steered(service):
        text = f"serving at {service.url}"
        say(diagnostic("serve", "info", text) if as_json else text)
        if link := first_link(context, service.url):
            print_link(link)
        service.run()
    if service.watcher and service.watcher.hurried:
        raise StoppedAtOnce("")
