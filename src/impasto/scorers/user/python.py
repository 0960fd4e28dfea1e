"""Scorers of the user's own: a class with ``score(batch)`` that imports nothing of Impasto.

    class Upscale:
        \"\"\"Nearest-neighbour upscaling.\"\"\"

        def __init__(self, factor: int = 2) -> None:
            self.factor = factor

        def score(self, batch):
            return batch.repeat(self.factor, axis=1).repeat(self.factor, axis=2)

It is scored with ``--scorer python:upscale.py:Upscale --factor 3``. The protocol:

``__init__(self, ...)``
    Its arguments are flags of the command line; ``int``, ``float``, ``bool``, ``str`` and
    ``Literal`` are checked before a job begins. Keep it cheap.
``setup(self, device: str)``
    Optional, once a worker: load the model onto ``cpu`` or ``cuda:0``.
``score(self, batch)``
    Pictures are a numpy array, uint8, (N, H, W, 3), RGB; return another one, uint8,
    (N, H', W', 3), or N records. Rows are a pandas DataFrame of N rows; return a DataFrame of N
    rows, or N records. A record is a dict, or a list of dicts for an item that has several or
    none, or any JSON value or array, which becomes ``{"output": value}``. Any exception means that
    the mini-batch holds an item that cannot be scored, which is then found and set aside; so what
    comes of an item must not depend on its neighbours.
``batch: int``
    Optional: items of a mini-batch; else a probe of speed and memory decides.
``pure: bool``
    Optional: whether a picture's result depends on nothing but the picture; then a frame that
    equals the one before is not scored again.
``parallel: bool``
    Optional: whether several threads may call ``score`` at once; else they take turns.

The file's own folder is searched for what it imports; a file inside a package is imported by its
dotted name and may use relative imports. Only the file itself is pinned by its digest.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from impasto.errors import BadInput
from impasto.scorers import results
from impasto.scorers.base import Scorer, Scores
from impasto.scorers.user import loading
from impasto.scorers.user.loading import ScriptError

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from impasto.scorers.base import Inputs, Record, Wants
    from impasto.scorers.user.params import PythonParams

_PICTURES = "pictures must be a numpy array, uint8, (N, height, width, 3), RGB"
_RECORDS = "it must return N pictures, or a list or DataFrame of N records"


class PythonScorer(Scorer):
    """Score with an instance of the user's class."""

    resizes = True

    def __init__(
        self, params: PythonParams, prepared: dict[str, Any], inputs: Inputs, device: str
    ) -> None:
        """Make the instance and call its ``setup``.

        Raises:
            BadInput: the file is not Python, lacks the class, or fails.
            Unavailable: a store does not answer.
        """
        content = inputs.trusted(params.module)
        module = loading.load_packaged(params.module, content)
        kind: Any = getattr(module, params.name, None)
        if not callable(getattr(kind, "score", None)):
            raise BadInput(
                f"{params.module}: has no class {params.name} with a method score(batch)",
                "correct the name or add it",
            )
        with loading.blamed(params.module, f"{params.name}()"):
            self._user: Any = kind(**params.args)
        setup = getattr(self._user, "setup", None)
        if setup is not None:
            if not _takes_device(setup):
                raise BadInput(
                    f"{params.module}: {params.name}.setup() does not take the device",
                    "write def setup(self, device)",
                )
            with loading.blamed(params.module, f"{params.name}.setup()"):
                setup(device)
        self._device = device
        self._wants = inputs.wants
        self.batch = _batch(getattr(self._user, "batch", 0), params)
        self.serial = not getattr(self._user, "parallel", False)
        self.pure = bool(getattr(self._user, "pure", False))

    def score(self, batch: torch.Tensor | pd.DataFrame) -> Scores:
        """Call the instance's ``score``.

        Args:
            batch: N pictures, float32 in [0, 1], (N, 3, H, W); or N rows.

        Returns:
            N pictures, all of one size, on the scorer's device, or the records of N items.

        Raises:
            ScriptError: what was returned does not fit the items or the protocol.
            Exception: the class's own.
        """
        # A class may change what it is given, and counts rows from 0.
        given = _bytes(batch) if results.is_tensor(batch) else batch.reset_index(drop=True)
        with loading.contained():
            result = results.array(self._user.score(given))
        pictures = None if self._wants == "arrays" else _pictures(result, self._wants)
        if pictures is None:
            return Scores(records=_records(result, len(batch)))
        _check_count(len(pictures), len(batch))
        return Scores(pictures=_unit(pictures, self._device))


def _takes_device(setup: Any) -> bool:
    """Return whether a function can be called with a device, as far as can be told."""
    try:
        inspect.signature(setup).bind("cpu")
    except TypeError:
        return False
    except ValueError:
        # Compiled code may have no signature.
        return True
    return True


def _batch(value: object, params: PythonParams) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(
            f"{params.module}: {params.name}.batch is {value!r}",
            "it must be a whole number, or 0 to let a probe decide",
        )
    return value


def _bytes(pictures: torch.Tensor) -> np.ndarray[Any, Any]:
    """Turn float (N, 3, H, W) in [0, 1] on any device into uint8 (N, H, W, 3) on the CPU."""
    codes = (pictures * 255).round_().clamp_(0, 255).byte().permute(0, 2, 3, 1)
    array: np.ndarray[Any, Any] = codes.contiguous().cpu().numpy()
    return array


def _unit(pictures: np.ndarray[Any, Any], device: str) -> torch.Tensor:
    """Turn uint8 (N, H, W, 3) into float (N, 3, H, W) in [0, 1] on a device."""
    import torch

    codes = torch.from_numpy(np.require(pictures, requirements=["C", "W"])).to(device)
    return codes.permute(0, 3, 1, 2).float().div_(255).contiguous()


def _pictures(result: object, wants: Wants) -> np.ndarray[Any, Any] | None:
    """Return the result, uint8 (N, H, W, 3), if it is pictures, or None for records.

    Raises:
        ScriptError: pictures are wanted, and it is an array of four dimensions that is none.
    """
    if isinstance(result, (list, tuple)):
        arrays = [results.array(element) for element in result]
        if not arrays or not all(_is_picture(element) for element in arrays):
            return None
        if len({element.shape for element in arrays}) > 1:
            raise ScriptError(
                "score() returned pictures of several sizes; a mini-batch must have one size"
            )
        result = np.stack(arrays)
    if not isinstance(result, np.ndarray) or result.ndim != 4:
        return None
    if result.dtype != np.uint8 or result.shape[3] != 3 or 0 in result.shape:
        if wants == "records":
            return None
        raise ScriptError(f"score() returned {result.dtype} {result.shape}; {_PICTURES}")
    return result


def _is_picture(value: object) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.ndim == 3
        and value.shape[2] == 3
        and value.dtype == np.uint8
    )


def _records(result: object, count: int) -> list[list[Record]]:
    """Return the records of every item."""
    found = results.elements(result)
    if found is None:
        what = "None" if result is None else f"a {type(result).__name__}"
        raise ScriptError(f"score() returned {what}; {_RECORDS}")
    _check_count(len(found), count)
    return [_item(element) for element in found]


def _item(element: object) -> list[Record]:
    if isinstance(element, (list, tuple)) and all(isinstance(inner, dict) for inner in element):
        return [results.plain(inner) for inner in element]
    return results.of_element(element)


def _check_count(got: int, count: int) -> None:
    if got != count:
        raise ScriptError(f"score() returned {got} results for {count} items")
