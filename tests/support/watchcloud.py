"""A watcher that works in stores: what others drop there, and what it makes of that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support import stores as places
from support.cloud import CONTROL
from support.queues import blob_created, encoded
from support.watcher import write_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pytest

    from support.cloud import Azurite, MotoS3
    from support.stores import Backend


@dataclass(frozen=True)
class Cloud:
    """A place for media, with ``in`` and ``out``, and the home of jobs apart from it.

    Attributes:
        folder: has `impasto.toml`.
        media: for media.
        control: for the home.
    """

    folder: Path
    media: Backend
    control: Backend

    @classmethod
    def azure(cls, folder: Path, env: pytest.MonkeyPatch, azurite: Azurite, **how: Any) -> Cloud:
        """Two accounts of Azurite; ``how`` says how media are reached, as in `azure_profile`."""
        control = places.azure(env, azurite, account=CONTROL, role="control")
        return cls(folder, places.azure(env, azurite, **how), control)

    @classmethod
    def amazon(cls, folder: Path, env: pytest.MonkeyPatch, s3: MotoS3) -> Cloud:
        """Two buckets of moto."""
        return cls(folder, places.amazon(env, s3), places.amazon(env, s3, role="control"))

    @property
    def home(self) -> str:
        """The home's URL."""
        return f"{self.control.url}/home"

    @property
    def container(self) -> str:
        """The name of the container or bucket of media."""
        return self.media.url.partition("://")[2]

    def write_rules(
        self, rules: Mapping[str, Mapping[str, object]], *others: Backend, **watch: object
    ) -> None:
        """Write rules that square the rows of ``in`` into ``out``, unless they say otherwise.

        Args:
            rules: what they say, by name.
            others: further stores that they name.
            watch: how the watcher runs.
        """
        assert self.media.profile
        assert self.control.profile
        usual = {
            "inbox": f"{self.media.url}/in",
            "output": f"{self.media.url}/out/{{path}}/{{name}}.jsonl",
            "settle": "",
        }
        known = {"media": self.media.profile, "control": self.control.profile}
        known |= {f"other{n}": each.profile for n, each in enumerate(others) if each.profile}
        named = {name: {**usual, **rule} for name, rule in rules.items()}
        write_rules(self.folder, named, home=self.home, stores=known, **watch)

    def upload(self, key: str, *numbers: int) -> None:
        """Write a table."""
        self.media.open().put(key, table(numbers))

    def squares(self, key: str) -> list[int]:
        """Return what the scorer made of a table."""
        return [json.loads(each)["square"] for each in self.media.open().read(key).splitlines()]

    def event(self, key: str) -> str:
        """Return what Event Grid says of an object."""
        return encoded(blob_created(self.container, key))

    def jobs(self) -> list[str]:
        """Return the ids of the jobs of the home."""
        found = places.keys(self.control.open("home"), "jobs")
        return sorted({key.split("/")[1] for key in found})

    def records(self, kind: str, rule: str = "rows") -> list[str]:
        """Return the names of a rule's records of a kind; ``_claims`` are those of all rules."""
        folder = f"watch/{kind}" if kind.startswith("_") else f"watch/{rule}/{kind}"
        found = places.keys(self.control.open("home"), folder)
        return [key.removeprefix(f"{folder}/").removesuffix(".json") for key in found]


def table(numbers: Iterable[int]) -> bytes:
    """Return a table that the scorer squares."""
    return b"n\n" + b"".join(b"%d\n" % n for n in numbers)
