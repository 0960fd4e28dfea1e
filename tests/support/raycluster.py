"""A real Ray cluster for the tests: a head and machines, which are process trees of this machine.

Each has its own temporary folder, ports and token, and is identified by a variable in the
environment of its processes. Nothing is ever ended by name.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self
from unittest import mock

import psutil
import trustme

import impasto
from support.command import COMMAND, WORKER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCAL = "127.0.0.1"
MARK = "RAYCLUSTER_MACHINE"
STARTED = "Ray runtime started."
STORE = 80 << 20
CONTROL_KEY = "TEST_CLUSTER_KEY"
"""The variable that holds the key of the control store on its machines."""
# A machine ends, with all that it has started, when its standard input does: it cannot outlive a
# killed test run.
LEASH = (
    "import os, signal, sys, threading; end = lambda: os.kill(os.getpid(), signal.SIGTERM); "
    "threading.Thread(target=lambda: (sys.stdin.read(), end()), daemon=True).start()"
)
HEAD_ID = "f" * 51 + "00000"
"""The id of the head that the provider of fake machines expects."""


class NotStarted(Exception):
    """A head or machine could not be started; the message has its output."""


@dataclass(frozen=True)
class Machine:
    """One machine: a process that started a raylet, and all its descendants.

    Attributes:
        mark: the marker in the environment of its processes.
        process: ``ray start --block``.
        size: the cores and GPUs that it claims to have.
    """

    mark: str
    process: subprocess.Popen[str]
    size: tuple[int, int] = (0, 0)

    @property
    def alive(self) -> bool:
        """Whether it is still running."""
        return self.process.poll() is None

    def processes(self, words: str = "") -> list[psutil.Process]:
        """List its processes, youngest last; only those that have ``words`` in their title."""
        found = {root.pid: root for root in psutil.process_iter() if _marked(root, self.mark)}
        # Ray overwrites the environment of its own workers with titles: they are found by descent.
        for root in [*found.values()]:
            with suppress(psutil.Error):
                found |= {child.pid: child for child in root.children(recursive=True)}
        alive = (found[pid] for pid in sorted(found) if _alive(found[pid]))
        return [each for each in alive if words in _title(each)]

    def workers(self) -> list[psutil.Process]:
        """List its processes that score."""
        return [each for each in self.processes() if _name(each) == WORKER]

    def kill(self) -> None:
        """Kill it at once, as a power failure would."""
        self.process.kill()
        while processes := self.processes():
            for each in processes:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            psutil.wait_procs(processes, 5)
        self.process.wait()


class Cluster:
    """A head without cores, to which machines are added; a context that ends all of them."""

    def __init__(
        self,
        *,
        tls: bool = False,
        scaling: dict[str, int] | None = None,
        dashboard: bool = False,
        env: dict[str, str] | None = None,
        head_env: dict[str, str] | None = None,
    ) -> None:
        """Start a head.

        Args:
            tls: whether all connections are encrypted, with certificates made for it.
            scaling: the resources of one of up to three machines that an autoscaler starts when
                they are needed, and ends soon after.
            dashboard: whether it has one, which takes seconds to start: jobs are submitted to it.
            env: variables that are set on all of its machines, and for commands there.
            head_env: variables that are set on the head alone.

        Raises:
            NotStarted: Ray did not start.
        """
        # Sockets are below it, and their names are limited to 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="rc", dir="/tmp"))
        self.token = self.folder / "token"
        self.token.write_text(secrets.token_hex(32))
        self.env = _environment(self.folder, self.token) | (env or {})
        self.env |= _tls(self.folder) if tls else {}
        self.port, self.dashboard = 0, 0
        self.machines: list[Machine] = []
        self._scaling = scaling
        self._dashboard = dashboard
        try:
            env = (head_env or {}) | (_scaling_env() if scaling else {})
            self.head = self._started(self._head_words, env)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """The head's address, for drivers on this machine."""
        return f"{LOCAL}:{self.port}"

    @property
    def url(self) -> str:
        """The dashboard's URL, for all others."""
        return f"http://{LOCAL}:{self.dashboard}"

    def add_machine(self, cpus: int = 1, gpus: int = 0, *, small: bool = False) -> Machine:
        """Add a machine, which need not have the cores and GPUs that it claims to have.

        Args:
            cpus: cores.
            gpus: GPUs.
            small: whether its Python is in a virtual environment that is quick to copy, as Ray does
                for a job with requirements.
        """
        words = [f"--address={self.address}", f"--num-cpus={cpus}", f"--num-gpus={gpus}"]
        machine = self._started(
            lambda: words, {}, _small_python(self.folder) if small else sys.executable
        )
        self.machines.append(replace(machine, size=(cpus, gpus)))
        return self.machines[-1]

    def settle(self, machines: int = 2) -> None:
        """Reach this many machines with one core each and no other, whatever a test has left."""
        plain = [each for each in self.machines if each.alive and each.size == (1, 0)]
        for machine in [each for each in self.machines if each not in plain[:machines]]:
            self.remove_machine(machine)
        while len(self.machines) < machines:
            self.add_machine()

    def remove_machine(self, machine: Machine) -> None:
        """Kill a machine: all of its processes at once."""
        self.machines.remove(machine)
        machine.kill()

    def preempt(self, machine: Machine) -> None:
        """Announce to a machine that it will end, as a cloud does: it drains, and ends."""
        self.machines.remove(machine)
        machine.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            machine.process.wait(30)
        machine.kill()

    def processes(self, words: str = "") -> list[psutil.Process]:
        """List the processes of all machines and of the head, as `Machine.processes`."""
        return [each for one in (self.head, *self.machines) for each in one.processes(words)]

    def workers(self) -> list[psutil.Process]:
        """List the processes that score."""
        return [each for machine in (self.head, *self.machines) for each in machine.workers()]

    def slots(self) -> list[psutil.Process]:
        """List the processes that watch those that score: Ray's actors."""
        above = {parent.pid for worker in self.workers() for parent in worker.parents()}
        return [each for each in self.processes("ray::WorkerActor") if each.pid in above]

    def raylets(self) -> int:
        """Return how many machines are up, without the head."""
        return len(self.processes("raylet/raylet")) - 1

    def impasto(
        self, *args: object, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a machine of the cluster to its end."""
        words = [*COMMAND, *map(str, args)]
        env = env or self.env
        return subprocess.run(
            words, capture_output=True, text=True, timeout=120, check=False, env=env
        )

    def start(self, *args: object, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command on a machine of the cluster."""
        words = [*COMMAND, *map(str, args)]
        pipe = subprocess.PIPE
        return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=env or self.env)

    def stop(self) -> None:
        """End every process and remove every file."""
        for machine in (*self.machines, self.head):
            machine.kill()
        self.machines.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _head_words(self) -> list[str]:
        self.port, self.dashboard, client = _free_ports(3)
        words = ["--head", f"--port={self.port}", f"--temp-dir={self.folder}"]
        words.append(f"--ray-client-server-port={client}")
        words += [f"--dashboard-host={LOCAL}", f"--dashboard-port={self.dashboard}"]
        words += ["--num-cpus=0", "--num-gpus=0"]
        words.append(f"--include-dashboard={str(self._dashboard).lower()}")
        if self._scaling:
            config = self.folder / "autoscaler.json"
            config.write_text(json.dumps(_autoscaler(self.address, self._scaling)))
            words.append(f"--autoscaling-config={config}")
        return words

    def _started(
        self,
        words: Callable[[], list[str]],
        more: dict[str, str],
        python: str = sys.executable,
    ) -> Machine:
        """Start a machine, once more if it failed; raises NotStarted."""
        for again in (True, False):
            try:
                with _one_at_a_time():
                    return _start(words(), self.env | more, python)
            except NotStarted:
                if not again:
                    raise
        raise AssertionError


def _start(words: list[str], env: dict[str, str], python: str) -> Machine:
    mark = secrets.token_hex(8)
    # Never as a module from the folder of the tests: Ray's imports would search its path.
    code = f"{LEASH}; from ray.scripts.scripts import main; main()"
    common = [f"--node-ip-address={LOCAL}", "--min-worker-port=0", "--max-worker-port=0"]
    common += [f"--object-store-memory={STORE}", "--include-log-monitor=false"]
    common += ["--dashboard-agent-listen-port=0", "--disable-usage-stats", "--block"]
    process = subprocess.Popen(
        [python, "-P", "-c", code, "start", *common, *words],
        env=env | {MARK: mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    machine, said, told = Machine(mark, process), [""], threading.Event()

    def drain() -> None:
        # For as long as the process lives: a full or closed pipe would stop it.
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            if STARTED in line:
                told.set()
        told.set()

    threading.Thread(target=drain, daemon=True).start()
    told.wait(60)
    if not any(STARTED in line for line in said):
        machine.kill()
        raise NotStarted("".join(said))
    return machine


def _small_python(folder: Path) -> str:
    """Make a virtual environment that is empty itself, and sees the packages of this one."""
    made = folder / "venv"
    if not made.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
        paths = {"base": str(made), "platbase": str(made)}
        seen = Path(sysconfig.get_path("purelib", vars=paths), "seen.pth")
        holds = [sysconfig.get_path("purelib"), str(Path(impasto.__file__).parent.parent)]
        seen.write_text("".join(f"{path}\n" for path in holds))
    return str(made / "bin" / "python")


def _environment(folder: Path, token: Path) -> dict[str, str]:
    """Return the environment of the machines and of the commands on them."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return env | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_timeout_ms": "2000",
        "RAY_health_check_failure_threshold": "3",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "2",
        # Memory of this machine held by other tests is no reason to kill these workers.
        "RAY_memory_monitor_refresh_ms": "0",
    }


def _tls(folder: Path) -> dict[str, str]:
    """Make certificates for this machine; returns the variables that name them."""
    made = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    authority = trustme.CA()
    cert = authority.issue_cert(LOCAL, "localhost", _own_address())
    authority.cert_pem.write_to_path(str(made["ca"]))
    cert.cert_chain_pems[0].write_to_path(str(made["cert"]))
    cert.private_key_pem.write_to_path(str(made["key"]))
    return {
        "RAY_USE_TLS": "1",
        "RAY_TLS_SERVER_CERT": str(made["cert"]),
        "RAY_TLS_SERVER_KEY": str(made["key"]),
        "RAY_TLS_CA_CERT": str(made["ca"]),
    }


def _own_address() -> str:
    """Return the address by which Ray calls this machine, even when given 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # No packet is sent: this only asks which route one would take.
            probe.connect(("8.8.8.8", 80))
        except OSError:
            return LOCAL
        return str(probe.getsockname()[0])


def _scaling_env() -> dict[str, str]:
    return {
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID,
    }


def _autoscaler(address: str, resources: dict[str, int]) -> dict[str, object]:
    """Return the settings of Ray's own autoscaler, with machines that are processes here."""
    module = "ray.autoscaler._private.fake_multi_node.node_provider"
    return {
        "cluster_name": "fake",
        "max_workers": 3,
        "upscaling_speed": 100,
        "idle_timeout_minutes": 0.05,
        "provider": {
            "type": "external",
            "module": f"{module}.FakeMultiNodeProvider",
            "gcs_address": address,
            "head_node_id": HEAD_ID,
            "launch_multiple": True,
        },
        "available_node_types": {
            "ray.head.default": {
                "resources": {"CPU": 0},
                "node_config": {},
                "min_workers": 0,
                "max_workers": 0,
            },
            "machine": {
                "resources": resources | {"object_store_memory": STORE},
                "node_config": {},
                "min_workers": 0,
                "max_workers": 3,
            },
        },
        "head_node_type": "ray.head.default",
        "auth": {},
        "head_node": {},
        "worker_nodes": {},
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "rsync_exclude": [],
        "rsync_filter": [],
        "initialization_commands": [],
        "setup_commands": [],
        "head_setup_commands": [],
        "worker_setup_commands": [],
        "head_start_ray_commands": [],
        "worker_start_ray_commands": [],
    }


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep other tests from starting Ray meanwhile: two starts on one machine can time out."""
    with (Path(tempfile.gettempdir()) / f"raycluster-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def driving(cluster: Cluster) -> Iterator[None]:
    """Make this process a driver of the cluster."""
    # All of it is restored: a driver's breakpoints become Ray's, for all that it starts as well.
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("RAY_")]:
            del os.environ[name]
        os.environ.update(
            {name: value for name, value in cluster.env.items() if name.startswith("RAY_")}
        )
        # Not before: Ray reads the mode when it is imported.
        from ray import _raylet

        # It keeps the token of the cluster that this process talked to before.
        loader = _raylet.AuthenticationTokenLoader.instance()  # type: ignore[attr-defined]
        loader.reset_cache()
        yield
    loader.reset_cache()


def _free_ports(count: int) -> list[int]:
    """Find ports that are free just now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind((LOCAL, 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _marked(process: psutil.Process, mark: str) -> bool:
    with suppress(psutil.Error):
        return bool(process.environ().get(MARK) == mark)
    return False


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return str(process.name())
    return ""


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
