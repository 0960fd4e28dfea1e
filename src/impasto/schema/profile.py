"""How a store is reached."""

from __future__ import annotations

import re
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from impasto.schema import url
from impasto.schema.signatures import Signed

_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]{0,63}")
Auth = Literal["identity", "sas", "key", "connection_string", "anonymous"]


class StoreProfile(Signed):
    """How one store is reached; names the variables that hold secrets, never the secrets.

    Attributes:
        url: the profile serves all URLs that begin with this one, such as ``az://media``.
        role: ``data``, which outsiders may reach, or ``control``, which they never may.
        auth: how requests are authenticated; ``identity`` is the platform's own chain of sign-ins.
        secret: the environment variable that holds the SAS, key or connection string.
        key_id: the environment variable that holds the id of an S3 key.
        account: the Azure storage account.
        endpoint: the service's address, if it is not the public one.
        region: of an S3 bucket.
        ca: file of PEM certificates to trust besides the system's.
        customer_key: the environment variable that holds 32 bytes in base64, the key with which the
            service encrypts what it stores; the service keeps no copy of it.
        kms_key: id of the key in AWS KMS with which S3 encrypts.
    """

    NOUN: ClassVar[str] = "setting"
    REPEATED: ClassVar[bool] = False
    URLS: ClassVar[tuple[str, ...]] = ("url",)

    url: str
    role: Literal["data", "control"] = "data"
    auth: Auth = "identity"
    secret: str | None = None
    key_id: str | None = None
    account: str | None = Field(default=None, pattern="^[a-z0-9]{3,24}$")
    endpoint: str | None = None
    region: str | None = None
    ca: str | None = None
    customer_key: str | None = None
    kms_key: str | None = None

    @field_validator("secret", "key_id", "customer_key")
    @classmethod
    def _variable(cls, value: str | None) -> str | None:
        if value is not None and not _VARIABLE.fullmatch(value):
            raise ValueError(
                "is not the name of an environment variable; never write a secret here"
            )
        return value

    @field_validator("url")
    @classmethod
    def _clean(cls, value: str) -> str:
        return str(url.parse(value))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        place = url.parse(self.url)
        needs_secret = self.auth in {"sas", "key", "connection_string"}
        if place.local:
            raise ValueError("url names a folder, which needs no profile: remove this one")
        if self.auth in {"sas", "connection_string"} and place.scheme != "az":
            raise ValueError(f"auth {self.auth} is only for Azure")
        if needs_secret != bool(self.secret):
            raise ValueError(
                f"auth {self.auth} {'needs' if needs_secret else 'takes no'} secret, "
                "the name of an environment variable"
            )
        if (self.auth == "key" and place.scheme == "s3") != bool(self.key_id):
            raise ValueError("key_id is only for s3:// with auth key")
        if (self.customer_key and place.scheme == "gs") or (self.kms_key and place.scheme != "s3"):
            raise ValueError("customer_key is for az:// and s3://, kms_key for s3://")
        if self.endpoint:
            url.check_endpoint(self.endpoint)
            if self.auth == "identity" and not url.is_platform(self.endpoint):
                raise ValueError(
                    "an identity's token is only sent to the platform's own hosts; for this "
                    "endpoint use a SAS or a key"
                )
        return self
