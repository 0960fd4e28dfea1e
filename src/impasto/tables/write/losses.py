"""What a file of records cannot hold as the scorer gave it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from impasto.tables.write.jsonl import ITEM, renamed

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class Losses:
    """Counts what is lost while a file is written.

    Attributes:
        infinite: infinities that became null.
        renamed: whether a field called ``item`` may have got another name.
    """

    infinite: int = 0
    renamed: bool = False

    def see(self, names: Iterable[str]) -> None:
        """Look at the names of a record's fields."""
        self.renamed = self.renamed or any(map(renamed, names))

    def json(self, value: Any) -> str:
        """Return a value as JSON, in which infinities become null."""
        return json.dumps(self._finite(value), ensure_ascii=False)

    def notes(self) -> tuple[str, ...]:
        """Return what the user should know, one line each."""
        found = []
        if self.infinite:
            count = f"{self.infinite} infinite value{'s' if self.infinite > 1 else ''}"
            found.append(f"{count} became null, since JSON has none; .csv and .parquet do")
        if self.renamed:
            found.append(
                f"the field '{ITEM}' is each item's key; the scorer's own field is now '{ITEM}_'"
            )
        return tuple(found)

    def _finite(self, value: Any) -> Any:
        if isinstance(value, float) and math.isinf(value):
            self.infinite += 1
            return None
        if isinstance(value, dict):
            return {name: self._finite(part) for name, part in value.items()}
        return [self._finite(part) for part in value] if isinstance(value, list) else value
