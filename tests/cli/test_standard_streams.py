"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from impasto.cli.streams import BY_SIGPIPE
from support.clips import make_clip
from support.command import COMMAND, impasto


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(2):
        Image.new("RGB", (16, 16), (90 * n, 60, 30)).save(folder / f"{n}.png")
    return folder


def shell(line: str, *args: object, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a shell, which closes streams and ends readers as nothing else does."""
    words = " ".join(shlex.quote(str(word)) for word in (*COMMAND, *args))
    script = line.replace("IMPASTO", words)
    environment = os.environ | more
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, timeout=120, check=False, env=environment
    )


@pytest.mark.parametrize(
    ("line", "args"),
    [
        ("IMPASTO <&- >&- 2>&-", ()),
        ("IMPASTO >&- 2>/dev/full", ("--json",)),
        ("IMPASTO 2>&1 | head -c 1; exit ${PIPESTATUS[0]}", ()),
    ],
    ids=["all closed", "no stdout and a full disk", "a reader that leaves"],
)
def test_a_job_runs_to_its_end_though_nobody_reads_of_it(
    tmp_path: Path, pictures: Path, line: str, args: tuple[str, ...]
) -> None:
    output, home = tmp_path / "out", tmp_path / "home"
    job = ["run", pictures, "--scorer", "identity", "-o", output, "--home", home]
    done = shell(line, *job, *args)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list(output.iterdir())) == 2


@pytest.mark.parametrize("command", ["scorers", "--help"])
def test_a_command_that_only_prints_ends_quietly_with_its_reader(command: str) -> None:
    done = shell("IMPASTO | true; exit ${PIPESTATUS[0]}", command)
    assert (done.returncode, done.stderr) == (BY_SIGPIPE, b"")


def test_what_cannot_be_printed_is_told(tmp_path: Path) -> None:
    done = shell("IMPASTO >/dev/full", "ls", tmp_path)
    assert done.returncode == 4
    assert done.stderr.decode().startswith("impasto: standard output: No space left")


def test_a_terminal_without_columns_hides_nothing(pictures: Path) -> None:
    done = shell("IMPASTO", "ls", pictures, COLUMNS="0")
    assert done.stdout.endswith(b"2 objects, 164 B\n")


def test_names_are_printed_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    target = tmp_path / "ab:key:b"
    assert impasto("cp", tmp_path / "a", target).stdout.startswith(f"{target}: 1 object")


def test_a_path_that_is_not_utf_8_is_read_and_written(tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"caf\xe9")
    place.mkdir()
    source = make_clip(tmp_path / "clip.mp4", frames=3).rename(place / os.fsdecode(b"\xff.mp4"))
    output, home = place / os.fsdecode(b"\xfe.mp4"), place / "home"
    job = ["run", source, "--scorer", "identity", "-o", output, "--home", home]
    done = impasto(*job, "--engine", "inline", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["output"]
    assert told == f"file://{tmp_path}/caf%E9/%FE.mp4"
    assert impasto("verify", source, told).returncode == 0


@pytest.mark.parametrize(
    ("source", "args"),
    [(b"\xff.png", ()), (b"a.png", ("--scorer", b"python:m.py:M", "--name", b"\xff"))],
    ids=["an item", "a parameter"],
)
def test_what_records_cannot_hold_is_refused_in_one_line(
    tmp_path: Path, source: bytes, args: tuple[str | bytes, ...]
) -> None:
    (tmp_path / "m.py").write_text("class M:\n    def __init__(self, name: str) -> None: ...\n")
    name = os.fsdecode(source)
    Image.new("RGB", (16, 16)).save(tmp_path / name)
    scorer = args or ("--scorer", "identity")
    words = [*COMMAND, "run", name, *scorer, "-o", "o.png", "--home", "home"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is not UTF-8" in done.stderr
