"""A scorer that changes nothing: to test a pipeline, or to cut and join without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from impasto.scorers import Inputs, NoParams


class IdentityScorer:
    """Return every picture as it came."""

    batch = 1

    def __init__(
        self, params: NoParams, prepared: dict[str, Any], inputs: Inputs, device: torch.device
    ) -> None:
        """Load nothing."""

    @classmethod
    def prepare(cls, params: NoParams, inputs: Inputs) -> dict[str, Any]:
        """Prepare nothing."""
        return {}

    def score(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the mini-batch, (N, 3, H, W)."""
        return batch
