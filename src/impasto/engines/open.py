"""The choice of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.engines.process import probable_kind, stop_spare
from impasto.engines.ray.environment import configure_ray
from impasto.errors import BadInput
from impasto.schema.job import JobSpec
from impasto.settings import Settings

if TYPE_CHECKING:
    from impasto.engines.base import Control, Engine
    from impasto.engines.warm import WarmWorkers
    from impasto.storage.stores import Stores


def open_engine(
    settings: Settings,
    spec: JobSpec,
    control: Control,
    stores: Stores,
    warm: WarmWorkers | None = None,
) -> Engine:
    """Choose the engine that the settings name; nothing starts before its context is entered.

    Args:
        settings: how jobs run here.
        spec: the job; its scripts are sent to a cluster's machines.
        control: how the caller watches and stops the engine.
        stores: the driver's stores. Workers on this machine receive their signatures, which no
            `Task` holds.
        warm: keeps workers of the local engine from one job to the next.

    Raises:
        BadInput: the settings contradict each other, or the engine is not installed.
    """
    if settings.engine == "ray":
        # It was started before the settings were known.
        stop_spare()
        # Ray reads its environment when it is first imported.
        configure_ray()
        try:
            from impasto.engines.ray.engine import RayEngine
        except ModuleNotFoundError:
            raise BadInput("`engine=ray`: needs Ray", "run pip install 'impasto[ray]'") from None
        return RayEngine(settings, control, spec, stores)
    if settings.engine == "inline":
        stop_spare()
        from impasto.engines.inline import InlineEngine

        return InlineEngine(settings, control, spec, stores)
    from impasto.engines.local import LocalEngine
    from impasto.engines.warm import key_of

    kind = probable_kind(spec.scorer, spec.source, spec.items)
    signatures = stores.signatures
    key = key_of(spec, settings, signatures, kind) if warm else ""
    return LocalEngine(settings, control, signatures, kind, warm, key)
