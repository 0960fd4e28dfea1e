"""PyTorch models in files, told apart by their bytes."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NoReturn

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from impasto.errors import BadInput
from impasto.scorers.checkpoint import contents, fast_neural_style, known
from impasto.scorers.checkpoint.model import Model
from impasto.secrecy import start_of

if TYPE_CHECKING:
    from impasto.scorers.params import Range

SUPPORTED = (
    "supported are the networks that spandrel knows (extra `models`), fast-neural-style "
    "checkpoints (the TransformerNet of PyTorch's examples), TorchScript and torch.export files"
)
TENSOR = re.compile(r"(weight|tensor)_\d+\Z")
"""Names that torch.export gives to members that are tensors, as plain bytes."""
PICKLED = re.compile("(opaque_obj|custom_obj)_", re.IGNORECASE)
"""Names of the members that it unpickles, whatever its index says about them."""
ZIP, PICKLE = b"PK\x03\x04", b"\x80"
"""The first bytes of archives and of pickles."""
NATIVE = "data/aotinductor/"
"""The place of machine code in an export's archive."""


def load(name: str, content: bytes, device: torch.device) -> Model:
    """Load a model.

    Args:
        name: what to call the file in errors.
        content: its bytes, verified.
        device: where to run it.

    Raises:
        BadInput: the file is not a model in a supported form, or needs more than tensors unpickled.
    """
    contents.check(name, content, SUPPORTED)
    match form(content):
        case "exported":
            return _exported(name, content, device)
        case "scripted":
            return _scripted(name, content, device)
    return _checkpoint(name, content, device)


def form(content: bytes) -> str:
    """Return what a file's members show that it is: ``exported``, ``scripted`` or ``weights``."""
    names = _members(content)
    if any(member.endswith("archive_format") for member in names) or any(
        member.startswith("serialized_exported_program") for member in names
    ):
        return "exported"
    return "scripted" if any("/code/" in member for member in names) else "weights"


def _members(content: bytes) -> list[str]:
    if not content.startswith(ZIP):
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()
    except zipfile.BadZipFile:
        return []


def _checkpoint(name: str, content: bytes, device: torch.device) -> Model:
    safe = contents.is_safetensors(content)
    state = _safetensors(name, content) if safe else tensors_only(name, content)
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping):
        raise BadInput(f"{name}: holds a {type(state).__name__}", SUPPORTED)
    if not state:
        raise BadInput(f"{name}: holds no weights", contents.DOWNLOAD)
    if network := fast_neural_style.from_state(state):
        network = network.to(device)
        return Model(network, "fast-neural-style network", range="byte", singly=True)
    return known.recognise(name, state, device, SUPPORTED)


def _safetensors(name: str, content: bytes) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, KeyError) as error:
        raise BadInput(f"{name}: is damaged safetensors: {error}", contents.DOWNLOAD) from None


def tensors_only(name: str, content: bytes) -> Any:
    """Load a file of `torch.save` that holds tensors and containers, and nothing else.

    Raises:
        BadInput: it holds anything else, or is not such a file.
    """
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 (damaged files raise anything, KeyError for one)
        what = "is not a PyTorch file"
        if "Weights only" in str(error) and content.startswith((PICKLE, ZIP)):
            what = "holds Python objects, which are never unpickled"
        raise BadInput(
            f"{name}: {what}", f"save its state_dict() or export it. {SUPPORTED}"
        ) from None


def _scripted(name: str, content: bytes, device: torch.device) -> Model:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`torch\.jit\.load` is", DeprecationWarning)
            module = torch.jit.load(io.BytesIO(content), map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise BadInput(f"{name}: {_line(error)}", "script or trace the model again") from None
    module.eval()

    def run(pictures: Tensor) -> Any:
        """See `Model.run`: RGB, (N, 3, H, W), to whatever the model returns."""
        # Without the optimiser, which compiles for every new size and makes equal calls unequal.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            return module(pictures)

    return Model(run, "TorchScript", _dtype(module.parameters()))


def _exported(name: str, content: bytes, device: torch.device) -> Model:
    _check_archive(name, content)
    try:
        program = torch.export.load(io.BytesIO(content))
        if device.type != "cpu":
            # It takes a second to import.
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(program, device)
        module = program.module()
    except Exception as error:  # noqa: BLE001 (damaged files raise anything)
        raise BadInput(f"{name}: {_line(error)}", "export the model again") from None
    inputs = set(program.graph_signature.user_inputs)
    taken = [n.meta.get("val") for n in program.graph.nodes if n.name in inputs]
    shape = taken[0].shape if len(taken) == 1 and isinstance(taken[0], Tensor) else ()
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        raise BadInput(
            f"{name}: takes {len(taken)} inputs, the first {tuple(shape)}",
            "export a model whose one input is pictures, (N, 3, H, W)",
        )
    batch, _, height, width = (n if isinstance(n, int) else None for n in shape)
    dtype = taken[0].dtype
    known: Range | None = "byte" if dtype == torch.uint8 else None
    return Model(module, "torch.export program", dtype, known, (height, width), batch or 0)


def _check_archive(name: str, content: bytes) -> None:
    """Refuse what `torch.export.load` would unpickle without ``weights_only``, or run natively."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.namelist()
        # Which of two such members is read depends on the reader.
        if len({member.lower() for member in members}) < len(members):
            raise BadInput(
                f"{name}: holds two members with the same name", "save it with torch.export.save"
            )
        for member in members:
            if NATIVE in member:
                raise BadInput(f"{name}: holds machine code", "save it with torch.export.save")
            if PICKLED.match(PurePath(member).name):
                _refuse_pickled(name)
            if member.endswith(".pt") and archive.getinfo(member).file_size:
                tensors_only(f"{name}/{member}", archive.read(member))
            if member.lower().endswith("_config.json"):
                _check_config(name, json.loads(archive.read(member)))


def _check_config(name: str, config: Any) -> None:
    """Accept only tensors that are stored as plain bytes."""
    entries = config.get("config", {}).values() if isinstance(config, dict) else ()
    for entry in entries:
        plain = isinstance(entry, dict) and not entry.get("use_pickle")
        if not plain or not TENSOR.match(str(entry.get("path_name"))):
            _refuse_pickled(name)


def _refuse_pickled(name: str) -> NoReturn:
    raise BadInput(f"{name}: holds pickled objects, which are never unpickled", "export it again")


def _dtype(parameters: Any) -> torch.dtype:
    return next((p.dtype for p in parameters if p.is_floating_point()), torch.float32)


def _line(error: Exception) -> str:
    return start_of(" ".join(str(error).split()), 300)
