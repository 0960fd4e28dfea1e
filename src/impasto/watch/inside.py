"""A look, right before a job, at whether its files are really where their names say.

Whoever writes into a folder on this machine may put links there, to other people's files or to
where outputs go. The inbox is listed without following any, and a job of an inbox follows none in
a folder (`JobSpec.exact`), but one may appear after the listing. What remains is a race: a link
that takes a file's place between this look and the moment the file is opened. It needs an account
on this machine, or a share whose server resolves links. A shard whose file changed meanwhile is not
kept, since the version is compared before and after it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.planning.template import below, parse_template
from impasto.scorers import registry
from impasto.scorers.params import Role
from impasto.storage.local import mapped

if TYPE_CHECKING:
    from impasto.schema.job import JobSpec
    from impasto.schema.url import Url
    from impasto.storage.stores import Stores
    from impasto.watch.rule import Rule


def check_inside(rule: Rule, spec: JobSpec, stores: Stores) -> None:
    """Refuse a job that would read or write outside the places of its rule, by links.

    Args:
        rule: the rule.
        spec: the job's spec, as its ticket has it.
        stores: what may be opened.

    Raises:
        BadInput: a link leads out, a file has a second name, or what should be a file is none.
        Unavailable: the file system does not answer.
    """
    inbox = stores.locate(rule.inbox)
    pictures = (file.url for file in registry.find(spec.scorer).files(spec.params, Role.PICTURE))
    for url in (spec.source, *pictures):
        place = stores.locate(url)
        if place.local and below(inbox, place) is not None:
            refuse_links(inbox, place)
            check_read(place, rule.limits.max_objects)
    output, base = stores.locate(spec.output), parse_template(rule.output).base
    if output.local and below(base, output) is not None:
        refuse_links(base, output)


def refuse_links(base: Url, place: Url) -> None:
    """Refuse a place below a folder if any part of its path from there is a link.

    Args:
        base: the folder, which may itself be a link.
        place: the place, which need not be there.

    Raises:
        BadInput: a part is a link.
    """
    real = Path(os.path.realpath(base.path), below(base, place) or "")
    if os.path.realpath(place.path) != str(real):
        raise BadInput(
            f"{place}: is a link, or in a folder that is one", "put the file itself there"
        )


def check_read(place: Url, most: int) -> None:
    """Refuse a file, or a folder of files, that holds anything but files of its own.

    Args:
        place: where it is; nothing need be there.
        most: how many files a folder may have.

    Raises:
        BadInput: there is a link, a pipe or a second name of a file.
        Unavailable: the file system does not answer.
    """
    with mapped(str(place)):
        if not os.path.lexists(place.path):
            return
        found = place.path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            _check_file(place.key, found)
            return
        with os.scandir(place.path) as entries:
            for n, entry in enumerate(entries, 1):
                if n > most:
                    raise BadInput(f"{place}: holds more than {most} files", "split it")
                if entry.name[0] != "." and not entry.is_dir(follow_symlinks=False):
                    _check_file(f"{place}/{entry.name}", entry.stat(follow_symlinks=False))


def _check_file(name: str, found: os.stat_result) -> None:
    where = name if name.isprintable() else ascii(name)
    if stat.S_ISLNK(found.st_mode):
        raise BadInput(f"{where}: is a link", "put the file itself there")
    if not stat.S_ISREG(found.st_mode):
        raise BadInput(f"{where}: is a pipe, a device or a socket", "put a file there")
    if found.st_nlink > 1:
        raise BadInput(f"{where}: is a second name of a file (a hard link)", "put a copy there")
