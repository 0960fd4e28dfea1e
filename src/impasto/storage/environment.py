"""What clients of stores must not find in the environment."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_BARE = threading.Lock()


@contextmanager
def bare_environment(*, loopback: bool) -> Iterator[None]:
    """Hide from a client that is made in this block what would redirect or override it.

    Clients take keys, endpoints, certificates and encryption from the environment. A proxy stays,
    for it sees encrypted traffic only, except before this very machine.

    Args:
        loopback: whether the client will talk to this machine.
    """
    with _BARE:
        hidden = {name: value for name, value in os.environ.items() if _meddles(name, loopback)}
        for name in hidden:
            del os.environ[name]
        try:
            yield
        finally:
            os.environ.update(hidden)


def _meddles(name: str, loopback: bool) -> bool:
    upper = name.upper()
    return (
        upper.startswith(("AWS_", "AZURE_", "GOOGLE_"))
        or upper in {"SSL_CERT_FILE", "SSL_CERT_DIR"}
        or (loopback and upper.endswith("_PROXY"))
    )
