"""The Scorer protocol and the table of scorers.

To add a scorer, write one module with a class that satisfies `Scorer` and add a line to `SCORERS`.
This module imports no model library, so that the driver starts in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field

from impasto.errors import BadInput
from impasto.spec import Frozen, parse

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


class Inputs(Protocol):
    """What a scorer may look at while it prepares a job or is loaded."""

    def trusted(self, url: str, sha256: str) -> bytes:
        """Read weights or a script, verified, from this machine or a control store.

        Raises:
            BadInput: it lies elsewhere, is missing, or is not what it was when the job began.
            Unavailable: the store does not answer.
        """
        ...

    def image(self, url: str) -> NDArray[np.uint8]:
        """Read a picture as RGB, (H, W, 3); raises BadInput or Unavailable."""
        ...

    def sample(self) -> NDArray[np.uint8]:
        """Read the source's first picture as RGB, (H, W, 3); raises BadInput."""
        ...


class Scorer(Protocol):
    """A model: mini-batch in, mini-batch out. Loaded once per worker.

    Attributes:
        batch: the preferred number of pictures in a mini-batch on this device.
    """

    batch: int

    def __init__(
        self, params: Any, prepared: dict[str, Any], inputs: Inputs, device: torch.device
    ) -> None:
        """Load the model onto a device; ``prepared`` is what `prepare` returned for this job."""
        ...

    @classmethod
    def prepare(cls, params: Any, inputs: Inputs) -> dict[str, Any]:
        """Compute, once a job, what every worker shares; must survive JSON exactly."""
        ...

    def score(self, batch: torch.Tensor) -> torch.Tensor:
        """Score N RGB pictures, float32 in [0, 1], (N, 3, H, W); returns the same shape.

        Must be safe to call from several threads at once and must not depend on which other
        pictures share the mini-batch.
        """
        ...


class NoParams(Frozen):
    """A scorer without parameters."""


class StyleParams(Frozen):
    """Parameters of style transfer.

    Attributes:
        style: URL or path of the painting.
        strength: 0 leaves the source as it is, 1 is the painting's full style.
        style_scale: size of the strokes; 2 doubles them by scoring at half size.
        preserve_colour: keep the source's colours and take only the painting's light and strokes.
        weights: URL or path of other weights of the same networks, as safetensors.
        weights_sha256: their digest, filled in when a job begins.
    """

    style: str
    strength: float = Field(default=1.0, ge=0.0, le=1.0)
    style_scale: float = Field(default=1.0, ge=0.25, le=8.0)
    preserve_colour: bool = False
    weights: str | None = None
    weights_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table: where a scorer lives and what it takes.

    Attributes:
        target: ``module:Class`` of the scorer.
        params: the model of its parameters.
        pictures: names of the parameters that hold the URL of a picture; its content determines
            the output.
        weights: sha256 of the weights that it loads by default, or "".
        trusted: names of the parameters that hold the URL of weights or of a script. These are
            never taken from where outsiders may write; ``<name>_sha256`` holds their digest.
    """

    target: str
    params: type[Frozen]
    pictures: tuple[str, ...] = ()
    weights: str = ""
    trusted: tuple[str, ...] = ()

    def load(self) -> type[Scorer]:
        """Import the scorer's class."""
        module, _, name = self.target.partition(":")
        scorer: type[Scorer] = getattr(import_module(module), name)
        return scorer


SCORERS: dict[str, Entry] = {
    "style": Entry(
        "impasto.scorers.style:StyleScorer",
        StyleParams,
        pictures=("style",),
        weights="f93ebd66508913fdde881a01620a026510ebbdbe53a95b3b990d4b52d2516f2f",
        trusted=("weights",),
    ),
    "identity": Entry("impasto.scorers.identity:IdentityScorer", NoParams),
}


def find(name: str) -> Entry:
    """Look a scorer up by name; raises BadInput with the names there are."""
    try:
        return SCORERS[name]
    except KeyError:
        raise BadInput(f"scorer {name!r} is unknown; choose one of {', '.join(SCORERS)}") from None


def parse_params(entry: Entry, params: dict[str, Any]) -> Frozen:
    """Check a scorer's parameters; raises BadInput naming the first that is wrong."""
    return parse(entry.params, params, "see 'impasto run --help'")
