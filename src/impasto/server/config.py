"""How the service runs: the tables ``[serve]`` and ``[tenants.NAME]`` of `impasto.toml`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field

from impasto.errors import BadInput
from impasto.schema.access import Role, TenantName
from impasto.schema.base import Frozen, parse
from impasto.schema.bounds import Duration
from impasto.schema.refusal import reference
from impasto.schema.url import is_loopback
from impasto.settings import config_file, read_config

TABLES = ("serve", "tenants")
"""Tables of the config file that only the service reads."""


Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""Signatures by a key that only the issuer has. With the others, all who check could also sign."""


def check_issuer(url: str) -> str:
    """Return the URL of an issuer or of its keys; raises ValueError unless it is encrypted."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.netloc)):
        raise ValueError("must begin with https://")
    if not parts.hostname or parts.username or parts.fragment or parts.query:
        raise ValueError("is not the URL of an issuer")
    return url


def _any(algorithms: tuple[Algorithm, ...]) -> tuple[Algorithm, ...]:
    if not algorithms:
        raise ValueError("must name one at least")
    return algorithms


IssuerUrl = Annotated[str, AfterValidator(check_issuer)]


class Scope(Frozen):
    """What a tenant may reach.

    Attributes:
        read: URLs or paths of folders and prefixes that sources and paintings may be read from.
        write: those that outputs may be written to. Uploads go below the first one.
        rules: names of the rules that it may use and see.
    """

    NOUN: ClassVar[str] = "key"

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


class Oidc(Frozen):
    """Whose bearer tokens are believed, besides Impasto's own.

    Attributes:
        issuer: the ``iss`` of tokens, exactly; for Entra ID
            ``https://login.microsoftonline.com/TENANT/v2.0``.
        audience: the ``aud`` of tokens: the application's id or URI.
        jwks: URL of the issuer's keys; "" finds it by OpenID Connect Discovery.
        algorithms: which signatures count.
        role_claim: the claim that says what the bearer may do: a word or a list of them, of which
            the one that may do most counts.
        roles: role by a value of that claim; without any, the values are roles.
        tenant_claim: the claim that names the bearer's tenant; "" lets bearers see all tenants.
    """

    NOUN: ClassVar[str] = "key"

    issuer: IssuerUrl
    audience: Annotated[str, Field(min_length=1)]
    jwks: Annotated[str, AfterValidator(lambda url: url and check_issuer(url))] = ""
    algorithms: Annotated[tuple[Algorithm, ...], AfterValidator(_any)] = ("RS256",)
    role_claim: Annotated[str, Field(min_length=1)] = "roles"
    roles: dict[str, Role] = Field(default_factory=dict)
    tenant_claim: str = ""


class ServeSettings(Frozen):
    """How the service runs.

    Attributes:
        host: address that it listens on.
        port: port that it listens on; 0 takes a free one.
        tls_cert: file with its certificate chain, in PEM; "" is HTTP.
        tls_key: file with the certificate's key.
        behind_proxy: whether a proxy in front of it ends TLS, so that cookies are for HTTPS only
            and the proxy's word about clients' addresses is believed.
        watch: whether it runs the rules, and submitted jobs, too.
        read: as in `Scope`, for callers without a tenant.
        write: as in `Scope`, for callers without a tenant.
        code: folders and prefixes of the scripts, classes and models that operators may use; no
            other file of this machine is run for a caller, since many run what they are told to.
        oidc: whose bearer tokens are believed, besides Impasto's own.
        requests: requests per second that a caller may make in the long run.
        max_upload: largest file that may be uploaded.
        upload_ends: seconds after which the URL for an upload is refused.
    """

    NOUN: ClassVar[str] = "key"

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8710
    tls_cert: str = ""
    tls_key: str = ""
    behind_proxy: bool = False
    watch: bool = True
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    oidc: Oidc | None = None
    requests: Annotated[float, Field(gt=0)] = 50.0
    max_upload: ByteSize = ByteSize(100 << 30)
    upload_ends: Duration = 3600.0
    tenants: dict[TenantName, Scope] = Field(default_factory=dict)

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by HTTPS alone."""
        return self.behind_proxy or bool(self.tls_cert)

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it, and directly."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return is_loopback(host) and not self.behind_proxy


def load_serve(config: str | None = None, **flags: object) -> ServeSettings:
    """Read how the service runs; flags override the config file.

    Raises:
        BadInput: a value is wrong, or the file cannot be read.
    """
    path = config_file(config)
    found = read_config(path) if path else {}
    table, tenants = found.get("serve", {}), found.get("tenants", {})
    for name, value in (("serve", table), ("tenants", tenants)):
        if not isinstance(value, dict):
            raise BadInput(f"{path}: {name} is not a table", f"write [{name}]")
    assert isinstance(table, dict)
    given = {name: value for name, value in flags.items() if value is not None}

    def named(names: list[str], value: str) -> str:
        if names[0] in given:
            return reference(names, value)
        whole = names if names[0] == "tenants" else ["serve", *names]
        return f"{path}: {'.'.join(whole)}{f'={value}' if value else ''}"

    fields = {**table, **given, "tenants": tenants}
    serve = parse(ServeSettings, fields, f"correct {path}" if path else "", named)
    if serve.oidc and serve.oidc.tenant_claim and not tenants:
        raise BadInput(
            f"{named(['oidc', 'tenant_claim'], '')}: there are no tenants",
            "add tables [tenants.NAME], or leave it out",
        )
    return serve
