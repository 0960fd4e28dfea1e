"""The reason why a service does not answer: its name, the connection, or its certificate.

The stores' client does not tell them apart.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 5.0
"""How long to wait for a connection."""


def diagnose(endpoint: str, ca: Path | None) -> tuple[str, str] | None:
    """Connect to an endpoint and send nothing.

    Args:
        endpoint: an ``https:`` or ``http:`` URL.
        ca: PEM certificates to trust besides the system's.

    Returns:
        The problem and its remedy, or None when none is found this way.
    """
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((host, port), SECONDS) as plain:
            if parts.scheme == "https":
                trusted = ssl.create_default_context()
                if ca:
                    trusted.load_verify_locations(ca)
                trusted.wrap_socket(plain, server_hostname=host).close()
    except socket.gaierror:
        return f"DNS does not know {host}", "check account and endpoint in impasto.toml"
    except ssl.SSLCertVerificationError as error:
        remedy = "set ca in impasto.toml to a file of its authority's certificates"
        return f"{host}: its TLS certificate is refused ({error.verify_message})", remedy
    except ssl.SSLError as error:
        return f"{host}:{port}: does not speak TLS ({error.reason})", "check the endpoint's port"
    except TimeoutError:
        fact = f"{host}:{port}: no answer in {SECONDS:.0f} s"
        return fact, "check the network, firewalls and proxies"
    except OSError as error:
        fact = f"{host}:{port}: {error.strerror or error}"
        return fact, "check the endpoint, the network and proxies"
    return None
