"""Networks from picture to picture that spandrel knows by their weights.

These are ESRGAN, Real-ESRGAN, SwinIR, HAT, SPAN, NAFNet, SCUNet and some forty more, which enlarge
pictures or restore them. All take and return values in [0, 1].
"""

from __future__ import annotations

import math
import sys
import warnings
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

from impasto.errors import BadInput
from impasto.scorers.checkpoint.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FUNCTIONAL = "torchvision.transforms.functional"
USED = ("InterpolationMode", "normalize", "rotate")
"""The names that spandrel imports from there."""


def recognise(
    name: str, state: Mapping[str, object], device: torch.device, supported: str
) -> Model:
    """Build the network that a checkpoint is for.

    Args:
        name: what to call the file in errors.
        state: tensors by name, perhaps below a key such as ``params_ema``.
        device: where to run it: in half precision on CUDA if the network allows it.
        supported: the remedy for what nobody knows.

    Raises:
        BadInput: no known network has these weights, it takes more than one picture or other
            colours, or spandrel is not installed.
    """
    first = ", ".join(str(key) for key in list(state)[:4])
    try:
        spandrel = _spandrel()
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{name}: holds weights ({first}, ...), and {error.name} is not installed",
            "run pip install 'impasto[models]'",
        ) from None
    try:
        found = spandrel.ModelLoader().load_from_state_dict(dict(state))
    except Exception as error:
        raise BadInput(
            f"{name}: holds weights for an unknown network ({first}, ...)", supported
        ) from error
    kind = _described(found)
    if not isinstance(found, spandrel.ImageModelDescriptor):
        raise BadInput(f"{name}: {kind} also takes a mask", supported)
    if found.input_channels not in (1, 3) or found.output_channels not in (1, 3):
        channels = f"{found.input_channels} channels and makes {found.output_channels}"
        raise BadInput(f"{name}: {kind} takes {channels}, neither grey nor RGB", supported)
    half = device.type == "cuda" and found.supports_half
    found.to(device).eval()
    # Convolutions run up to twice as fast so, and no network of many that were tried runs slower.
    found.model.to(
        dtype=torch.float16 if half else None, memory_format=torch.channels_last
    ).requires_grad_(False)
    return Model(
        found,
        kind,
        torch.float16 if half else torch.float32,
        "unit",
        singly=True,
        sure=True,
        channels=found.input_channels,
        align=math.lcm(found.size_requirements.multiple_of, *_windows(found.model)),
        tiles=found.tiling.name != "INTERNAL" and not found.size_requirements.square,
    )


def _described(found: Any) -> str:
    """Return what a network is, for people: ``RealESRGAN Compact, x4``."""
    purposes = {"FaceSR": "for faces", "Inpainting": "fills holes", "Restoration": "restores"}
    purpose = f"x{found.scale}" if found.scale > 1 else purposes.get(found.purpose, found.purpose)
    return f"{found.architecture.name}, {purpose}"


def _windows(network: Any) -> list[int]:
    """Return the sides of the windows of attention, to which some networks pad by themselves."""
    sides = getattr(network, "window_size", 1)
    return [side for side in (sides if isinstance(sides, (list, tuple)) else [sides]) if side]


def _spandrel() -> Any:
    """Import spandrel; raises ModuleNotFoundError."""
    if loaded := sys.modules.get("spandrel"):
        return loaded
    # It is about a call that is right.
    warnings.filterwarnings("ignore", r"torch\.meshgrid: ", UserWarning)
    with _later(FUNCTIONAL):
        return import_module("spandrel")


@contextmanager
def _later(functional: str) -> Iterator[None]:
    """Put functions of torchvision in its place that import it once they are called.

    Two of spandrel's networks use it, and spandrel always imports it. That takes seconds, and fails
    where torchvision is built for another torch.
    """
    if "torchvision" in sys.modules:
        yield
        return
    stand_in = ModuleType(functional)
    for name in USED:
        setattr(stand_in, name, _Later(name))
    parents = [functional.rsplit(".", n)[0] for n in (2, 1)]
    names = [*parents, functional]
    sys.modules.update({name: ModuleType(name) for name in parents} | {functional: stand_in})
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


class _Later:
    """A function or an enumeration of torchvision, imported when it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the real one."""
        return getattr(import_module(FUNCTIONAL), self._name)(*args, **options)

    def __getattr__(self, member: str) -> Any:
        """Return a member of the real one."""
        return getattr(getattr(import_module(FUNCTIONAL), self._name), member)
