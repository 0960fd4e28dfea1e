"""A store that the doctor checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.doctor.check import Check
from impasto.storage.sas import account

if TYPE_CHECKING:
    from impasto.schema.profile import StoreProfile
    from impasto.schema.url import Url
    from impasto.storage.credentials import Credential


@dataclass(frozen=True, slots=True)
class Patient:
    """A store, and what it must be fit for.

    Attributes:
        name: what to call it.
        place: where it is.
        profile: how it is reached.
        home: whether jobs live here.
    """

    name: str
    place: Url
    profile: StoreProfile | None
    home: bool = False

    @property
    def inner(self) -> bool:
        """Whether outsiders must never reach it, and jobs need every right in it."""
        return self.home or (self.profile is not None and self.profile.role == "control")

    def together(self, other: Patient) -> bool:
        """Return whether the key of one opens the other as well."""
        if self.place.scheme != other.place.scheme:
            return False
        if self.place.scheme != "az":
            return self.place.container == other.place.container
        ours, theirs = (account(each.place, each.profile) for each in (self, other))
        return ours != "" and ours == theirs

    def ok(self, item: str, detail: str) -> Check:
        """Report that something is as it should be."""
        return Check(self.name, item, "ok", detail)

    def note(self, item: str, detail: str, remedy: str = "") -> Check:
        """Report something that somebody should know."""
        return Check(self.name, item, "note", detail, remedy)

    def fail(self, item: str, detail: str, remedy: str = "") -> Check:
        """Report something on which jobs would fail."""
        return Check(self.name, item, "FAIL", detail, remedy)


def sas_fields(signed: Credential | None) -> dict[str, str]:
    """Return the fields of a SAS; empty where requests are signed by something else."""
    token = str(((signed and signed.fields) or {}).get("sas_token", ""))
    return dict(part.partition("=")[::2] for part in token.split("&") if part)
