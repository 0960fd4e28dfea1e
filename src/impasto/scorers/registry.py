"""The table of scorers."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any

from impasto.errors import BadInput, meant
from impasto.scorers import plugins
from impasto.scorers.checkpoint.params import CheckpointParams
from impasto.scorers.entry import Entry
from impasto.scorers.gatys.params import GatysParams
from impasto.scorers.mlflow.params import MlflowParams
from impasto.scorers.onnx.params import OnnxParams
from impasto.scorers.params import NoParams
from impasto.scorers.style.params import WEIGHTS_SHA256, StyleParams
from impasto.scorers.user import signature
from impasto.scorers.user.params import PythonParams, ScriptParams

SCORERS: dict[str, Entry] = {
    "style": Entry(
        "impasto.scorers.style.scorer:StyleScorer",
        StyleParams,
        "style transfer with any painting, in one pass",
        weights=WEIGHTS_SHA256,
    ),
    "gatys": Entry(
        "impasto.scorers.gatys.scorer:GatysScorer",
        GatysParams,
        "style transfer by optimisation: slow, and closest to the painting",
        batched=True,
        losses=True,
        sequential=True,
        weights=WEIGHTS_SHA256,
    ),
    "script": Entry(
        "impasto.scorers.user.script:ScriptScorer",
        ScriptParams,
        "a scoring script with init() and run(mini_batch), as for Azure Machine Learning",
        takes=("files", "rows"),
        gives=("records", "files"),
        batched=True,
        # Its init() and shutdown() are called for each job.
        warm=False,
    ),
    "python": Entry(
        "impasto.scorers.user.python:PythonScorer",
        PythonParams,
        "your own class with score(batch), on arrays: python:FILE.py:CLASS",
        takes=("pictures", "rows"),
        gives=("pictures", "records", "arrays"),
        eight_bits=True,
    ),
    "onnx": Entry(
        "impasto.scorers.onnx.scorer:OnnxScorer",
        OnnxParams,
        "an ONNX model: picture to picture, vector or objects; or rows",
        takes=("pictures", "rows"),
        gives=("pictures", "records", "arrays"),
        extra="onnx",
    ),
    "mlflow": Entry(
        "impasto.scorers.mlflow.scorer:MlflowScorer",
        MlflowParams,
        "a model that MLflow has saved, on rows: mlflow:FOLDER",
        takes=("rows",),
        gives=("records",),
        extra="mlflow",
    ),
    "checkpoint": Entry(
        "impasto.scorers.checkpoint.scorer:CheckpointScorer",
        CheckpointParams,
        "a checkpoint (upscalers and restorers, fast neural style), TorchScript or torch.export",
        gives=("pictures", "records", "arrays"),
    ),
    "identity": Entry(
        "impasto.scorers.identity:IdentityScorer", NoParams, "copies pictures unchanged"
    ),
}

_MODELS = {
    ".onnx": ["onnx"],
    ".py": ["python", "script"],
    **{
        suffix: ["checkpoint"] for suffix in (".pth", ".pt", ".pt2", ".ts", ".ckpt", ".safetensors")
    },
}
"""The scorers that take a file, by its suffix."""
_CLASS = re.compile(r":[A-Za-z_]\w*$")


def split_name(scorer: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Split a scorer's name from the model after its colon, which is one of its parameters.

    Raises:
        BadInput: the scorer is unknown, needs a model and has none, or takes none.
    """
    roles = find(scorer).roles
    name, colon, behind = scorer.partition(":")
    params = dict(params)
    if not roles.argument:
        if colon:
            raise BadInput(f"scorer {name!r}: takes nothing after a colon", f"leave {behind!r} out")
        return name, params
    own = dict(params) if behind else {}
    if behind and roles.class_name:
        module, params[roles.class_name] = signature.split(behind)
        params[roles.argument] = signature.locate(module)
    elif behind:
        params[roles.argument] = behind
    if roles.argument not in params:
        raise BadInput(f"scorer {name!r}: needs a file", f"write {name}:FILE")
    return name, _with_args(find(name), params, own) if roles.class_args else params


def typed_name(scorer: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Put the model back after a scorer's name, as users type it: the reverse of `split_name`.

    Raises:
        BadInput: the scorer is unknown.
    """
    roles, rest = find(scorer).roles, dict(params)
    for part in (roles.argument, roles.class_name):
        if part in rest:
            scorer += f":{rest.pop(part)}"
    return scorer, rest | rest.pop(roles.class_args, {})


def _with_args(entry: Entry, params: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return parameters of which those of the user's class are in the one that holds them.

    Args:
        entry: the scorer.
        params: all of them.
        own: those that were given beside a class after the colon, which are all its own.
    """
    key, roles = entry.roles.class_args, entry.roles
    known = {roles.argument, roles.class_name, key}
    given = own or {name: value for name, value in params.items() if name not in known}
    # The form that they are stored in; a class may also have an argument of that name.
    stored = given.pop(key) if isinstance(given.get(key), dict) else params.get(key, {})
    fixed = {name: params[name] for name in (roles.argument, roles.class_name) if name in params}
    args = stored if isinstance(stored, dict) else {}
    return {**fixed, key: {**args, **given}}


def find(scorer: str) -> Entry:
    """Look a scorer up by name, first in the table and then among those of other packages.

    Args:
        scorer: its name, perhaps with a colon and the model after it.

    Raises:
        BadInput: there is none, and the message says what was meant or lists all names; or its
            package is broken.
    """
    name = scorer.partition(":")[0]
    if name in SCORERS:
        return SCORERS[name]
    if name in plugins.offered():
        return plugins.load(name)
    names = [*SCORERS, *plugins.offered()]
    named = _CLASS.search(scorer)
    likely = meant(name, names)
    if likely and name != scorer:
        # Only the name before the model is wrong.
        raise BadInput(f"scorer {name!r} is unknown", likely.replace("?", ":?"))
    if forms := _MODELS.get(PurePath(scorer[: named.start()] if named else scorer).suffix.lower()):
        shown = [f"{each}:{scorer}" for each in forms]
        if forms[0] == "python":
            shown = shown[:1] if named else [f"{shown[0]}:CLASS", *shown[1:]]
        written = f"write {' or '.join(shown)}"
        file = scorer[: named.start()] if named else scorer
        if "://" not in file and not Path(file).exists():
            raise BadInput(f"scorer {file}: no such file", f"check the path, and {written}")
        raise BadInput(f"scorer {scorer!r}: is a file", written)
    raise BadInput(f"scorer {name!r} is unknown", likely or f"choose one of {', '.join(names)}")


def find_all() -> tuple[list[str], list[str]]:
    """Return the names of all usable scorers, and one line for each other one that says why not."""
    names = list(SCORERS)
    problems: list[str] = []
    for name, points in plugins.offered().items():
        if name in SCORERS:
            problems += map(plugins.taken, points)
            continue
        try:
            plugins.load(name)
            names.append(name)
        except BadInput as error:
            problems.append(str(error))
    return names, problems
