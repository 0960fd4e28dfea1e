"""The machine on which a number was measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch


def facts() -> str:
    """Describe the processor, its vector units, the device and PyTorch, in one line."""
    parts = [
        f"{processor()}, {len(os.sched_getaffinity(0))} cores",
        vector_units(),
        torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU",
        f"PyTorch {torch.__version__}, Python {platform.python_version()}",
    ]
    return "; ".join(parts)


def processor() -> str:
    """Name the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def vector_units() -> str:
    """Name the widest vector unit that PyTorch uses, and whether there are matrix units."""
    amx = "AMX" if torch.cpu._is_amx_tile_supported() else "no AMX"
    return f"{torch.backends.cpu.get_cpu_capability()}, {amx}"


if __name__ == "__main__":
    print(facts())
