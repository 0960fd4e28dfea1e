"""A real issuer of bearer tokens: its discovery document and keys over HTTP, on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from types import TracebackType

AUDIENCE = "api://impasto"


class Key:
    """A key that signs, and its id."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.private = rsa.generate_private_key(65537, 2048)

    @property
    def public(self) -> dict[str, Any]:
        """The key as the issuer publishes it, with no algorithm, as Entra ID does."""
        row = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {"kty": row["kty"], "use": "sig", "kid": self.kid, "n": row["n"], "e": row["e"]}

    @property
    def pem(self) -> bytes:
        """The public key in PEM, as anybody can get it."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


class Issuer:
    """An issuer, from its start until the end of a ``with`` block.

    Attributes:
        key: signs what `token` makes.
        keys: those that it publishes.
        fetched: the paths that were asked for.
        down: whether it answers with an error.
    """

    def __init__(self) -> None:
        self.key = Key("first")
        self.keys = [self.key]
        self.fetched: list[str] = []
        self.down = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """What it calls itself."""
        return f"http://127.0.0.1:{self._server.server_port}/tenant/v2.0"

    @property
    def configuration(self) -> dict[str, Any]:
        """Its discovery document."""
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def settings(self, **more: object) -> dict[str, object]:
        """Return the table ``[serve.oidc]`` for it."""
        return {"issuer": self.url, "audience": AUDIENCE, **more}

    def claims(self, **more: object) -> dict[str, Any]:
        """Return the claims of a right token; None leaves one out."""
        now = int(time.time())
        right = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "someone",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "preferred_username": "ann@example.com",
            "roles": ["viewer"],
        }
        return {name: value for name, value in (right | more).items() if value is not None}

    def token(self, key: Key | None = None, /, **claims: object) -> str:
        """Return a right token, but for these claims and its key."""
        key = key or self.key
        return jwt.encode(
            self.claims(**claims), key.private, algorithm="RS256", headers={"kid": key.kid}
        )

    def __enter__(self) -> Issuer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetched.append(self.path)
                found: dict[str, Any] = (
                    {"keys": [key.public for key in issuer.keys]}
                    if self.path.endswith("/keys")
                    else issuer.configuration
                )
                body = json.dumps(found).encode()
                self.send_response(503 if issuer.down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def unsafe_tokens(issuer: Issuer) -> dict[str, str]:
    """Return tokens that nobody may believe, by what is wrong with them; they claim to be admin."""
    now, admin = int(time.time()), ["admin"]
    claims, headers = issuer.claims(roles=admin), {"kid": issuer.key.kid}
    public = issuer.key.pem
    stranger = Key(issuer.key.kid)
    right = issuer.token(roles=admin)
    head, body, signature = right.split(".")
    return {
        "wrong issuer": issuer.token(iss=f"{issuer.url}/", roles=admin),
        "another tenant's issuer": issuer.token(
            iss=issuer.url.replace("tenant", "other"), roles=admin
        ),
        "no issuer": issuer.token(iss=None, roles=admin),
        "wrong audience": issuer.token(aud="api://other", roles=admin),
        "no audience": issuer.token(aud=None, roles=admin),
        "expired": issuer.token(exp=now - 120, roles=admin),
        "no expiry": issuer.token(exp=None, roles=admin),
        "not yet valid": issuer.token(nbf=now + 600, roles=admin),
        "issued in the future": issuer.token(iat=now + 600, roles=admin),
        "no time of issue": issuer.token(iat=None, roles=admin),
        "no subject": issuer.token(sub=None, roles=admin),
        "algorithm none": jwt.encode(claims, "", algorithm="none", headers=headers),
        "algorithm HS256 with the public key": _signed_with_public(claims, headers, public),
        "algorithm PS256": jwt.encode(
            claims, issuer.key.private, algorithm="PS256", headers=headers
        ),
        "algorithm RS512": jwt.encode(
            claims, issuer.key.private, algorithm="RS512", headers=headers
        ),
        "another key of the same id": issuer.token(stranger, roles=admin),
        "another key": issuer.token(Key("other"), roles=admin),
        "no key's id": jwt.encode(claims, issuer.key.private, algorithm="RS256"),
        "no signature": f"{head}.{body}.",
        "claims of another token": f"{head}.{issuer.token().split('.')[1]}.{signature}",
        "a key of its own": jwt.encode(
            claims, stranger.private, algorithm="RS256", headers={**headers, "jwk": stranger.public}
        ),
    }


def _signed_with_public(claims: dict[str, Any], headers: dict[str, str], public: bytes) -> str:
    """Return a token signed by HMAC with the public key; libraries refuse to make one."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    head = json.dumps({"alg": "HS256", "typ": "JWT", **headers}).encode()
    signed = f"{part(head)}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(hmac.new(public, signed.encode(), hashlib.sha256).digest())}"
