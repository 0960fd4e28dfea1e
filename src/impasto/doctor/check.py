"""The doctor's findings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from impasto.secrecy import redact

State = Literal["ok", "note", "FAIL"]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; holds no secrets.

    Attributes:
        place: what it is about: a store's name, ``home`` or ``machine``.
        item: what was checked.
        state: ``FAIL`` where jobs would fail, ``note`` where somebody should know.
        detail: the fact.
        remedy: what to do, or "".
    """

    place: str
    item: str
    state: State
    detail: str
    remedy: str = ""

    def __post_init__(self) -> None:
        for name in ("detail", "remedy"):
            object.__setattr__(self, name, " ".join(redact(getattr(self, name)).split()))

    def fields(self) -> dict[str, str]:
        """Return the finding for machines to read."""
        return asdict(self)
