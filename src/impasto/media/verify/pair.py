"""A source and an output, to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.media.verify.inventory import Inventory
    from impasto.media.write.target import Target

MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two videos that are compared.

    Attributes:
        before: the source.
        after: the output.
        target: the output's picture stream as it should be.
        shift: seconds by which times in the output are earlier.
        slack: seconds by which the output's container may round a time.
    """

    before: Inventory
    after: Inventory
    target: Target
    shift: Fraction
    slack: Fraction
