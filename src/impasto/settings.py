"""Where jobs live, how they run and how stores are reached: flags, environment, config file.

The only reader of the environment. Settings never change what a job's output is.
"""

from __future__ import annotations

import os
import re
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

from platformdirs import user_config_dir, user_data_dir
from pydantic import ByteSize, Field, field_validator, model_validator

from impasto.errors import BadInput
from impasto.schema import Frozen, parse, url
from impasto.secrecy import remember

CONFIG_FILE = "impasto.toml"
_BARE = threading.Lock()
_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]{0,63}")

Auth = Literal["identity", "sas", "key", "connection_string", "anonymous"]


class StoreProfile(Frozen):
    """How one store is reached; names the variables that hold secrets, never the secrets.

    Attributes:
        url: what it serves: all URLs that begin with this one, such as ``az://media``.
        role: ``data``, which outsiders may reach, or ``control``, which they never may.
        auth: how to prove who asks; ``identity`` is the platform's own chain of sign-ins.
        secret: the environment variable that holds the SAS, key or connection string.
        key_id: the one that holds the id that goes with an S3 key.
        account: the Azure storage account.
        endpoint: where the service answers, when that is not the public one.
        region: of an S3 bucket.
        ca: file of PEM certificates to trust besides the system's.
        customer_key: the variable that holds 32 bytes in base64 with which the service encrypts
            what it stores; it keeps no copy.
        kms_key: id of an S3 key in AWS KMS with which it encrypts.
    """

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
            raise ValueError("is no name of an environment variable; never write a secret here")
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
            raise ValueError("url needs az://, s3:// or gs://; a folder needs no profile")
        if self.auth in {"sas", "connection_string"} and place.scheme != "az":
            raise ValueError(f"auth {self.auth} is for Azure alone")
        if needs_secret != bool(self.secret):
            raise ValueError(
                f"auth {self.auth} {'needs' if needs_secret else 'takes no'} secret, "
                "the name of an environment variable"
            )
        if (self.auth == "key" and place.scheme == "s3") != bool(self.key_id):
            raise ValueError("key_id goes with auth key of s3://, and only there")
        if (self.customer_key and place.scheme == "gs") or (self.kms_key and place.scheme != "s3"):
            raise ValueError("customer_key is for az:// and s3://, kms_key for s3://")
        if self.endpoint:
            url.check_endpoint(self.endpoint)
            if self.auth == "identity" and not url.is_platform(self.endpoint):
                raise ValueError(
                    "an identity's token goes to the platform's own hosts alone; for this endpoint "
                    "use a SAS or a key"
                )
        return self


class WorkerRange(Frozen):
    """How many workers a job may have; written ``4``, ``2:8``, ``2:`` or ``:8``.

    Attributes:
        least: workers that are kept even while no shard waits for them.
        most: workers at most; None is as many as there are devices, cores or machines for.
    """

    least: int = Field(default=0, ge=0)
    most: int | None = Field(default=None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: object) -> object:
        if not isinstance(value, str | int):
            return value
        match = re.fullmatch(r"(?:(\d+)?(:))?(\d+)?", str(value))
        if match is None or not (match[1] or match[3]):
            raise ValueError("is no number, and no range such as 0:8")
        if match[3] and int(match[3]) < 1:
            raise ValueError("has a maximum of none")
        return {"least": match[1] or 0, "most": match[3]}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.most is not None and self.least > self.most:
            raise ValueError("has a minimum above its maximum")
        return self

    def __str__(self) -> str:
        return f"{self.least}:{'' if self.most is None else self.most}"


class Settings(Frozen):
    """How jobs run here.

    Attributes:
        home: URL or path of the folder that holds the jobs.
        engine: what runs workers: ``local``, this machine, or ``ray``, a cluster.
        workers: how many; None is one a device, or one a core without devices.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory: bytes that a worker may hold, a number or such as ``8GB``; None is most of the
            machine's.
        address: the cluster's: ``auto`` or HOST:PORT of its head for a driver on one of its
            machines, http(s)://HOST:PORT of its dashboard for all others; None starts a
            cluster on this machine, for as long as the job runs.
        gpus_per_worker: which part of one of the cluster's GPUs a worker takes, 1 for all of it;
            None is 1 where there are GPUs.
        cpus_per_worker: cores of the cluster that a worker takes.
        speculate: whether idle workers of a cluster try the shards again that take far longer
            than the others.
        stores: how object stores are reached, by a name for people.
    """

    home: str = Field(default_factory=lambda: user_data_dir("impasto"))
    engine: Literal["local", "ray"] = "local"
    workers: WorkerRange = WorkerRange()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    memory: ByteSize | None = Field(default=None, ge=1 << 20)
    address: str | None = None
    gpus_per_worker: float | None = Field(default=None, ge=0, multiple_of=0.01)
    cpus_per_worker: int = Field(default=1, ge=1, le=1024)
    speculate: bool = False
    stores: dict[str, StoreProfile] = Field(default_factory=dict)

    @field_validator("address")
    @classmethod
    def _reachable(cls, address: str | None) -> str | None:
        if address and not re.fullmatch(r"auto|https?://\S+|[^\s/:]+:\d{1,5}", address):
            raise ValueError("is neither auto, nor HOST:PORT, nor http(s)://HOST:PORT")
        return address

    @field_validator("gpus_per_worker")
    @classmethod
    def _one_at_most(cls, gpus: float | None) -> float | None:
        if gpus is not None and gpus > 1:
            raise ValueError("is more than 1, and a worker uses one GPU, or a part of one")
        return gpus

    @field_validator("home")
    @classmethod
    def _without_signature(cls, home: str) -> str:
        return url.normal(home)


def load(config: str | None = None, **flags: object) -> Settings:
    """Merge the flags that are not None over IMPASTO_* variables over the config file.

    Args:
        config: the config file; None takes IMPASTO_CONFIG, else ``impasto.toml`` in the working
            folder, else in the user's configuration folder.
        flags: values of settings.

    Raises:
        BadInput: a value is wrong, or the config file cannot be read.
    """
    named = {
        name: value
        for name in Settings.model_fields.keys() - {"stores"}
        if (value := os.environ.get(f"IMPASTO_{name.upper()}"))
    }
    given = {name: value for name, value in flags.items() if value is not None}
    remedy = f"correct the flag, the IMPASTO_ variable or {CONFIG_FILE}"
    return parse(Settings, {**_config(config), **named, **given}, remedy)


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


def secret(name: str) -> str:
    """Return the secret in an environment variable, which is hidden from then on.

    Raises:
        BadInput: it is not set.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise BadInput(
            f"environment variable {name}: is not set, and {CONFIG_FILE} names it; "
            "set it in the environment"
        )
    return remember(value)


def configure_ray() -> None:
    """Prepare this process's environment for Ray: token authentication unless it is refused.

    Ray reads these when it is first imported. Nothing that is set already is changed.
    """
    os.environ.update(
        {
            "RAY_AUTH_MODE": "token",
            "RAY_USAGE_STATS_ENABLED": "0",
            # A worker with no GPU of its own must see none.
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
        }
        | os.environ
    )


def ray_token() -> Path | None:
    """Return the file that holds this user's token for Ray; None when it is not looked at."""
    named = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    if named or os.environ.get("RAY_AUTH_MODE", "token") != "token":
        return None
    return Path.home() / ".ray" / "auth_token"


def cpu_isa() -> str:
    """Return the instruction set that oneDNN is held to, in capitals, or ""."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()


def cuda_devices() -> int:
    """Count the CUDA devices that this process may use, without a library that takes seconds."""
    present = [path for path in Path("/dev").glob("nvidia*") if path.name[6:].isdigit()]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return len(present)
    return min(len(present), len([name for name in visible.split(",") if name.strip("- ")]))


def own_device(device: str) -> str:
    """Leave this process the one device that it is given, whatever library asks for one.

    Must be called before CUDA is used.

    Args:
        device: ``cpu``, or ``cuda:<n>`` as this process was started to count.

    Returns:
        What the device is called from now on.
    """
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return device
    number = int(device.removeprefix("cuda:"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(n) for n in range(number + 1)]
    os.environ["CUDA_VISIBLE_DEVICES"] = names[number].strip()
    return "cuda:0"


def _config(named: str | None) -> dict[str, object]:
    named = named or os.environ.get("IMPASTO_CONFIG")
    paths = [Path(named)] if named else []
    # Relative, since the working folder may have been removed.
    folders = () if named else (Path(), Path(user_config_dir("impasto")))
    for path in (*paths, *(folder / CONFIG_FILE for folder in folders)):
        try:
            return _rooted(tomllib.loads(path.read_text()), path.parent)
        except FileNotFoundError:
            if named:
                raise BadInput(f"{path}: no such config file; check the path") from None
        except (OSError, ValueError) as error:
            raise BadInput(f"{path}: {error}; correct or remove the file") from None
    return {}


def _rooted(config: dict[str, object], folder: Path) -> dict[str, object]:
    """Make the paths of certificates absolute: they count from the config file."""
    stores = config.get("stores")
    for profile in stores.values() if isinstance(stores, dict) else ():
        if isinstance(profile, dict) and isinstance(profile.get("ca"), str):
            profile["ca"] = str((folder / profile["ca"]).absolute())
    return config
