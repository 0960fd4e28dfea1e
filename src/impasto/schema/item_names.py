"""Names of items as users count them: row 2 (line 3), frame 51 at 0:02.04, or a file's name.

Stored records count items from 0; whatever people read has its name from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

from impasto.schema.moments import clock

if TYPE_CHECKING:
    from impasto.schema.plan import Plan, Shard


@dataclass(frozen=True, slots=True)
class ItemNames:
    """Names the items of a plan.

    Attributes:
        noun: what one of them is called: frame, image, file or row.
        first_line: line of a table's file that holds its first row; 0 if rows are not lines.
        unit: seconds per timestamp unit of a video, or None.
        zero: timestamp of a video's first frame.
    """

    noun: str
    first_line: int = 0
    unit: Fraction | None = None
    zero: int = 0

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Read what names need of a plan, with or without its shards."""
        noun = plan.noun.removesuffix("s")
        if plan.table:
            return cls(noun, first_line=plan.table.first_line)
        if plan.source != "video" or plan.facts is None:
            return cls(noun)
        return cls(noun, unit=plan.facts.time_base, zero=plan.zero)

    def name(self, shard: Shard, item: int) -> str:
        """Return the name of one of a shard's items, by its index in the source."""
        if shard.names:
            return shard.names[item - shard.start]
        called = f"{self.noun} {item + 1}"
        if self.first_line:
            return f"{called} (line {item + self.first_line})"
        moment = self._moment(shard, item)
        return called if moment is None else f"{called} at {clock(moment)}"

    def facts(self, shard: Shard, item: int) -> dict[str, int | float]:
        """Return the numbers in the name of an item, by what they count; the time in seconds."""
        if shard.names:
            return {}
        found: dict[str, int | float] = {self.noun: item + 1}
        if self.first_line:
            found["line"] = item + self.first_line
        moment = self._moment(shard, item)
        return found if moment is None else {**found, "time": round(float(moment), 6)}

    def _moment(self, shard: Shard, item: int) -> Fraction | None:
        """Return the seconds from a video's first frame to this one; None for other items."""
        if self.unit is None or shard.cut is None:
            return None
        return (shard.cut.pts[item - shard.start] - self.zero) * self.unit
