"""The blob service and the counting proxy of the measurements: those of the tests."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

# The tests are not a package, and nothing else can start the servers.
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from blobs.child import KEY, Place, alone
from blobs.reading import seed
from support.cloud import DATA, Authority, Azurite, NotReady
from support.faults import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Proxy", "Service", "serving"]


class Service:
    """A running Azurite.

    Attributes:
        azurite: the server.
        authority: who signed its certificate.
    """

    def __init__(self, azurite: Azurite, authority: Authority) -> None:
        self.authority = authority
        self.azurite = azurite
        os.environ[KEY] = azurite.accounts[DATA]

    @property
    def endpoint(self) -> str:
        """The account's address."""
        return self.azurite.endpoint(DATA)

    def container(self) -> Place:
        """Make a container."""
        return Place(self.endpoint, DATA, self.azurite.make_container(DATA), str(self.azurite.ca))

    def through(self, proxy: Proxy, place: Place) -> Place:
        """Return a container as seen through a proxy."""
        return Place(f"{proxy.endpoint}/{DATA}", DATA, place.container, place.ca)

    def seed(self, place: Place, first: int, stop: int, bodies: Sequence[bytes] = (b"x",)) -> None:
        """Write small blobs named ``000000.png`` and so on, with contents in turn."""
        alone(seed, place, first, stop, bodies)


@contextmanager
def serving(folder: Path) -> Iterator[Service]:
    """Yield an empty Azurite; exit when it is not installed."""
    authority = Authority.make(folder)
    # adlfs accepts a custom certificate in no other way.
    os.environ["SSL_CERT_FILE"] = str(authority.ca_pem)
    try:
        azurite = Azurite.start(authority)
    except NotReady as problem:
        sys.exit(str(problem))
    try:
        yield Service(azurite, authority)
    finally:
        azurite.stop()
