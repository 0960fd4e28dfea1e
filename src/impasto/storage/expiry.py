"""When the shared access signatures that a process was given end.

Identities get new tokens by themselves. A signature in a variable or a URL does not: a process
never sees a variable that changes after it has started.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.settings import secret
from impasto.storage.credentials import end_of_sas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.storage.stores import Stores


@dataclass(frozen=True, slots=True)
class Ending:
    """A signature and its end.

    Attributes:
        name: what it is, for people.
        until: when it ends.
    """

    name: str
    until: datetime

    def told(self, now: datetime) -> str:
        """Say in one line when it ends or that it has ended, and what to do."""
        at = f"{self.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        when = f"ends in {_span(self.until - now)} ({at})" if self.until > now else f"ended at {at}"
        return f"{self.name}: {when}; issue a new one, and start again with it"


def endings(stores: Stores) -> list[Ending]:
    """Return the signatures that say when they end, the first to end at the beginning."""
    return sorted(
        (Ending(name, until) for name, sas in _signatures(stores) if (until := end_of_sas(sas))),
        key=lambda ending: ending.until,
    )


def expiring(stores: Stores, within: float, now: datetime | None = None) -> list[str]:
    """Say which signatures have ended or end soon, one line each.

    Args:
        stores: those in use.
        within: seconds from now.
        now: the time; None takes this machine's.
    """
    now = now or datetime.now(UTC)
    last = now + timedelta(seconds=within)
    return [ending.told(now) for ending in endings(stores) if ending.until <= last]


def _signatures(stores: Stores) -> Iterator[tuple[str, str]]:
    """Yield every SAS in use, with its name; one that is missing is found out when it is used."""
    for profile in stores.profiles.values():
        if profile.auth not in {"sas", "connection_string"} or not profile.secret:
            continue
        try:
            held = secret(profile.secret)
        except BadInput:
            continue
        if profile.auth == "connection_string":
            parts = dict(part.partition("=")[::2] for part in held.split(";"))
            held = parts.get("SharedAccessSignature", "")
        yield f"SAS in {profile.secret}", held
    for url, query in stores.signatures.reveal().items():
        yield f"SAS in the URL {url}", query


def _span(left: timedelta) -> str:
    """Write how long something still lasts, in the unit that fits, rounded down."""
    minutes = int(left.total_seconds() // 60)
    for unit, length in (("days", 24 * 60), ("hours", 60)):
        if minutes >= 2 * length:
            return f"{minutes // length} {unit}"
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
