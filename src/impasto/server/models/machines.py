"""Where jobs are scored, as the API shows it."""

from __future__ import annotations

from pydantic import Field

from impasto.schema.base import Frozen


class Machine(Frozen):
    """A machine, of a cluster or this one.

    Attributes:
        name: of the machine.
        cpus: cores.
        gpus: CUDA devices.
        cpus_used: cores that are taken.
        gpus_used: devices that are taken.
        head: whether it runs the cluster's own services.
    """

    name: str
    cpus: float
    gpus: float = 0
    cpus_used: float = 0
    gpus_used: float = 0
    head: bool = False


class ClusterView(Frozen):
    """Where jobs are scored.

    Attributes:
        engine: local or ray.
        machines: the machines that are up.
        starting: machines that the autoscaler has asked for.
        workers: workers that score.
        waiting: workers that wait for a machine.
        waits_for: what the autoscaler waits for, one line each.
        problems: why machines did not start, one line each.
        error: why the cluster does not answer; "" if it does.
    """

    engine: str
    machines: list[Machine] = Field(default_factory=list)
    starting: int = 0
    workers: int = 0
    waiting: int = 0
    waits_for: list[str] = Field(default_factory=list)
    problems: list[str] = Field(default_factory=list)
    error: str = ""
