"""What workers import, and how they come and go, on the real processes."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from impasto.driver import api
from impasto.engines import process
from impasto.engines.process import Nursery, probable_kind
from impasto.schema.job import JobSpec
from impasto.settings import Settings
from support.clips import make_clip
from support.command import WORKER, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOKS = """
import sys

HEAVY = ("torch", "av", "PIL", "pandas", "onnxruntime", "cv2")

class Looks:
    def score(self, batch):
        return [[name for name in HEAVY if name in sys.modules]] * len(batch)

def run(mini_batch):
    return [" ".join(name for name in HEAVY if name in sys.modules)] * len(mini_batch)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "looks.py").write_text(LOOKS)
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one.bin").write_bytes(b"1")
    return tmp_path


def imported(folder: Path, source: str, scorer: str) -> set[str]:
    """Score a source; return which heavy libraries its worker had imported by then."""
    output = folder / "out.jsonl"
    spec = JobSpec(source=str(folder / source), output=str(output), scorer=scorer, overwrite=True)
    api.run(spec, settings=Settings(home=str(folder / "home")))
    found = json.loads(output.read_text().splitlines()[0])["output"]
    return set(found.split() if isinstance(found, str) else found)


def test_rows_need_neither_torch_nor_a_codec(folder: Path) -> None:
    for scorer in (f"script:{folder}/looks.py", f"python:{folder}/looks.py:Looks"):
        assert imported(folder, "rows.csv", scorer) == {"pandas"}


def test_files_need_neither_torch_nor_a_codec_nor_pandas(folder: Path) -> None:
    assert imported(folder, "files", f"script:{folder}/looks.py") == set()


def test_pictures_need_torch_and_a_codec_but_no_tables(folder: Path) -> None:
    make_clip(folder / "clip.mp4", frames=3)
    scorer = f"python:{folder}/looks.py:Looks"
    assert {"torch", "av"} <= imported(folder, "clip.mp4", scorer)
    assert "pandas" not in imported(folder, "clip.mp4", scorer)


def test_a_script_that_imports_torch_gets_one_thread_as_before(folder: Path) -> None:
    (folder / "late.py").write_text(
        "def run(batch):\n    import torch\n    return [torch.get_num_threads()] * len(batch)\n"
    )
    spec = JobSpec(
        source=str(folder / "rows.csv"),
        output=str(folder / "out.jsonl"),
        scorer=f"script:{folder}/late.py",
    )
    api.run(spec, settings=Settings(home=str(folder / "home")))
    lines = (folder / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["output"] for line in lines] == [1, 1]


def test_what_a_worker_will_score_is_guessed_from_the_command() -> None:
    assert probable_kind("style", "clip.mp4") == "pictures"
    assert probable_kind("style", "list.csv") == "pictures"
    assert probable_kind("onnx:m.onnx", "s3://data/rows.PARQUET") == "rows"
    assert probable_kind("onnx:m.onnx", "photos/") == "pictures"
    assert probable_kind("script:score.py", "*.wav") == "files"
    assert probable_kind("script:score.py", "list.csv", "files") == "files"


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    made = Nursery("files")
    yield made
    made.stop()


def workers() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [each for each in children if each.name() == WORKER]


def test_workers_are_forks_with_a_group_of_their_own(nursery: Nursery) -> None:
    made = [nursery.fork(), nursery.fork()]
    wait_for(lambda: len(workers()) == 2)
    assert len({os.getpgid(each.pid) for each in workers()} | {os.getpgid(0)}) == 3
    for worker in made:
        wait_for(worker.resident)
        worker.stop()
        # It may notice that its socket has closed before it is killed.
        assert worker.exit_reason().startswith(("signal 9", "exit code 0"))
    assert workers() == []


def test_the_end_of_a_worker_is_known_and_ends_what_it_started(nursery: Nursery) -> None:
    worker = nursery.fork()
    wait_for(workers)
    (process,) = workers()
    process.send_signal(signal.SIGSEGV)
    assert worker.exit_reason() == f"signal {signal.SIGSEGV.value}"
    worker.stop()


def test_workers_end_with_their_nursery_even_when_they_are_stopped(nursery: Nursery) -> None:
    worker = nursery.fork()
    wait_for(workers)
    (process,) = workers()
    process.suspend()
    nursery.stop()
    # Till here, for a worker ends when its socket is closed.
    del worker
    assert psutil.wait_procs([process], 10)[1] == []
    assert not nursery.alive


def test_a_nursery_without_workers_ends_whatever_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("import time\ntime.sleep(1000)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(process, "LEAVE", 1000.0)
    made = Nursery("pictures")
    made.stop()
    assert not made.alive


def test_a_worker_outlives_a_nursery_that_was_killed_and_can_still_be_stopped(
    nursery: Nursery,
) -> None:
    worker = nursery.fork()
    wait_for(workers)
    wait_for(worker.resident)
    (process,) = workers()
    psutil.Process(process.ppid()).kill()
    wait_for(lambda: not nursery.alive)
    assert process.is_running()
    worker.stop()
    assert psutil.wait_procs([process], 10)[1] == []
    assert worker.exit_reason() == "its parent process ended"


def test_random_numbers_of_two_workers_differ(folder: Path) -> None:
    (folder / "draws.py").write_text(
        "import os, pathlib, random, sys, time\nimport numpy\n"
        "def run(batch):\n"
        "    here = pathlib.Path(sys.argv[1])\n"
        "    (here / str(os.getpid())).touch()\n"
        "    while len(list(here.iterdir())) < 2:\n"
        "        time.sleep(0.01)\n"
        "    drawn = [random.random(), float(numpy.random.random())]\n"
        "    return [[os.getpid(), *drawn]] * len(batch)\n"
    )
    (folder / "rows.csv").write_text("a\n" + "1\n" * 6)
    (folder / "met").mkdir()
    spec = JobSpec(
        source=str(folder / "rows.csv"),
        output=str(folder / "out.jsonl"),
        scorer=f"script:{folder}/draws.py",
        params={"args": str(folder / "met")},
        shard_frames=1,
    )
    workers = Settings.model_validate({"home": str(folder / "home"), "workers": 2})
    api.run(spec, settings=workers)
    lines = [json.loads(line)["output"] for line in (folder / "out.jsonl").open()]
    drawn = {(first, second) for _, first, second in lines}
    assert len({pid for pid, *_ in lines}) == 2
    assert len(drawn) == len(lines) == 6
