"""Where a measured watcher works: an inbox, outputs and a home."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from impasto.jobs.job import Job
from impasto.schema.profile import StoreProfile
from impasto.storage.stores import Stores
from support.watcher import write_rules

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.events import Event

RULE = "rule"


@dataclass(frozen=True)
class Place:
    """A folder or a container with an inbox ``in`` and outputs ``out``, and a home.

    Attributes:
        folder: a local folder of its own, with `impasto.toml`.
        url: where inbox and outputs are.
        home: where the jobs' home is.
        profiles: how both are reached, if they are in a store.
        queue: URL of the queue that announces what is new, or "".
        announce: called with each new key by whoever uploads it, if the store tells nobody.
    """

    folder: Path
    url: str
    home: str
    profiles: tuple[StoreProfile, ...] = ()
    queue: str = ""
    announce: Callable[[str], object] | None = None

    @property
    def stores(self) -> Stores:
        """What opens it."""
        return Stores({profile.role: profile for profile in self.profiles})

    def write(self, rule: dict[str, Any], **watch: Any) -> None:
        """Write `impasto.toml` with one rule, and what that needs."""
        places = {"inbox": f"{self.url}/in", "queue": self.queue}
        places["output"] = f"{self.url}/out/{{path}}/{{name}}.{rule.pop('suffix')}"
        write_rules(
            self.folder,
            {RULE: {**places, **rule}},
            home=self.home,
            stores={profile.role: profile for profile in self.profiles},
            **watch,
        )

    def put(self, key: str, file: Path) -> None:
        """Upload a file into the inbox, as uploads to such a place go."""
        if self.profiles:
            self.stores.open(self.url).put(f"in/{key}", file.read_bytes())
            return
        target = self.folder / "in" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.part")
        shutil.copyfile(file, draft)
        draft.rename(target)

    def log(self, job: str) -> list[Event]:
        """Return the events of a job."""
        return [*Job(self.stores.open_home(self.home), job).journal.read()]


def paints(**keys: object) -> dict[str, Any]:
    """Return a rule that paints clips."""
    own = {
        "scorer": "",
        "patterns": ["**/*.mp4"],
        "style": str(files("impasto.scorers") / "data/painting.jpg"),
        "suffix": "mp4",
    }
    return {**own, "settle": "", "interval": "", **keys}


def squares(**keys: object) -> dict[str, Any]:
    """Return a rule that squares the numbers of tables, without PyTorch."""
    return {"suffix": "jsonl", "settle": "", "interval": "", **keys}
