"""The state of a cluster and of the jobs submitted to it, as its dashboard reports it; pure."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from impasto.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterable

ACTOR = "WorkerActor"
"""Ray's name for Impasto's workers."""
RECENT = timedelta(seconds=60)
"""Maximum age of a warning of the autoscaler; it repeats those that still hold."""
_ID = re.compile(r"([0-9a-f]{12})-a(\d+)")
_CANCELLED = re.compile(r"job [0-9a-f]{12}: (was )?cancelled\b")
"""The message of a driver whose job was cancelled; one that was killed has the same exit code."""

Row = dict[str, Any]
State = Literal["waiting", "running", "done", "failed", "cancelled", "stopped"]
_STATES: dict[str, State] = {
    "PENDING": "waiting",
    "RUNNING": "running",
    "SUCCEEDED": "done",
    "FAILED": "failed",
    "STOPPED": "stopped",
}


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """The resources that a machine has, or a worker takes."""

    cpus: float
    gpus: float = 0

    def fits(self, room: Size) -> bool:
        """Return whether there is room for it, when nothing else is there."""
        return self.cpus <= room.cpus and self.gpus <= room.gpus

    def __str__(self) -> str:
        parts = [f"{self.cpus:g} core{'' if self.cpus == 1 else 's'}"] if self.cpus else []
        if self.gpus:
            parts.append(f"{self.gpus:g} GPU{'s' if self.gpus > 1 else ''}")
        return " and ".join(parts) or "no cores"


@dataclass(frozen=True, slots=True)
class Node:
    """One machine that is up.

    Attributes:
        name: of the machine.
        has: its resources.
        taken: what Impasto's workers take of them.
        head: whether it runs the cluster's own services.
    """

    name: str
    has: Size
    taken: Size
    head: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of a cluster.

    Attributes:
        version: of Ray.
        head: resources of the machine that runs the cluster's own services; None when it is gone.
        machines: resources of each other machine that is up.
        starting: machines that the autoscaler has asked for.
        failures: why machines recently did not start.
        running: Impasto's workers that have a machine.
        waiting: those that wait for one, by what they take.
        impossible: sizes for which the autoscaler says that it can start no machine.
        used: cores and GPUs that are taken.
        total: cores and GPUs that exist.
        nodes: each machine that is up, the head first.
    """

    version: str
    head: Size | None
    machines: tuple[Size, ...]
    starting: int
    failures: tuple[str, ...]
    running: int
    waiting: dict[Size, int]
    impossible: frozenset[Size]
    used: Size
    total: Size
    nodes: tuple[Node, ...] = ()

    def why(self, size: Size) -> str:
        """Say why a worker of this size waits."""
        has = any(size.fits(room) for room in self.machines)
        if size in self.impossible:
            if has:
                return "all are in use, and the autoscaler may not start another"
            return "no kind of machine that the autoscaler may start has that"
        if self.starting:
            return f"{self.starting} machine{'s are' if self.starting > 1 else ' is'} starting"
        return "all are in use" if has else "no machine in the cluster has that"

    def waits(self) -> list[str]:
        """Say which workers wait for which machines, and why, one line per size."""
        return [
            f"{count} worker{'s wait' if count > 1 else ' waits'} for a machine with {size}; "
            f"{self.why(size)}"
            for size, count in sorted(self.waiting.items())
        ]


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission of a job to a cluster.

    Attributes:
        job: the job's id.
        number: the number of the submission, from 1.
        state: the state of its driver; ``cancelled`` when it ended because its job was cancelled,
            ``stopped`` when Ray was asked to end it.
        home: URL of the home of the job's folder.
        message: its driver's last message, when it failed or was cancelled.
    """

    job: str
    number: int
    state: State
    home: str
    message: str = ""

    @property
    def id(self) -> str:
        """Ray's name for it."""
        return f"{self.job}-a{self.number}"

    @property
    def open(self) -> bool:
        """Whether its driver runs, or will."""
        return self.state in {"waiting", "running"}


def facts(
    version: str, nodes: Iterable[Row], actors: Iterable[Row], events: Iterable[Row], report: str
) -> Facts:
    """Combine the dashboard's answers.

    Args:
        version: of Ray.
        nodes: rows of its list of live nodes.
        actors: rows of its list of live actors.
        events: rows of its list of events.
        report: the autoscaler's report for people; its other form is empty in newer autoscalers.
    """
    rows = [*nodes]
    known = [(bool(node["is_head_node"]), _size(node["resources_total"])) for node in rows]
    ours = [actor for actor in actors if actor["class_name"] == ACTOR]
    waits = [_size(it["required_resources"]) for it in ours if it["state"] != "ALIVE"]
    taken = re.findall(r"^ ([\d.]+)/[\d.]+ (CPU|GPU)\b", report, re.M)
    return Facts(
        version=version,
        head=next((size for head, size in known if head), None),
        machines=tuple(sorted(size for head, size in known if not head)),
        starting=sum(map(_launches, _section(report, "Pending"))),
        failures=tuple(_section(report, "Recent failures")),
        running=len(ours) - len(waits),
        waiting=dict(Counter(waits)),
        impossible=frozenset(_impossible(events, report)),
        used=_size({name: float(used) for used, name in taken}),
        total=Size(sum(size.cpus for _, size in known), sum(size.gpus for _, size in known)),
        nodes=_nodes(rows, ours),
    )


def _nodes(rows: Iterable[Row], ours: Iterable[Row]) -> tuple[Node, ...]:
    """Return the machines that are up, the head first, and what workers take of each."""
    taken: dict[str, Size] = {}
    for actor in ours:
        if actor["state"] == "ALIVE" and (node := actor.get("node_id")):
            size, so_far = _size(actor["required_resources"]), taken.get(node, Size(0))
            taken[node] = Size(so_far.cpus + size.cpus, so_far.gpus + size.gpus)
    found = [
        Node(
            name=str(row.get("node_name") or row.get("node_ip") or "")[:200],
            has=_size(row["resources_total"]),
            taken=taken.get(row.get("node_id", ""), Size(0)),
            head=bool(row["is_head_node"]),
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda node: (not node.head, node.name)))


def submission(job: Any) -> Submission | None:
    """Describe one of Ray's `JobDetails`; return None when it is not a job of Impasto's."""
    match = _ID.fullmatch(job.submission_id or "")
    home = (job.metadata or {}).get("home")
    if not match or home is None:
        return None
    state = _STATES[job.status.value]
    lines = (job.message or "").strip().splitlines()
    if not lines or state not in {"failed", "waiting"}:
        return Submission(match[1], int(match[2]), state, home)
    # Ray hands over a driver's exit code and the end of its output, as text: its last line is the
    # error as the command line printed it, and nothing else says what a driver ended with.
    message = lines[-1].removeprefix("impasto: ")
    if job.driver_exit_code == Interrupted.exit_code and _CANCELLED.match(message):
        state = "cancelled"
    return Submission(match[1], int(match[2]), state, home, message)


def _size(resources: Row | None) -> Size:
    resources = resources or {}
    return Size(resources.get("CPU", 0), resources.get("GPU", 0))


def _section(report: str, title: str) -> list[str]:
    """Return the lines below a title of the autoscaler's report."""
    match = re.search(rf"^{title}:\n((?: .*\n)*)", report, re.M)
    lines = match[1].splitlines() if match else []
    return [line.strip() for line in lines if not line.startswith(" (no ")]


def _launches(line: str) -> int:
    match = re.search(r", (\d+) launching$", line)
    return int(match[1]) if match else 1


def _impossible(events: Iterable[Row], report: str) -> set[Size]:
    """Read the autoscaler's last warning, if it came just before its report."""
    match = re.search(r"Autoscaler status: (\S+ [\d:]+)", report)
    warnings = [
        (datetime.fromisoformat(event["time"]), str(event["message"]))
        for event in events
        if event["severity"] == "WARNING" and "No available node types" in event["message"]
    ]
    if not warnings or not match:
        return set()
    time, message = max(warnings)
    if datetime.fromisoformat(match[1]) - time > RECENT:
        return set()
    return {_size(ast.literal_eval(found)) for found in re.findall(r"\{[^{}]*\}", message)}
