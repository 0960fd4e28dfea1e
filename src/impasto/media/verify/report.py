"""The result of comparing two videos."""

from __future__ import annotations

from impasto.schema.base import Frozen


class Check(Frozen):
    """The fate of one item.

    Attributes:
        item: what was looked at, such as ``sound 1 packets``.
        ok: whether it was kept; None when the output's container cannot carry it.
        detail: what was found.
    """

    item: str
    ok: bool | None
    detail: str


def found_for(found: object, wanted: object) -> str:
    """Say what was found, and what should be there only where that reads differently."""
    return f"{found}" if f"{found}" == f"{wanted}" else f"{found}, expected {wanted}"


class Report(Frozen):
    """The fate of every item.

    Attributes:
        checks: one for each item.
    """

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether all that the output's container can carry was kept."""
        return all(check.ok is not False for check in self.checks)
