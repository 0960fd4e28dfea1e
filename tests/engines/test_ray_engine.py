"""Jobs on a real Ray cluster: the same bytes as on this machine, and what workers are given."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from support.command import found, kill_tree, start, wait_for
from support.raycase import ROWS, Case, finished, on
from support.raycluster import Cluster

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip


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
    words = case.words({0: "wait"}, "--engine", "ray", "--workers", 99, "-v")
    env = case.cluster.env | {"HOME": str(case.folder), "RAY_AUTH_TOKEN_PATH": ""}
    process = case.cluster.start(*words, env=env)
    wait_for(lambda: found(case.folder, "begun-0") or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    root = psutil.Process(process.pid)
    listening = set()
    for each in root.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found_there = [it for it in each.net_connections() if it.status == psutil.CONN_LISTEN]
            ips = {it.laddr.ip.removeprefix("::ffff:") for it in found_there}
            listening |= {(each.name(), ip) for ip in ips}
    case.go()
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert "workers: " in told
    asked = [int(count) for count in re.findall(r"(\d+) requested", told)]
    assert max(asked, default=0) <= len(os.sched_getaffinity(0)), "it can never have so many"
    assert {"gcs_server", "raylet"} <= {name for name, _ in listening}
    assert {ip for _, ip in listening} == {"127.0.0.1"}
    token = case.folder / ".ray" / "auth_token"
    assert [path.stat().st_mode & 0o77 for path in (token, token.parent)] == [0, 0]


def test_either_engine_finishes_what_the_other_began(case: Case, expected: bytes) -> None:
    one = ("--workers", 1)
    with case.held(1, *one) as process:
        process.kill()
        process.wait()
        wait_for(lambda: not case.cluster.workers(), 30)
        first = case.records("done")
        assert [it["shard"] for it in first] == [0, 1]
        for path in case.folder.glob("begun-*"):
            path.unlink()
        local = start(*case.words(dict.fromkeys(range(4, ROWS), "wait"), *one))
        wait_for(lambda: len(case.waiting()) == 1)
        assert found(case.folder, "begun-*") == 1, "done shards ran again"
        kill_tree(local)
    last = case.cluster.impasto(*case.ray(dict.fromkeys(range(4, ROWS), "wait"), *one))
    assert last.returncode == 0, last.stderr
    assert case.made() == expected
    assert case.records("done")[:2] == first
    assert case.records("failed") == []


def test_small_workers_share_a_gpu(case: Case, expected: bytes) -> None:
    machine = case.cluster.add_machine(cpus=2, gpus=1)
    try:
        with case.held(2, "--gpus-per-worker", 0.5, "--workers", 3) as process:
            assert len(machine.workers()) == 2
            assert len(case.cluster.workers()) == 2
        finished(process)
        assert case.made() == expected
    finally:
        case.cluster.remove_machine(machine)


def test_workers_on_one_machine_have_a_gpu_each(case: Case, expected: bytes) -> None:
    machine = case.cluster.add_machine(cpus=2, gpus=2)
    try:
        with case.held(2, "--gpus-per-worker", 1, "--workers", 2) as process:
            scoring = machine.workers()
            seen = [each.environ()["CUDA_VISIBLE_DEVICES"] for each in scoring]
        finished(process)
    finally:
        case.cluster.remove_machine(machine)
    assert sorted(seen) == ["0", "1"]
    assert case.made() == expected


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
        wait_for(lambda: "workers request none; set `gpus_per_worker`" in case.notes())
        cluster.add_machine()
        finished(process)
        assert case.made() == expected
