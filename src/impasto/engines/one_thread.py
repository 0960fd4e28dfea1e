"""One thread per operation of torch, where mini-batches are scored side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread per operation in the block, even if it is imported only there.

    Sums, and so the bytes of an output, may depend on the number.
    """
    before: list[int] = []
    waiting = _Awaiting(before)
    if torch := sys.modules.get("torch"):
        _limit(torch, before)
    else:
        sys.meta_path.insert(0, waiting)
    try:
        yield
    finally:
        if waiting in sys.meta_path:
            sys.meta_path.remove(waiting)
        if before:
            sys.modules["torch"].set_num_threads(*before)


class _Awaiting(MetaPathFinder):
    """Sees torch being imported by a user's script, once."""

    def __init__(self, before: list[int]) -> None:
        self._before = before

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            spec.loader = _Limiting(spec.loader, self._before)
        return spec


class _Limiting(Loader):
    def __init__(self, loader: Any, before: list[int]) -> None:
        self._loader, self._before = loader, before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _limit(module, self._before)


def _limit(torch: ModuleType, before: list[int]) -> None:
    before.append(torch.get_num_threads())
    torch.set_num_threads(1)
