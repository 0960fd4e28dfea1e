"""The resources of this machine: processors, codecs, memory and disk."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from impasto.doctor.check import Check, State
from impasto.machine import cpu_isa, cuda_devices
from impasto.schema.url import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from impasto.settings import Settings

GB = 10**9
WORKER = 1 * GB
"""Approximate bytes of memory that a worker takes."""
SPARE = 2 * GB
"""Bytes of free disk below which a job may fail to finish."""
EXTRAS = {
    "tables": ("pandas", "pyarrow"),
    "mlflow": ("mlflow",),
    "onnx": ("onnxruntime",),
    "models": ("spandrel",),
    "flow": ("cv2",),
    "plot": ("matplotlib",),
    "h5": ("h5py",),
    "azure": ("azure.identity", "azure.storage.blob"),
    "s3": ("boto3",),
    "gcs": ("google.auth", "requests"),
    "ray": ("ray",),
    "service": ("fastapi", "jwt", "prometheus_client", "uvicorn"),
    "otel": ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"),
    "azure-monitor": ("azure.monitor.opentelemetry.exporter",),
    "demo": ("skvideo",),
}
"""The modules that each extra of this package brings."""
SUBTITLES = ("mov_text", "subrip")
"""Encoders of the subtitles that a container requires in its own form."""


def check_machine(settings: Settings, config: Path | None) -> Iterator[Check]:
    """Check this machine, and name the config file that the settings are from."""
    import torch

    yield _check("settings", "ok", f"from {config.absolute()}" if config else "no config file")
    words = f"impasto {version('impasto')}, Python {platform.python_version()}"
    yield _check("version", "ok", f"{words}, torch {torch.__version__}")
    cores = len(os.sched_getaffinity(0))
    held = f", limited to {cpu_isa()}" if cpu_isa() else ""
    isa = torch.backends.cpu.get_cpu_capability()
    yield _check("cpu", "ok", f"{cores} core{'s' if cores != 1 else ''}, {isa}{held}")
    yield _cuda(settings)
    yield _codecs()
    yield _extras()
    on_cuda = settings.device != "cpu" and cuda_devices()
    yield _memory(settings.workers.most or on_cuda or cores)
    yield from _disks(settings)


def _check(item: str, state: State, detail: str, remedy: str = "") -> Check:
    return Check("machine", item, state, detail, remedy)


def _cuda(settings: Settings) -> Check:
    import torch

    count, wanted = cuda_devices(), settings.device
    if not count:
        if wanted == "cuda":
            remedy = "check the driver, or use device = 'cpu'"
            return _check("cuda", "FAIL", "device is set to cuda, and there is none", remedy)
        return _check("cuda", "ok", "no device; workers score on the CPU")
    if torch.cuda.is_available():
        names = {torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())}
        return _check("cuda", "ok", f"{torch.cuda.device_count()} x {', '.join(sorted(names))}")
    fact = f"devices: {count}, but torch {torch.__version__} cannot use them"
    remedy = "install a torch for CUDA and the driver that it needs, or use device = 'cpu'"
    return _check("cuda", "note" if wanted == "cpu" else "FAIL", fact, remedy)


def _codecs() -> Check:
    import av

    from impasto.media.write.encoders import OPTIONS

    words = f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"
    missing = _missing((*OPTIONS, *SUBTITLES))
    if missing:
        remedy = "install PyAV's own wheel: pip install --force-reinstall --only-binary av av"
        return _check("codecs", "FAIL", f"{words} lacks {', '.join(missing)}", remedy)
    return _check("codecs", "ok", f"{words} with {', '.join(OPTIONS)}")


def _extras() -> Check:
    """Say which extras are installed, and how to add the others."""
    lacking = [name for name, modules in EXTRAS.items() if not all(map(_is_installed, modules))]
    words = [f"installed: {', '.join(name for name in EXTRAS if name not in lacking) or 'none'}"]
    if lacking:
        words.append(f"not installed: {', '.join(lacking)}")
    remedy = f"if you need one, run pip install 'impasto[{lacking[0]}]'" if lacking else ""
    return _check("extras", "ok", "; ".join(words), remedy)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _missing(encoders: Iterable[str]) -> list[str]:
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    missing = []
    for name in encoders:
        try:
            Codec(name, "w")
        except UnknownCodecError:
            missing.append(name)
    return missing


def _memory(workers: int) -> Check:
    total, available = _bytes_of_memory()
    words = f"{available / GB:.1f} of {total / GB:.1f} GB available"
    if available < workers * WORKER:
        fact = f"{words}, for {workers} workers of about {WORKER / GB:.0f} GB each"
        return _check("memory", "note", fact, f"use `workers={max(1, available // WORKER)}`")
    return _check("memory", "ok", words)


def _bytes_of_memory() -> tuple[int, int]:
    """Return the bytes of memory, in all and free, of this machine or container."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kilobytes = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
    total, available = kilobytes["MemTotal"] * 1024, kilobytes["MemAvailable"] * 1024
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((group / f"memory.{n}").read_text()) for n in ("max", "current"))
        # Pages of files that were read count as used, but are freed on demand.
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        used -= int(stat["inactive_file"])
    except (OSError, ValueError, KeyError):
        # No container, or one without a limit.
        return total, available
    return min(total, limit), min(available, max(0, limit - used))


def _disks(settings: Settings) -> Iterator[Check]:
    home = parse(settings.home)
    places = {"temp": Path(gettempdir())} | ({"home": home.path} if home.local else {})
    for name, place in places.items():
        there = next(path for path in (place, *place.parents) if path.exists())
        free = shutil.disk_usage(there).free
        words = f"{free / GB:.1f} GB free in {place}"
        if free < SPARE:
            remedy = "make room, or choose another (TMPDIR, home)"
            yield _check(f"disk {name}", "note", words, remedy)
        else:
            yield _check(f"disk {name}", "ok", words)
