"""This machine's processors, memory, devices and streams, and the choice of a process's device."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def cpu_isa() -> str:
    """Return the instruction set that oneDNN is limited to, in capitals, or ""."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()


def cuda_devices() -> int:
    """Count the CUDA devices that this process may use, without a library that is slow to load."""
    present = [path for path in Path("/dev").glob("nvidia*") if path.name[6:].isdigit()]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return len(present)
    return min(len(present), len([name for name in visible.split(",") if name.strip("- ")]))


def uses_cuda(device: str) -> bool:
    """Return whether a device is CUDA; for ``auto``, whether this machine has a CUDA device."""
    return device == "cuda" or (device == "auto" and cuda_devices() > 0)


def own_device(device: str) -> str:
    """Restrict this process to one device, whichever library asks for a device.

    Must be called before CUDA is used.

    Args:
        device: ``cpu``, or ``cuda:<n>`` in the numbering that this process was started with.

    Returns:
        The device's name from now on.
    """
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return device
    number = int(device.removeprefix("cuda:"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(n) for n in range(number + 1)]
    os.environ["CUDA_VISIBLE_DEVICES"] = names[number].strip()
    return "cuda:0"


def open_standard_streams() -> None:
    """Open the standard streams that are closed, so that nothing else takes their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Opening takes the lowest number that is free, which is this one.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)


def machine_memory() -> int:
    """Return the memory of this machine, or of the container that this runs in, in bytes."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            found.append(int(Path("/sys/fs/cgroup", name).read_text()))
    return min(found)
