"""Settings from flags, environment and config file: where jobs live, how they run, their stores.

Settings never change a job's output.
"""

from __future__ import annotations

import os
import re
import threading
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal, Self

from platformdirs import user_config_dir, user_data_dir
from pydantic import ByteSize, Field, field_validator, model_validator

from impasto.errors import BadInput
from impasto.schema import url
from impasto.schema.base import Frozen, parse
from impasto.schema.profile import StoreProfile
from impasto.schema.refusal import reference
from impasto.schema.signatures import Signatures, Signed
from impasto.schema.telemetry import Telemetry
from impasto.secrecy import remember_all

CONFIG_FILE = "impasto.toml"
OTHER_TABLES = ("watch", "rules", "serve", "tenants")
"""Tables of the config file that only a watcher or the service reads (`impasto.watch.rules`,
`impasto.server.config`)."""
_BARE = r"https?://[^\s@?#]+"
"""A URL that holds no secret."""
_OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"
ENVIRONMENT = threading.RLock()
"""Held while variables are hidden from a store's client; taken by what reads them meanwhile, or
starts a process that inherits them."""


class WorkerRange(Frozen):
    """How many workers a job may have; written ``4``, ``2:8``, ``2:`` or ``:8``.

    Attributes:
        least: workers to keep even while no shard waits for them.
        most: maximum number of workers; None is as many as devices, cores or machines allow.
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
            raise ValueError("is neither a number nor a range such as 0:8")
        if match[3] and int(match[3]) < 1:
            raise ValueError("must be 1 at least")
        return {"least": match[1] or 0, "most": match[3]}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.most is not None and self.least > self.most:
            raise ValueError("has a minimum above its maximum")
        return self

    def __str__(self) -> str:
        return f"{self.least}:{'' if self.most is None else self.most}"


class Settings(Signed):
    """How jobs run here.

    Attributes:
        home: URL or path of the folder that holds the jobs.
        engine: where items are scored: ``local``, in worker processes on this machine; ``ray``, in
            those of a cluster; ``inline``, in this process, for a debugger.
        workers: how many; by default one per device, or one per core without devices.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory: bytes that a worker may hold, as a number or in a form such as ``8GB``; None is most
            of the machine's memory.
        address: the cluster's address: ``auto`` or HOST:PORT of its head for a driver on one of its
            machines, http(s)://HOST:PORT of its dashboard for all others; None starts a cluster on
            this machine, for as long as the job runs.
        gpus_per_worker: the part of one of the cluster's GPUs that a worker takes, 1 for all of it;
            None is 1 where there are GPUs.
        cpus_per_worker: cores of the cluster that one worker takes.
        speculate: whether idle workers of a cluster also try the shards that take far longer than
            the others.
        telemetry: where traces and metrics go: URL of a collector for OTLP over HTTP;
            ``azure-monitor``; ``off``; or "", which leaves it to the variables OTEL_*.
        log: how a driver, a watcher and the service tell of their work: ``text`` for people, or
            ``json``, one line per event on stdout.
        previews: whether workers leave small pictures of what they score in the job, to be looked
            at while it runs.
        stores: how object stores are reached, by a name for people.
    """

    NOUN: ClassVar[str] = "setting"
    URLS: ClassVar[tuple[str, ...]] = ("home",)

    home: str = Field(default_factory=lambda: user_data_dir("impasto"))
    engine: Literal["local", "ray", "inline"] = "local"
    workers: WorkerRange = WorkerRange()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    memory: ByteSize | None = Field(default=None, ge=1 << 20)
    address: str | None = None
    gpus_per_worker: float | None = Field(default=None, ge=0, multiple_of=0.01)
    cpus_per_worker: int = Field(default=1, ge=1, le=1024)
    speculate: bool = False
    telemetry: str = ""
    log: Literal["text", "json"] = "text"
    previews: bool = True
    stores: dict[str, StoreProfile] = Field(default_factory=dict)

    @field_validator("address")
    @classmethod
    def _reachable(cls, address: str | None) -> str | None:
        if address and not re.fullmatch(r"auto|https?://\S+|[^\s/:]+:\d{1,5}", address):
            raise ValueError("is neither auto, nor HOST:PORT, nor http(s)://HOST:PORT")
        return address

    @field_validator("telemetry")
    @classmethod
    def _bare(cls, telemetry: str) -> str:
        # It travels to workers, and is logged.
        if telemetry and not re.fullmatch(rf"off|azure-monitor|{_BARE}", telemetry):
            raise ValueError("is neither off, nor azure-monitor, nor http(s)://HOST:PORT")
        return telemetry

    @field_validator("gpus_per_worker")
    @classmethod
    def _one_at_most(cls, gpus: float | None) -> float | None:
        if gpus is not None and gpus > 1:
            raise ValueError("is more than 1, but a worker uses one GPU or a part of one")
        return gpus

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: str) -> str:
        return url.normal(home)

    @model_validator(mode="after")
    def _secret(self) -> Self:
        """Hide what the stores' variables hold, before anything can print it."""
        hide_secrets(self.stores.values())
        return self

    @property
    def signatures(self) -> Signatures:
        """The signatures that came with the URLs of the home and the stores."""
        found = Signatures()
        for profile in self.stores.values():
            found |= profile.signatures
        return found | super().signatures


def load(config: str | None = None, **flags: object) -> Settings:
    """Merge settings: flags override IMPASTO_* variables, which override the config file.

    Args:
        config: the config file; None takes IMPASTO_CONFIG, else ``impasto.toml`` in the working
            folder, else in the user's configuration folder.
        flags: values of settings; None is a flag that is not given.

    Raises:
        BadInput: a value is wrong, or the config file cannot be read.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    variables = {
        name: value
        for name in Settings.model_fields.keys() - {"stores"}
        if (value := os.environ.get(f"IMPASTO_{name.upper()}"))
    }
    file = config_file(config)

    def named(path: list[str], value: str) -> str:
        if path[0] in given:
            return reference(path, value)
        shown = f"={value}" if value else ""
        if path[0] in variables:
            return f"IMPASTO_{path[0].upper()}{shown}"
        return f"{file}: {'.'.join(path)}{shown}"

    return parse(Settings, {**_config(config), **variables, **given}, named=named)


def config_file(named: str | None = None) -> Path | None:
    """Return the config file that `load` reads, whether or not it can; None where there is none."""
    named = named or os.environ.get("IMPASTO_CONFIG")
    if named:
        return Path(named)
    # Relative, since the working folder may have been removed.
    paths = (folder / CONFIG_FILE for folder in (Path(), Path(user_config_dir("impasto"))))
    return next((path for path in paths if _may_be_there(path)), None)


def _may_be_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # Whoever reads it will say why that fails.
        return True


def otlp_is_set() -> bool:
    """Return whether this process's own environment says where OTLP goes."""
    names = (_OTLP, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
    return any(os.environ.get(name) for name in names)


def telemetry(chosen: str) -> Telemetry | None:
    """Return where traces and metrics of this process go; None is nowhere.

    Args:
        chosen: the setting.
    """
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or chosen == "off" or not (chosen or otlp_is_set()):
        return None
    azure = chosen == "azure-monitor"
    endpoint = "" if azure else chosen or os.environ.get(_OTLP, "")
    return Telemetry(
        exporter="azure-monitor" if azure else "otlp",
        endpoint=endpoint if re.fullmatch(_BARE, endpoint) else "",
        service=os.environ.get("OTEL_SERVICE_NAME", "").strip()[:100] or "impasto",
        traces=os.environ.get("OTEL_TRACES_EXPORTER", "").lower() != "none",
        metrics=os.environ.get("OTEL_METRICS_EXPORTER", "").lower() != "none",
    )


def secret(name: str) -> str:
    """Return the secret in an environment variable, and hide it from then on.

    Raises:
        BadInput: it is not set.
    """
    with ENVIRONMENT:
        value = os.environ.get(name, "").strip()
    if not value:
        raise BadInput(
            f"environment variable {name}: is not set, but {CONFIG_FILE} names it",
            "set it in the environment",
        )
    return remember_all(value)


def hide_secrets(profiles: Iterable[StoreProfile]) -> None:
    """Hide the secrets in the variables that profiles name, whether or not they are ever used."""
    for profile in profiles:
        for name in filter(None, (profile.secret, profile.key_id, profile.customer_key)):
            remember_all(os.environ.get(name, "").strip())


def _config(named: str | None) -> dict[str, object]:
    path = config_file(named)
    if path is None:
        return {}
    config = _rooted(read_config(path), path.parent)
    return {name: value for name, value in config.items() if name not in OTHER_TABLES}


def read_config(path: Path) -> dict[str, object]:
    """Return all that a config file holds, unchecked; raises BadInput if it cannot be read."""
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise BadInput(f"{path}: no such config file", "check the path") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {error}", "correct or remove the file") from None


def _rooted(config: dict[str, object], folder: Path) -> dict[str, object]:
    """Make the home and certificates' paths absolute: they are relative to the config file."""
    home = config.get("home")
    if isinstance(home, str) and home and "://" not in home and not home.startswith("~"):
        config["home"] = os.path.abspath(folder / home)  # noqa: PTH100 (keeps links)
    stores = config.get("stores")
    for profile in stores.values() if isinstance(stores, dict) else ():
        if isinstance(profile, dict) and isinstance(profile.get("ca"), str):
            profile["ca"] = str((folder / profile["ca"]).absolute())
    return config
