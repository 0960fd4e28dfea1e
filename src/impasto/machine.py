"""What this machine has: processors, memory, devices; and which device a process is given."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


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


def uses_cuda(device: str) -> bool:
    """Tell whether a device is CUDA; of ``auto``, whether this machine has one."""
    return device == "cuda" or (device == "auto" and cuda_devices() > 0)


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


def machine_memory() -> int:
    """Return the bytes of memory that this machine, or the container around us, has."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            found.append(int(Path("/sys/fs/cgroup", name).read_text()))
    return min(found)
