"""Environment variables that clients of stores must not see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from impasto.settings import ENVIRONMENT


@contextmanager
def bare_environment(*, loopback: bool) -> Iterator[None]:
    """Hide the variables that would redirect or override a client made in this block.

    Clients take keys, endpoints, certificates and encryption from the environment. Proxies stay,
    since they see encrypted traffic only, but not for connections to this machine.

    Args:
        loopback: whether the client will talk to this machine.
    """
    with ENVIRONMENT:
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
