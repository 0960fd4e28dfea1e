"""Deletion of objects from stores, many at once; files of this machine are never deleted."""

from __future__ import annotations

from functools import partial
from itertools import groupby, islice
from typing import TYPE_CHECKING, cast

from impasto.errors import BadInput, ImpastoError, Missing, Unavailable
from impasto.schema.url import parse
from impasto.storage.parallel import in_order
from impasto.storage.store import BULK, MANY
from impasto.storage.transfer.listing import ends_as_folder, find
from impasto.storage.transfer.tasks import BUDGET, GIVE_UP, Observer, Outcome, TransferQueue
from impasto.storage.upload import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from impasto.storage.store import Stat, Store
    from impasto.storage.stores import Stores
    from impasto.storage.transfer.tasks import Tally


def remove(
    stores: Stores, urls: Sequence[str], *, recursive: bool = False, watch: Observer | None = None
) -> Tally:
    """Delete objects of stores.

    Args:
        stores: what may be opened.
        urls: the objects' URLs, none of them local.
        recursive: also delete everything below them.
        watch: receives progress and failures.

    Raises:
        BadInput: a URL names nothing, a folder, or a local path.
        Incomplete: some objects were not deleted.
        Unavailable: a store does not answer.
        Interrupted: it was stopped.
    """
    work = TransferQueue("deleting", watch or Observer())
    doomed: dict[str, tuple[Store, Stat]] = {}
    for url in urls:
        for store, stat in _doomed(stores, url, work, recursive=recursive):
            doomed[store.where(stat.key)] = store, stat
    groups = list(_groups(doomed.values()))
    act = partial(_delete, work)
    return work.do(groups, act, lambda _: BUDGET // PARTS, of=len(doomed), total=len(doomed))


def _groups(doomed: Iterable[tuple[Store, Stat]]) -> Iterator[tuple[Store, list[Stat]]]:
    """Group the objects that one request deletes."""
    for _, pairs in groupby(doomed, lambda pair: id(pair[0])):
        while group := list(islice(pairs, BULK)):
            yield group[0][0], [stat for _, stat in group]


def _delete(work: TransferQueue, group: tuple[Store, list[Stat]]) -> Outcome:
    """Delete objects of one store, all at once or, where that fails, one by one."""
    store, stats = group
    keys = [stat.key for stat in stats]
    errors: list[ImpastoError] = _markers(store, stats)
    try:
        store.delete(*keys)
    except ImpastoError:
        errors += _one_by_one(store, keys)
    work.add(len(keys) - len(errors))
    return Outcome(len(keys), errors=errors)


def _markers(store: Store, stats: list[Stat]) -> list[ImpastoError]:
    """Find objects that are listed by a name that does not exist, and so cannot be deleted."""
    empty = [stat.key for stat in stats if not stat.size]
    looked = zip(empty, in_order(store.stat, empty, MANY), strict=True)
    return [
        BadInput(
            f"{store.where(key)}: marks a folder, and cannot be deleted by its name",
            "delete it with the service's own tools",
        )
        for key, found in looked
        if found is None
    ]


def _one_by_one(store: Store, keys: list[str]) -> list[ImpastoError]:
    errors: list[ImpastoError] = []
    in_a_row = 0
    for n, key in enumerate(keys):
        try:
            store.delete(key)
            in_a_row = 0
        except ImpastoError as error:
            errors.append(error)
            in_a_row = in_a_row + 1 if isinstance(error, Unavailable) else 0
            if in_a_row == GIVE_UP:
                return errors + [error] * (len(keys) - n - 1)
    return errors


def _doomed(
    stores: Stores, text: str, work: TransferQueue, *, recursive: bool
) -> Iterator[tuple[Store, Stat]]:
    """Find the objects that a URL names for deletion."""
    url, found = parse(text), False
    if url.local:
        raise BadInput(
            f"{url}: is on this machine, and `impasto rm` only deletes jobs and what is in stores",
            "delete local files with your shell's rm",
        )
    if not recursive:
        place, stat = find(stores, text, work.note)
        if stat is None:
            raise BadInput(f"{url}: is a folder", "add `recursive` to delete everything in it")
        yield cast("Store", place), stat
        return
    if not ends_as_folder(text):
        beside, key = stores.open_parent(url)
        if stat := beside.stat(key):
            found = True
            yield beside, stat
    below = stores.open(url)
    for stat in work.listed(below.walk()):
        found = True
        yield below, stat
    if not found and url.key:
        raise Missing(f"{url}: no such object or folder", "check the URL")
