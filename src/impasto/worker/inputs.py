"""The data a scorer may read: pictures, verified weights and scripts, folders of models."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Changed
from impasto.media.frame import Frame
from impasto.schema.url import parse
from impasto.scorers import registry
from impasto.scorers.params import Role
from impasto.scorers.user import beside
from impasto.storage.local import mapped
from impasto.storage.parallel import in_order
from impasto.storage.scratch import scratch
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from impasto.schema.plan import OutputKind
    from impasto.scorers.base import Wants
    from impasto.sources.base import Source
    from impasto.storage.store import Store
    from impasto.storage.stores import Stores
    from impasto.worker.task import Task

BEAT = 1.0
"""Seconds between two signs of life."""


class JobInputs:
    """The `base.Inputs` of a worker; a context that removes what was fetched."""

    def __init__(
        self, task: Task, stores: Stores, source: Source, alive: Callable[[], None]
    ) -> None:
        self._task, self._stores, self._source = task, stores, source
        self._alive = alive
        spec = task.spec
        self._pins = {
            (file.url, file.role is Role.FOLDER): spec.pins[file.name]
            for file in registry.find(spec.scorer).files(spec.params)
            if file.name in spec.pins
        }
        self._pictures: dict[str, bytes] = {}
        self._beat = 0.0
        self._stack = ExitStack()
        self.consecutive = task.plan.source == "video"
        self.carried = bool(task.spec.temporal)
        self.wants = wanted(task.plan.output)

    def __enter__(self) -> Self:
        folder = self._stack.enter_context(scratch())
        self.files, self._fetched = folder / "files", folder / "fetched"
        with mapped(str(folder)):
            self.files.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def trusted(self, url: str) -> bytes:
        """Read weights or a script; see `base.Inputs`."""
        sha256 = self._pin(url, folder=False)
        brought = Path(self._task.code, sha256)
        return self._stores.read_trusted(url, self._task.home, sha256, brought)

    def folder(self, url: str) -> Path:
        """Return a local path of a trusted file or folder; see `base.Inputs`."""
        self._stores.check_trusted(url, self._task.home)
        if self._stores.fingerprint(url) != self._pin(url, folder=True):
            raise Changed(f"{url}: has changed since the job began", "run it again")
        place = parse(url)
        if place.local:
            return place.path
        store, key = self._stores.open_parent(url)
        root = self._fetched / key
        if store.stat(key):
            _fetch(store, key, root)
            return root
        store = self._stores.open(url)
        names = (stat.key for stat in store.list_all())
        list(in_order(lambda name: _fetch(store, name, root / name), names, MANY))
        return root

    def beside(self) -> Path | None:
        """Return a local folder with the code that goes with the program; see `base.Inputs`."""
        spec = self._task.spec
        roles = registry.find(spec.scorer).roles
        pin = spec.pins.get(roles.code_folder)
        if pin is None:
            return None
        script, code = spec.params[roles.argument], spec.params.get(roles.code_folder)
        brought = Path(self._task.code, pin)
        if self._task.code and brought.is_dir():
            code = str(brought)
        elif code:
            self._stores.check_trusted(code, self._task.home)
        found = beside.unchanged(self._stores, script, code, self.trusted(script), pin)
        if found.folder.local:
            return found.folder.path
        found.write(self._fetched / pin)
        return self._fetched / pin

    def _pin(self, url: str, *, folder: bool) -> str:
        """Return the digest that a file or folder had when the job began."""
        try:
            return self._pins[url, folder]
        except KeyError:
            kind = "TrustedFolder" if folder else "TrustedFile"
            raise BadInput(
                f"{url}: was not pinned when the job began",
                f"give the scorer's parameter that names it the type {kind}",
            ) from None

    def image(self, url: str) -> NDArray[np.uint8]:
        """Read a picture as RGB, (H, W, 3); see `base.Inputs`."""
        from impasto.media import images

        picture: NDArray[np.uint8] = images.read(self.encoded(url), url).planes[0].astype("u1")
        return picture

    def encoded(self, url: str) -> bytes:
        """Return a picture's file, which is read once a job; raises BadInput or Unavailable."""
        if url not in self._pictures:
            self._pictures[url] = self._stores.read(url)
        return self._pictures[url]

    def sample(self) -> NDArray[np.uint8]:
        """Read the job's first picture as RGB, (H, W, 3); see `base.Inputs`."""
        import torch

        from impasto.media import colour

        frames = self._source.read(self._task.plan, self._task.sample, 1)
        frame = next((item for item in frames if isinstance(item, Frame)), None)
        if frame is None:
            raise BadInput(
                f"{self._source.url}: none of its first pictures can be read", "remove them"
            )
        planes = [torch.from_numpy(plane)[None] for plane in frame.planes[:3]]
        rgb = colour.to_rgb(planes, frame.layout)
        picture: NDArray[np.uint8] = (rgb[0] * 255).round().byte().permute(1, 2, 0).numpy()
        return picture

    def alive(self) -> None:
        """Say, once a second at most, that a long mini-batch is still being worked on."""
        now = time.monotonic()
        if now - self._beat > BEAT:
            self._beat = now
            self._alive()


def wanted(made: OutputKind) -> Wants:
    """Return what an output of a kind is made of."""
    if made == "arrays":
        return "arrays"
    return "records" if made in {"records", "files"} else "pictures"


def _fetch(store: Store, key: str, path: Path) -> None:
    data = store.read(key)
    with mapped(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
