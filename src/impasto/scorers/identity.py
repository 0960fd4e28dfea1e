"""A scorer that changes nothing: to test a pipeline, or to cut and join without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from impasto.scorers.base import Scorer

if TYPE_CHECKING:
    import torch

    from impasto.scorers.base import Inputs
    from impasto.scorers.params import NoParams


class IdentityScorer(Scorer):
    """Return every picture as it came."""

    pure = True

    def __init__(
        self, params: NoParams, prepared: dict[str, Any], inputs: Inputs, device: str
    ) -> None:
        """Load nothing."""

    def score(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the mini-batch, float32 in [0, 1], (N, 3, H, W), as it is."""
        return batch
