"""What becomes of an object once its jobs have ended: it stays, moves to ``done/`` or is tagged."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Denied, Exists, Missing
from impasto.storage.moving import move
from impasto.storage.tags import set_tag
from impasto.storage.transfer.copying import copy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from impasto.schema.url import Url
    from impasto.storage.stores import Stores
    from impasto.watch.arrival import Arrival
    from impasto.watch.rule import Rule

    Look = Callable[[str], Arrival | None]

DONE = "done"
"""The folder below an inbox to which objects move; what is in it never becomes a job."""
TAG = "impasto"


def put_away(
    rule: Rule, key: str, version: str, stores: Stores, look: Look, *, failed: bool = False
) -> str:
    """Do with an object what its rule says, unless another version has come meanwhile.

    One whose job failed stays where it is. A call that was interrupted is completed by the next.

    Args:
        rule: the rule.
        key: the object, below the inbox.
        version: the one that the jobs were made of.
        stores: how the inbox is reached.
        look: returns an object of the inbox as it is now.
        failed: whether a job of it failed.

    Returns:
        Why that was not possible, in one line, for people; "" otherwise.

    Raises:
        Unavailable: the inbox does not answer.
    """
    inbox = stores.locate(rule.inbox)

    def same() -> bool:
        found = look(key)
        return found is not None and found.version == version

    try:
        if rule.after == "tag" and same():
            set_tag(stores, inbox.child(key), TAG, "failed" if failed else "done")
        elif rule.after == "move" and not failed and inbox.local:
            move(inbox.path, key, _targets(key, version), same)
        elif rule.after == "move" and not failed:
            _move_object(stores, inbox, key, _targets(key, version), same)
    except Missing:
        # It was removed meanwhile.
        return ""
    except (BadInput, Denied) as error:
        return f"rule {rule.name}: {error}"
    return ""


def _targets(key: str, version: str) -> tuple[str, str]:
    """Return where an object goes, and where instead if an earlier version is there."""
    path = PurePosixPath(key)
    digest = hashlib.sha256(version.encode()).hexdigest()[:8]
    return f"{DONE}/{key}", str(PurePosixPath(DONE, path.with_stem(f"{path.stem}-{digest}")))


def _move_object(
    stores: Stores, inbox: Url, key: str, targets: Sequence[str], same: Callable[[], bool]
) -> None:
    """Copy an object to the first name that is free, then delete it if it is still the same.

    A copy that an interrupted call has made is recognised by its size and time.
    """
    store = stores.open(inbox)
    for target in targets:
        if not same():
            return
        there = store.stat(target)
        try:
            copy(stores, [store.where(key)], store.where(target))
        except Exists:
            if target == targets[-1]:
                raise
            continue
        if same():
            store.delete(key)
        elif there is None:
            # It may be a copy of a later version, which has its own job.
            store.delete(target)
        return
