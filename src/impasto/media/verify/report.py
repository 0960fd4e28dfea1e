"""The result of comparing two videos."""

from __future__ import annotations

from impasto.media.formats import Family
from impasto.schema.base import Frozen


class Check(Frozen):
    """The fate of one item.

    Attributes:
        item: what was looked at, such as ``sound 1 packets``.
        ok: whether it was kept; None when the output's container cannot carry it.
        detail: what was found.
        lost: whether something is missing because the output's container cannot carry it.
    """

    item: str
    ok: bool | None
    detail: str
    lost: bool = False


def found_for(found: object, wanted: object) -> str:
    """Say what was found, and what should be there only where that reads differently."""
    return f"{found}" if f"{found}" == f"{wanted}" else f"{found}, expected {wanted}"


class Report(Frozen):
    """The fate of every item.

    Attributes:
        checks: one for each item.
        family: the output's container.
    """

    checks: tuple[Check, ...]
    family: Family

    @property
    def ok(self) -> bool:
        """Whether all that the output's container can carry was kept."""
        return all(check.ok is not False for check in self.checks)

    @property
    def lost(self) -> tuple[str, ...]:
        """The items that the output's container cannot carry, or not whole, each one once."""
        return tuple(dict.fromkeys(check.item for check in self.checks if check.lost))
