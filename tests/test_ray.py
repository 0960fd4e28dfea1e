"""Jobs on a real Ray cluster: the same bytes as on this machine, whatever befalls the cluster."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from command import found, impasto, kill_tree, start, wait_for
from raycluster import Cluster, frozen

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from conftest import MakeClip

SCORER = f"python:{Path(__file__).parent / 'scripts' / 'obedient.py'}:Obedient"
ROWS = 16
SHARDS = 8


@dataclass
class Case:
    """A job on a cluster, whose rows say what befalls whoever scores them."""

    folder: Path
    cluster: Cluster

    def words(self, orders: dict[int, str], *more: object) -> list[object]:
        rows = self.folder / "rows.csv"
        lines = [f"{number},{orders.get(number, 'fine')}\n" for number in range(ROWS)]
        text = "number,order\n" + "".join(lines)
        if not rows.exists() or rows.read_text() != text:
            # Written again it would be another version, and the job another job.
            rows.write_text(text)
        words: list[object] = ["run", rows, "--scorer", SCORER, "--folder", self.folder]
        words += ["-o", self.folder / "out.jsonl", "--shard-frames", ROWS // SHARDS]
        return [*words, "--home", self.folder / "home", "--device", "cpu", *more]

    def ray(self, orders: dict[int, str], *more: object) -> list[object]:
        return self.words(orders, *on(self.cluster), *more)

    @contextmanager
    def held(self, rows: int, *more: object) -> Iterator[subprocess.Popen[str]]:
        """Start a job whose rows wait from the fifth on, until so many wait; then let them go."""
        orders = dict.fromkeys(range(4, ROWS), "wait")
        process = self.cluster.start(*self.ray(orders, *more))
        try:
            wait_for(lambda: len(self.waiting()) >= rows or process.poll() is not None)
            assert process.poll() is None, process.communicate()
            yield process
            self.go()
        finally:
            if process.poll() is None and not (self.folder / "go").exists():
                process.kill()

    def waiting(self) -> dict[int, int]:
        """Return the processes that are at rows that wait, by row."""
        paths = self.folder.glob("begun-*")
        begun = {int(path.name[6:]): int(path.read_text()) for path in paths}
        return {row: pid for row, pid in begun.items() if row >= 4}

    def go(self) -> None:
        (self.folder / "go").touch()

    def records(self, kind: str) -> list[dict[str, Any]]:
        paths = sorted((self.folder / "home").glob(f"jobs/*/{kind}/*.json"))
        return [json.loads(path.read_bytes()) for path in paths]

    def logged(self) -> list[dict[str, Any]]:
        """Return the lines that the job has logged."""
        paths = (self.folder / "home").glob("jobs/*/logs/*.jsonl")
        return [json.loads(line) for path in paths for line in path.open()]

    def notes(self) -> str:
        """Return the words on what befell the workers."""
        lines = self.logged()
        return "\n".join(line["text"] for line in lines if line["event"] == "workers")

    def made(self) -> bytes:
        return (self.folder / "out.jsonl").read_bytes()


def on(cluster: Cluster) -> list[object]:
    return ["--engine", "ray", "--address", cluster.address]


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for the end of a command that does well; returns its standard output."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        for _ in range(2):
            cluster.add_machine()
        yield cluster


@pytest.fixture
def case(tmp_path: Path, cluster: Cluster) -> Case:
    return Case(tmp_path, cluster)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> bytes:
    """What this machine alone makes of the rows."""
    case = Case(tmp_path_factory.mktemp("local"), cluster)
    done = impasto(*case.words({}, "--workers", 1))
    assert done.returncode == 0, done.stderr
    return case.made()


def test_a_video_is_the_same_on_a_cluster_on_a_local_ray_and_without_ray(
    clip: MakeClip, tmp_path: Path, cluster: Cluster
) -> None:
    source = clip(frames=60, size=(160, 96), gop=20, audio=("aac",))
    words = ("run", source, "--scorer", "identity", "--shard-frames", 20, "--workers", 1)
    engines: dict[str, list[object]] = {
        "local": [],
        "cluster": on(cluster),
        "own": ["--engine", "ray"],
    }
    made = set()
    for name, more in engines.items():
        output, home = tmp_path / f"{name}.mp4", tmp_path / name
        done = cluster.impasto(*words, "-o", output, "--home", home, *more)
        assert done.returncode == 0, done.stderr
        assert "60 frames" in done.stdout
        made.add(output.read_bytes())
    assert len(made) == 1
    jobs = {path.name for path in tmp_path.glob("*/jobs/*")}
    assert len(jobs) == 1, "the engine is no part of what a job is"
    wait_for(lambda: not cluster.workers(), 20)


def test_a_ray_of_this_machine_listens_on_loopback_and_its_token_is_its_users(case: Case) -> None:
    words = case.words({0: "wait"}, "--engine", "ray", "--workers", 99)
    env = case.cluster.env | {"HOME": str(case.folder), "RAY_AUTH_TOKEN_PATH": ""}
    process = case.cluster.start(*words, env=env)
    wait_for(lambda: found(case.folder, "begun-0") or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    root = psutil.Process(process.pid)
    listening = {
        (each.name(), address.ip.removeprefix("::ffff:"))
        for each in root.children(recursive=True)
        for _, _, _, address, _, state, *_ in each.net_connections()
        if state == psutil.CONN_LISTEN
    }
    case.go()
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    asked = [int(count) for count in re.findall(r"(\d+) asked for", told)]
    assert max(asked, default=0) <= len(os.sched_getaffinity(0)), "it can never have so many"
    assert {"gcs_server", "raylet"} <= {name for name, _ in listening}
    assert {ip for _, ip in listening} == {"127.0.0.1"}
    token = case.folder / ".ray" / "auth_token"
    assert [path.stat().st_mode & 0o77 for path in (token, token.parent)] == [0, 0]


def test_killed_workers_and_actors_cost_an_attempt_and_change_nothing(
    case: Case, expected: bytes
) -> None:
    with case.held(2) as process:
        (row, pid), (other, second) = [*case.waiting().items()]
        psutil.Process(pid).kill()
        wait_for(lambda: case.waiting()[row] != pid or case.records("failed"))
        actor = psutil.Process(second).parent()
        assert actor
        actor.kill()
        wait_for(lambda: len(case.records("failed")) == 2)
    finished(process)
    assert case.made() == expected
    failed = case.records("failed")
    assert {it["shard"] for it in failed} == {row // 2, other // 2}
    assert {it["kind"] for it in failed} == {"died"}
    assert any("signal 9" in it["error"] for it in failed)
    wait_for(lambda: not case.cluster.workers(), 20)


def test_machines_that_go_away_cost_no_attempt(case: Case, expected: bytes) -> None:
    cluster = case.cluster
    cluster.add_machine()
    with case.held(3, "--workers", 3, "--json") as process:
        removed, preempted, silent = cluster.machines
        cluster.remove_machine(removed)
        with frozen(*silent.processes()):
            cluster.preempt(preempted)
            cluster.add_machine(cpus=2)
            wait_for(lambda: case.notes().count("is redone") == 3)
            case.go()
            told = finished(process)
        # What thaws finds that others have done its shard.
        cluster.remove_machine(silent)
    assert json.loads(told)["items"] == ROWS
    assert case.made() == expected
    assert case.records("failed") == []
    assert len(case.records("done")) == SHARDS


def test_a_machine_on_which_no_worker_can_start_is_given_up_and_the_job_goes_on(
    case: Case, expected: bytes
) -> None:
    bad = case.cluster.add_machine()
    try:
        with case.held(1, "--not-on", bad.mark, "--workers", 3) as process:
            wait_for(lambda: "is used no more" in case.notes())
        finished(process)
    finally:
        case.cluster.remove_machine(bad)
    assert case.made() == expected
    assert case.notes().count("could not start: ") == 3
    assert "exit code 9" in case.notes()
    assert case.records("failed") == []


def test_a_row_that_ends_workers_is_set_aside(case: Case, expected: bytes) -> None:
    done = case.cluster.impasto(*case.ray({9: "exit"}, "--workers", 1, "--max-failed", 1, "--json"))
    assert done.returncode == 0, done.stderr
    (aside,) = json.loads(done.stdout)["aside"]
    assert aside["item"] == 9
    assert "exit code 7" in aside["error"]
    kept = [line for n, line in enumerate(expected.splitlines()) if n != 9]
    assert case.made().splitlines() == kept


def test_a_scorer_that_cannot_be_loaded_is_told_in_one_line(case: Case) -> None:
    done = case.cluster.impasto(*case.ray({}, "--workers", 1, "--broken", "--quiet"))
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "no such weights" in line


def test_a_cancelled_job_finishes_what_runs_and_can_be_resumed(case: Case, expected: bytes) -> None:
    home = ("--home", case.folder / "home")
    with case.held(2) as process:
        (job,) = (path.name for path in (case.folder / "home" / "jobs").iterdir())
        assert impasto("cancel", job, *home).returncode == 0
        wait_for(lambda: "stopping" in [line["event"] for line in case.logged()])
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "impasto resume" in err
    assert len(case.records("done")) < SHARDS
    again = case.cluster.impasto("resume", job, *home, "--device", "cpu", *on(case.cluster))
    assert again.returncode == 0, again.stderr
    assert case.made() == expected
    assert case.records("failed") == []


def test_either_engine_finishes_what_the_other_began(case: Case, expected: bytes) -> None:
    with case.held(2) as process:
        process.kill()
        process.wait()
        wait_for(lambda: not case.cluster.workers(), 30)
        first = case.records("done")
        assert [it["shard"] for it in first] == [0, 1]
        for path in case.folder.glob("begun-*"):
            path.unlink()
        local = start(*case.words(dict.fromkeys(range(4, ROWS), "wait")))
        wait_for(lambda: len(case.waiting()) == 2)
        assert found(case.folder, "begun-*") == 2, "done shards ran again"
        kill_tree(local)
    last = case.cluster.impasto(*case.ray(dict.fromkeys(range(4, ROWS), "wait")))
    assert last.returncode == 0, last.stderr
    assert case.made() == expected
    assert case.records("done")[:2] == first
    assert case.records("failed") == []


def test_small_workers_share_a_gpu(case: Case, expected: bytes) -> None:
    machine = case.cluster.add_machine(cpus=2, gpus=1)
    try:
        with case.held(2, "--gpus-per-worker", 0.5, "--workers", 3) as process:
            assert len(machine.processes("impasto.engines.serve")) == 2
            assert len(case.cluster.workers()) == 2
        finished(process)
        assert case.made() == expected
    finally:
        case.cluster.remove_machine(machine)


def test_workers_on_one_machine_have_a_gpu_each(case: Case, expected: bytes) -> None:
    machine = case.cluster.add_machine(cpus=2, gpus=2)
    try:
        with case.held(2, "--gpus-per-worker", 1, "--workers", 2) as process:
            scoring = machine.processes("impasto.engines.serve")
            seen = [each.environ()["CUDA_VISIBLE_DEVICES"] for each in scoring]
        finished(process)
    finally:
        case.cluster.remove_machine(machine)
    assert sorted(seen) == ["0", "1"]
    assert case.made() == expected


def test_a_straggler_is_overtaken_by_a_second_copy(case: Case, expected: bytes) -> None:
    done = case.cluster.impasto(*case.ray({5: "straggle"}, "--speculate", "--workers", 2))
    assert done.returncode == 0, done.stderr
    assert case.made() == expected
    assert [it["shard"] for it in case.records("done")] == [*range(SHARDS)]
    assert case.records("failed") == []
    wait_for(lambda: not case.cluster.workers(), 30)


def wheel(folder: Path) -> Path:
    """Make a wheel with one module that knows a number."""
    info = "tinynumber-1.0.dist-info"
    files = {
        "tinynumber.py": "NUMBER = 42\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tinynumber\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{name},{_digest(text)},{len(text)}\n" for name, text in files.items()]
    files[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"])
    path = folder / "tinynumber-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def _digest(text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"


def test_workers_install_what_the_job_requires(case: Case) -> None:
    requirements, code = case.folder / "requirements.txt", case.folder / "known.py"
    requirements.write_text(f"tinynumber @ {wheel(case.folder).as_uri()}  # made here\n")
    code.write_text(
        "class Known:\n"
        "    def score(self, batch):\n"
        "        import tinynumber\n"
        "        return [tinynumber.NUMBER] * len(batch)\n"
    )
    words = case.ray({}, "--requirements", requirements, "--gpus-per-worker", 1, "--workers", 1)
    words[3:6] = [f"python:{code}:Known"]
    # Of all machines it is the one with the GPU that is used.
    machine = case.cluster.add_machine(gpus=1, small=True)
    try:
        done = case.cluster.impasto(*words)
    finally:
        case.cluster.remove_machine(machine)
    assert done.returncode == 0, done.stderr
    assert {json.loads(line)["output"] for line in case.made().splitlines()} == {42}


def test_a_driver_without_the_token_is_refused_in_one_line(case: Case) -> None:
    wrong = case.folder / "token"
    wrong.write_text("f" * 64)
    # Ray asks that often, once a second; else 20 times.
    often = {"RAY_NUM_REDIS_GET_RETRIES": "2"}
    env = {**case.cluster.env, **often, "RAY_AUTH_TOKEN_PATH": str(wrong)}
    done = case.cluster.impasto(*case.ray({}), "--quiet", env=env)
    assert done.returncode == 4
    (line,) = done.stderr.strip().splitlines()
    assert "token" in line
    assert "RAY_AUTH_TOKEN_PATH" in line


def test_a_cluster_with_tls_gives_the_same_bytes(tmp_path: Path, expected: bytes) -> None:
    with Cluster(tls=True) as cluster:
        case = Case(tmp_path, cluster)
        words = case.ray({})
        device = words.index("--device")
        del words[device : device + 2]
        process = cluster.start(*words)
        wait_for(lambda: "workers take none; --gpus-per-worker" in case.notes())
        cluster.add_machine()
        finished(process)
        assert case.made() == expected
