"""A scorer in a package of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from impasto.schema.base import Frozen
from impasto.scorers.base import Scorer
from impasto.scorers.entry import Entry
from impasto.scorers.params import TrustedFile

if TYPE_CHECKING:
    import torch

    from impasto.scorers.base import Inputs


class DimParams(Frozen):
    """Parameters of dimming.

    Attributes:
        factor: what brightness is multiplied by.
        offset: URL or path of a file with a number that is added.
    """

    factor: float
    offset: TrustedFile | None = None


class DimScorer(Scorer):
    """Make pictures darker."""

    def __init__(
        self, params: DimParams, prepared: dict[str, Any], inputs: Inputs, device: torch.device
    ) -> None:
        self._factor = params.factor
        self._offset = float(inputs.trusted(params.offset)) if params.offset else 0.0

    def score(self, batch: torch.Tensor) -> torch.Tensor:
        """Dim RGB pictures, float32 in [0, 1], (N, 3, H, W)."""
        return batch * self._factor + self._offset


DIM = Entry("impasto_dim:DimScorer", DimParams, "darkens pictures")
