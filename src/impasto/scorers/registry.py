"""The table of scorers."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.schema.base import Frozen, parse
from impasto.schema.job import Items
from impasto.scorers.checkpoint.params import CheckpointParams
from impasto.scorers.gatys.params import GatysParams
from impasto.scorers.onnx.params import OnnxParams
from impasto.scorers.params import NoParams
from impasto.scorers.style.params import WEIGHTS_SHA256, StyleParams
from impasto.scorers.user import signature
from impasto.scorers.user.params import PythonParams, ScriptParams

if TYPE_CHECKING:
    from impasto.scorers.base import Scorer


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


SCORERS: dict[str, Entry] = {
    "style": Entry(
        "impasto.scorers.style.scorer:StyleScorer",
        StyleParams,
        "style transfer with any painting, in one pass",
        pictures=("style",),
        weights=WEIGHTS_SHA256,
        trusted=("weights",),
    ),
    "gatys": Entry(
        "impasto.scorers.gatys.scorer:GatysScorer",
        GatysParams,
        "style transfer by optimisation: slow, and closest to the painting",
        batched=True,
        losses=True,
        pictures=("style",),
        weights=WEIGHTS_SHA256,
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


def split_name(scorer: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
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
