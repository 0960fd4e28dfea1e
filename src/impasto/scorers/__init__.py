"""The Scorer class and the table of scorers.

To add a scorer, write one module with a class that extends `Scorer`, its parameters in `params`,
and add a line to `SCORERS`. This module imports no model library, so that the driver starts in
milliseconds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from impasto.errors import BadInput
from impasto.schema import Frozen, Items, parse
from impasto.scorers.params import (
    CheckpointParams,
    GatysParams,
    NoParams,
    OnnxParams,
    PythonParams,
    ScriptParams,
    StyleParams,
)
from impasto.scorers.user import signature

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import torch
    from numpy.typing import NDArray

    Batch: TypeAlias = torch.Tensor | pd.DataFrame | list[str]
    """A mini-batch: N RGB pictures, float32 in [0, 1], (N, 3, H, W); N rows; or the local paths of
    N files."""

Record: TypeAlias = dict[str, Any]
"""One line of an output of records; JSON's types, numpy's scalars and arrays."""


class Inputs(Protocol):
    """What a scorer may look at while it prepares a job, is loaded, or scores.

    Attributes:
        consecutive: whether pictures come as the consecutive frames of a video.
        files: folder into which a script may write files, which become the output.
    """

    consecutive: bool
    files: Path

    def trusted(self, url: str, sha256: str) -> bytes:
        """Read weights or a script, verified, from this machine or a control store.

        Raises:
            BadInput: it lies elsewhere, is missing, or is not what it was when the job began.
            Unavailable: the store does not answer.
        """
        ...

    def folder(self, url: str, digest: str) -> Path:
        """Return a local path of a trusted file or folder, fetched where it is in a store.

        Raises:
            BadInput, Unavailable: as `trusted`.
        """
        ...

    def image(self, url: str) -> NDArray[np.uint8]:
        """Read a picture as RGB, (H, W, 3); raises BadInput or Unavailable."""
        ...

    def sample(self) -> NDArray[np.uint8]:
        """Read the source's first picture as RGB, (H, W, 3); raises BadInput."""
        ...

    def alive(self) -> None:
        """Say that a mini-batch that takes long is still being worked on."""
        ...


@dataclass(frozen=True, slots=True)
class Scores:
    """What a scorer made of a mini-batch of N items: pictures, records, or files it has written.

    Attributes:
        pictures: N pictures, float32 in [0, 1], (N, 3, H, W), of any one size; or None.
        records: the records of each item, N sequences; or None.
        facts: what the log shall say of each item, N values; or empty.
    """

    pictures: torch.Tensor | None = None
    records: Sequence[Sequence[Record]] | None = None
    facts: Sequence[Record] = ()


class Scorer(ABC):
    """A model: mini-batch in, mini-batch out. Loaded once per worker.

    Attributes:
        batch: items of a mini-batch on this device; 0 lets a probe of speed and memory decide.
        serial: whether mini-batches must come one after the other and in order. One that is not
            serial is called from several threads at once, and what it makes of an item must not
            depend on which others share the mini-batch.
        resizes: whether pictures may come out in another size.
        notes: what the user should know of the model, one line each.
    """

    batch: int = 1
    serial: bool = False
    resizes: bool = False
    notes: tuple[str, ...] = ()

    @abstractmethod
    def __init__(
        self, params: Any, prepared: dict[str, Any], inputs: Inputs, device: torch.device
    ) -> None:
        """Load the model onto a device; ``prepared`` is what `prepare` returned for this job."""

    @classmethod
    def prepare(cls, params: Any, inputs: Inputs) -> dict[str, Any]:
        """Compute, once a job, what every worker shares; must survive JSON exactly."""
        return {}

    def restart(self) -> None:  # noqa: B027 (most have nothing to forget)
        """Forget what came before: the next mini-batch is the first of a shard."""

    @abstractmethod
    def score(self, batch: Any) -> torch.Tensor | Scores:
        """Score a mini-batch.

        Args:
            batch: a `Batch` of what the job's items are: pictures, rows or files.

        Returns:
            The scores; a tensor is their pictures.

        Raises:
            Exception: any at all; the mini-batch is then halved until the items that cause it are
                found, and these are set aside.
        """

    def close(self) -> None:  # noqa: B027 (most have nothing to let go)
        """Let go; called before the worker ends, unless it is killed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table: where a scorer lives, what it takes and what it gives.

    Attributes:
        target: ``module:Class`` of the scorer.
        params: the model of its parameters.
        about: what it is, for people, in a line.
        takes: what items it can score; the first is meant where the source could be several.
        gives: what comes out.
        argument: the parameter that stands behind the colon in ``onnx:model.onnx``.
        pictures: names of the parameters that hold the URL of a picture; its content determines
            the output.
        weights: sha256 of the weights that it loads by default, or "".
        trusted: names of the parameters that hold the URL of weights or of a script. These are
            never taken from where outsiders may write; ``<name>_sha256`` holds their digest.
        code: those of them that are programs.
        folders: the same for whole folders; ``<name>_digest`` holds that of all that is in them.
        batched: whether a mini-batch's size may change the output.
        losses: whether it tells the losses of each picture, to be plotted.
    """

    target: str
    params: type[Frozen]
    about: str
    takes: tuple[Items, ...] = ("pictures",)
    gives: tuple[str, ...] = ("pictures",)
    argument: str = ""
    pictures: tuple[str, ...] = ()
    weights: str = ""
    trusted: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    batched: bool = False
    losses: bool = False

    def load(self) -> type[Scorer]:
        """Import the scorer's class."""
        module, _, name = self.target.partition(":")
        scorer: type[Scorer] = getattr(import_module(module), name)
        return scorer


_STYLE_WEIGHTS = "f93ebd66508913fdde881a01620a026510ebbdbe53a95b3b990d4b52d2516f2f"

SCORERS: dict[str, Entry] = {
    "style": Entry(
        "impasto.scorers.style.network:StyleScorer",
        StyleParams,
        "style transfer with any painting, in one pass",
        pictures=("style",),
        weights=_STYLE_WEIGHTS,
        trusted=("weights",),
    ),
    "gatys": Entry(
        "impasto.scorers.gatys.scorer:GatysScorer",
        GatysParams,
        "style transfer by optimisation: slow, and closest to the painting",
        batched=True,
        losses=True,
        pictures=("style",),
        weights=_STYLE_WEIGHTS,
        trusted=("weights",),
    ),
    "script": Entry(
        "impasto.scorers.user.script:ScriptScorer",
        ScriptParams,
        "a scoring script with init() and run(mini_batch), as for Azure Machine Learning",
        takes=("files", "rows"),
        gives=("records", "files"),
        argument="script",
        trusted=("script",),
        code=("script",),
        folders=("model",),
        batched=True,
    ),
    "python": Entry(
        "impasto.scorers.user.python:PythonScorer",
        PythonParams,
        "a class of yours with score(batch), on arrays: python:FILE.py:CLASS",
        takes=("pictures", "rows"),
        gives=("pictures", "records"),
        argument="module",
        trusted=("module",),
        code=("module",),
    ),
    "onnx": Entry(
        "impasto.scorers.onnx.scorer:OnnxScorer",
        OnnxParams,
        "an ONNX model: picture to picture, picture to vector, or rows",
        takes=("pictures", "rows"),
        gives=("pictures", "records"),
        argument="model",
        trusted=("model",),
    ),
    "checkpoint": Entry(
        "impasto.scorers.checkpoint.scorer:CheckpointScorer",
        CheckpointParams,
        "a fast-neural-style checkpoint, a TorchScript or a torch.export file",
        gives=("pictures", "records"),
        argument="model",
        trusted=("model",),
    ),
    "identity": Entry("impasto.scorers.identity:IdentityScorer", NoParams, "changes nothing"),
}


def named(scorer: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Split a scorer's name from the model behind its colon, which is one of its parameters.

    Raises:
        BadInput: the scorer is unknown, needs a model and has none, or takes none.
    """
    name, colon, behind = scorer.partition(":")
    entry = find(name)
    params = dict(params)
    if not entry.argument:
        if colon:
            raise BadInput(f"scorer {name!r}: takes nothing behind a colon; leave {behind!r} out")
        return name, params
    if behind and name == "python":
        module, params["name"] = signature.split(behind)
        params["module"] = signature.locate(module)
    elif behind:
        params[entry.argument] = behind
    if entry.argument not in params:
        raise BadInput(f"scorer {name!r}: needs a file; write {name}:FILE")
    return name, params


def find(name: str) -> Entry:
    """Look a scorer up by name; raises BadInput with the names there are."""
    try:
        return SCORERS[name]
    except KeyError:
        raise BadInput(f"scorer {name!r} is unknown; choose one of {', '.join(SCORERS)}") from None


def parse_params(entry: Entry, params: dict[str, Any]) -> Frozen:
    """Check a scorer's parameters; raises BadInput naming the first that is wrong."""
    return parse(entry.params, params, "see 'impasto scorers'")
