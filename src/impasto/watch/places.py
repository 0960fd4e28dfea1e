"""The places that a rule names, checked: what it watches, where it writes, whom it tells."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING

from impasto import settings as all_settings
from impasto.errors import BadInput
from impasto.planning.template import Template, below, parse_template
from impasto.schema.queue import parse_queue
from impasto.schema.url import Url, parse
from impasto.sources.patterns import WILD
from impasto.watch.webhook import check_receiver, signing_key

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.scorers.entry import Entry
    from impasto.settings import Settings
    from impasto.storage.stores import Stores
    from impasto.watch.written import Written


def rooted(folder: Path, text: str) -> str:
    """Return a path as it is from a folder; a URL or an absolute path as it is."""
    if "://" in text or text.startswith(("/", "~", "file:")):
        return text
    return os.path.normpath(folder / text) + ("/" if text.endswith("/") else "")


def rooted_scorer(folder: Path, scorer: str, entry: Entry) -> str:
    """Return a scorer with the path of its file as it is from a folder."""
    name, _, behind = scorer.partition(":")
    if not behind or not entry.roles.argument:
        return scorer
    file, colon, named = behind.rpartition(":") if entry.roles.class_name else (behind, "", "")
    # A class may also be in an installed module.
    there = "/" in file or PurePath(file).suffix == ".py" or not entry.roles.class_name
    return f"{name}:{rooted(folder, file) if there else file}{colon}{named}"


def real(place: Url) -> Url:
    """Return a place by its real path, if it is on this machine."""
    return place.at(os.path.realpath(place.key)) if place.local else place.at(place.key.rstrip("/"))


def inbox(text: str, folder: Path, settings: Settings, stores: Stores) -> Url:
    """Return what a rule watches; it need not be there yet.

    Raises:
        BadInput: it can be no inbox.
    """
    place = _place(f"inbox {text}", rooted(folder, text))
    if WILD.search(text):
        raise BadInput(f"inbox {text}: is a pattern", "name a folder, and write `patterns`")
    if place.local and place.path.exists() and not place.path.is_dir():
        raise BadInput(f"inbox {text}: is a file", "name a folder")
    _apart(f"inbox {text}", place, settings, stores)
    stores.open(place)
    return place


def output(text: str, folder: Path, settings: Settings, stores: Stores) -> Template:
    """Return the template of a rule's output, with an absolute path; raises BadInput."""
    above = rooted(folder, "").replace("{", "{{").replace("}", "}}")
    absolute = "://" in text or text.startswith(("/", "~"))
    template = parse_template(text if absolute else f"{above}/{text.removeprefix('./')}")
    template = template.at(_place(f"output {text}", str(template.base)))
    _apart(f"output {text}", template.base, settings, stores)
    stores.open(template.base)
    return template


def check_afterwards(written: Written, place: Url) -> None:
    """Check what a rule says about the store of its inbox; raises BadInput."""
    if written.after == "tag" and (place.local or place.scheme == "gs"):
        kind = "folders have" if place.local else "Google's objects have"
        raise BadInput(f"after=tag: {kind} no tags", 'write "stay" or "move"')
    if not written.queue:
        if written.queue_secret:
            raise BadInput("queue_secret: opens nothing without `queue`", "leave it out")
        return
    try:
        queue = parse_queue(written.queue, place)
    except BadInput as error:
        raise BadInput(f"queue {error.fact}", error.remedy) from None
    if written.queue_secret:
        if queue.platform == "amazon":
            fact = "queue_secret: is only for Azure; what opens the inbox opens a queue in SQS"
            raise BadInput(fact, "leave it out")
        all_settings.secret(written.queue_secret)


def check_hook(url: str, secret: str) -> None:
    """Check a URL that is told of the end of jobs, and what signs that; raises BadInput."""
    try:
        check_receiver(url)
    except BadInput as error:
        raise BadInput(f"on_done, on_failed: {error.fact}", error.remedy) from None
    if not secret:
        raise BadInput(
            "hook_secret: is missing", "name the environment variable that holds the secret"
        )
    signing_key(all_settings.secret(secret))


def _place(what: str, text: str) -> Url:
    place = parse(text)
    if place.signature:
        raise BadInput(
            f"{what}: carries a signature", 'add a profile of its store with auth = "sas"'
        )
    if not place.local and not place.container:
        raise BadInput(f"{what}: names no container", "write such as az://CONTAINER/in")
    return real(place)


def _apart(what: str, place: Url, settings: Settings, stores: Stores) -> None:
    """Refuse a place that is in the home of jobs or holds it: others may write there."""
    home = real(stores.locate(settings.home))
    if below(home, place) is not None:
        raise BadInput(f"{what}: is in the home of jobs, {home}", "choose another place")
    if below(place, home) is not None:
        raise BadInput(f"{what}: holds the home of jobs, {home}", "choose another place")
