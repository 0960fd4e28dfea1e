"""The one telemeter of a process for each place that traces and metrics are sent to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.secrecy import redact
from impasto.telemetry.telemeter import LOGGER, Telemeter

if TYPE_CHECKING:
    from impasto.schema.telemetry import Telemetry

_NONE = Telemeter()
_open: dict[Telemetry, Telemeter] = {}
_opening = threading.Lock()


def telemeter(where: Telemetry | None, *, quiet: bool = False) -> Telemeter:
    """Return what sends this process's traces and metrics; it never raises.

    Args:
        where: where to; None is nowhere.
        quiet: whether nobody is told if that fails, as another process tells it.
    """
    if where is None:
        return _NONE
    with _opening:
        if where not in _open:
            _open[where] = _opened(where, quiet=quiet)
        return _open[where]


def _opened(where: Telemetry, *, quiet: bool) -> Telemeter:
    try:
        from impasto.telemetry.sdk import SdkTelemeter

        return SdkTelemeter(where, quiet=quiet)
    except ImportError as error:
        extra = "otel" if where.exporter == "otlp" else "azure-monitor"
        why = f"{error.name} is not installed; `pip install impasto[{extra}]`"
    except BadInput as error:
        why = error.fact
    except Exception as error:  # noqa: BLE001 (no job fails because it cannot be watched)
        why = " ".join(str(error).split())
    if not quiet:
        LOGGER.warning("nothing is sent: %s", redact(why))
    return _NONE
