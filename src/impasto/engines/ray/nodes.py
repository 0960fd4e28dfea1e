"""The machines of the cluster, as Ray lists them now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ray

if TYPE_CHECKING:
    from impasto.engines.ray.remote_worker import RemoteWorker
    from impasto.engines.ray.share import Share


def with_room(share: Share) -> set[str]:
    """Return the ids of the machines that have room for a worker when they are idle."""
    nodes: list[dict[str, Any]] = ray.nodes()
    totals = {node["NodeID"]: node["Resources"] for node in nodes if node["Alive"]}
    return {
        node for node, has in totals.items() if share.fitting(has.get("CPU", 0), has.get("GPU", 0))
    }


def lost(worker: RemoteWorker) -> bool:
    """Return whether a worker's machine was taken away."""
    if not worker.placed:
        return "node has died" in str(worker.gone)
    return all(node["NodeID"] != worker.node or not node["Alive"] for node in ray.nodes())
