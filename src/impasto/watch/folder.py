"""The folders of a rule's records in the control store, and the names of what is in them.

Whatever else lies there is not Impasto's, and passed over.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeVar

from impasto.errors import Missing
from impasto.schema.base import Frozen, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.watch import End
    from impasto.storage.store import Stat, Store

WATCH = "watch/"
CLAIMS = f"{WATCH}_claims/"
WATCHERS = f"{WATCH}_watchers/"

Kind = (
    Literal["seen", "open", "tries", "done", "failed", "superseded", "poison"]
    | Literal["forgotten", "outputs", "hooks"]
)
"""The folders of a rule."""
ENDS: tuple[End, ...] = ("done", "poison", "failed", "superseded")
"""How tickets end. If two watchers once thought that a ticket was theirs, the first counts."""

_TICKET = r"[0-9a-f]{16}-[0-9a-f]{16}"
_NAMES: dict[Kind, str] = {
    "tries": rf"{_TICKET}-\d{{1,6}}",
    "poison": rf"{_TICKET}|message-[0-9a-f]{{32}}",
    "outputs": r"[0-9a-f]{32}",
}
_RULE = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")

Model = TypeVar("Model", bound=Frozen)


class RuleFolder:
    """All records of a rule.

    Every method raises Unavailable when the store does not answer.
    """

    def __init__(self, home: Store, rule: str) -> None:
        self._home = home
        self._prefix = f"{WATCH}{rule}/"

    def names(self, kind: Kind) -> Iterator[tuple[str, Stat]]:
        """List the records of a kind, in bounded memory, each with its name."""
        prefix = f"{self._prefix}{kind}/"
        pattern = re.compile(rf"(?:{_NAMES.get(kind, _TICKET)})\.json")
        for stat in self._home.walk_ours(prefix):
            name = stat.key.removeprefix(prefix)
            if pattern.fullmatch(name):
                yield name.removesuffix(".json"), stat

    def exists(self, kind: Kind, name: str) -> bool:
        """Return whether there is a record of this name, whole or not."""
        return self._home.stat(self._key(kind, name)) is not None

    def load(self, kind: Kind, name: str, model: type[Model]) -> Model | None:
        """Read a record; a torn one counts as absent."""
        return load(self._home, self._key(kind, name), model)

    def create(self, kind: Kind, name: str, value: Frozen) -> bool:
        """Write a record unless one exists; returns whether this call wrote it."""
        return self._home.create(self._key(kind, name), value.model_dump_json().encode())

    def put(self, kind: Kind, name: str, value: Frozen) -> None:
        """Write a record, replacing any that exists."""
        self._home.put(self._key(kind, name), value.model_dump_json().encode())

    def put_raw(self, kind: Kind, name: str, data: bytes) -> None:
        """Write an object that holds no record, replacing any that exists."""
        self._home.put(self._key(kind, name), data)

    def delete(self, kind: Kind, *names: str) -> None:
        """Delete records; a missing one is no error."""
        self._home.delete(*(self._key(kind, name) for name in names))

    def _key(self, kind: Kind, name: str) -> str:
        return f"{self._prefix}{kind}/{name}.json"


def load(home: Store, key: str, model: type[Model]) -> Model | None:
    """Read a record by its key in the home; one that is torn counts as absent."""
    try:
        return read(model, home.read(key))
    except Missing:
        return None


def rules(home: Store) -> list[str]:
    """List the rules that have records, by name."""
    names = (folder.rpartition("/")[2] for folder in home.folders(WATCH.rstrip("/")))
    return [name for name in names if _RULE.fullmatch(name)]


def used(home: Store) -> bool:
    """Return whether a watcher has ever kept anything in a home."""
    return bool(home.folders(WATCH.rstrip("/")))
