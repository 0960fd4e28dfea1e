"""Where jobs live and how they run: flags, then the environment, then a config file.

The only reader of the environment. Settings never change what a job's output is.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from platformdirs import user_config_dir, user_data_dir
from pydantic import Field

from impasto.errors import BadInput
from impasto.spec import Frozen, parse

CONFIG_FILE = "impasto.toml"


class Settings(Frozen):
    """How jobs run here.

    Attributes:
        home: URL or path of the folder that holds the jobs.
        workers: worker processes; None is one a device, or one a core without devices.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    home: str = Field(default_factory=lambda: user_data_dir("impasto"))
    workers: int | None = Field(default=None, ge=1)
    device: str = Field(default="auto", pattern="^(auto|cpu|cuda)$")


def load(**flags: object) -> Settings:
    """Merge the flags that are not None over IMPASTO_* variables over the config file.

    Raises:
        BadInput: a value is wrong, or the config file cannot be read.
    """
    named = {
        name: value
        for name in Settings.model_fields
        if (value := os.environ.get(f"IMPASTO_{name.upper()}"))
    }
    given = {name: value for name, value in flags.items() if value is not None}
    remedy = f"correct the flag, the IMPASTO_ variable or {CONFIG_FILE}"
    return parse(Settings, {**_config(), **named, **given}, remedy)


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


def _config() -> dict[str, object]:
    for folder in (Path.cwd(), Path(user_config_dir("impasto"))):
        path = folder / CONFIG_FILE
        try:
            return tomllib.loads(path.read_text())
        except FileNotFoundError:
            continue
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise BadInput(f"{path}: {error}; correct or remove the file") from None
    return {}
