"""How `impasto metrics` comes by VGG's weights and by the painting."""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from impasto.errors import BadInput, ImpastoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from impasto.metrics.footage import Picture
    from impasto.metrics.style import Eye
    from impasto.scorers.gatys.layers import Network
    from impasto.storage.stores import Stores


class Looks(NamedTuple):
    """What is asked of VGG.

    Attributes:
        style: the painting that was given, or None.
        painted: the painting of the output's job, or None.
        weights: URL or path of weights, or None: torchvision's.
        network: the network that they are of.
        download: whether torchvision's may be fetched.
    """

    style: str | None
    painted: str | None
    weights: str | None
    network: Network
    download: bool

    def open(self, stores: Stores, home: str) -> tuple[Eye | None, list[str]]:
        """Load VGG, if its weights are here; also return what cannot be measured, and why.

        Raises:
            BadInput: a painting was given, and there are no weights; or a file cannot be read.
            Unavailable: a store does not answer, or the weights cannot be fetched.
        """
        from impasto.metrics.style import Eye

        with self._file(stores, home) as found:
            if found is None:
                fact = f"{self.network}'s weights are not here"
                remedy = "`download` fetches them, half a gigabyte; `weights` takes others"
                if self.style:
                    raise BadInput(f"style distance: {fact}", remedy)
                return None, [f"content and style are not measured: {fact}; {remedy}"]
            painting, notes = self._painting(stores)
            return Eye(self.network, *found, painting), notes

    def _painting(self, stores: Stores) -> tuple[Picture | None, list[str]]:
        if self.style:
            return _read(stores, self.style), []
        if not self.painted:
            return None, []
        try:
            return _read(stores, self.painted), []
        except ImpastoError as error:
            return None, [f"style is not measured: {error.fact}"]

    @contextmanager
    def _file(self, stores: Stores, home: str) -> Iterator[tuple[IO[bytes], str] | None]:
        from impasto.scorers.gatys.download import kept, official

        if self.weights:
            stores.check_trusted(self.weights, home)
            yield BytesIO(stores.read(self.weights)), self.weights
        elif path := kept(self.network):
            with path.open("rb") as file:
                yield file, path.name
        elif self.download:
            with official(self.network, lambda: None) as file:
                yield file, file.name
        else:
            yield None


def _read(stores: Stores, url: str) -> Picture:
    """Read a picture, (H, W, 3); raises BadInput or Unavailable."""
    from impasto.media import images

    picture: Picture = images.read(stores.read(url), url).planes[0].astype("u1")
    return picture
