"""Items that break a scorer, its process or its machine: they alone are set aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from impasto.driver import blame
from support import SCRIPTS
from support.command import impasto

COUNT = 1000
REASONS = {
    "raise": "ValueError: cannot score",
    "exit": "SystemExit: 42",
    "kill": "exit code 3",
    "hang": "`timeout`",
    "leak": "`memory`",
    "few": "returned nothing",
}
BAD = {117 + 150 * n: kind for n, kind in enumerate(REASONS)}
"""What befalls whoever scores some of the rows, several of each of two shards."""


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The result of a job with a poisonous row of each kind, and its output."""
    folder = tmp_path_factory.mktemp("poison")
    source, output = folder / "rows.csv", folder / "out.jsonl"
    names = (f"poison-{BAD[n]}" if n in BAD else f"fine{n}" for n in range(COUNT))
    source.write_text("name\n" + "".join(f"{name}\n" for name in names))
    words = ["run", source, "--scorer", f"script:{SCRIPTS / 'poison.py'}", "-o", output]
    words += ["--home", folder / "home", "--shard-frames", 500, "--max-failed", len(BAD), "--json"]
    done = impasto(*words, "--timeout", 3, "--memory", "700MB")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), output


@pytest.mark.parametrize("item", BAD, ids=BAD.get)
def test_a_poisonous_row_is_set_aside_with_its_reason(
    item: int, scored: tuple[dict[str, Any], Path]
) -> None:
    (aside,) = (each for each in scored[0]["aside"] if each["item"] == item)
    assert REASONS[BAD[item]] in aside["error"]


def test_of_a_thousand_rows_the_poisonous_ones_alone_are_set_aside(
    scored: tuple[dict[str, Any], Path],
) -> None:
    result, output = scored
    assert (result["items"], result["failed"]) == (COUNT, len(BAD))
    assert [each["item"] for each in result["aside"]] == [*BAD]
    names = [record["item"] for record in records(output)]
    assert names == [n for n in range(COUNT) if n not in BAD]


def test_a_file_that_kills_workers_is_told_of_and_can_be_tried_again(tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "out.jsonl"
    folder.mkdir()
    for n in range(40):
        (folder / ("poison-kill.bin" if n == 23 else f"z{n:04d}.bin")).write_bytes(b"x" * n)
    script = tmp_path / "score.py"
    script.write_text((SCRIPTS / "poison.py").read_text())
    words = ("run", folder, "--scorer", f"script:{script}", "-o", output, "--workers", 1)
    strict = impasto(*words, "--home", tmp_path / "home")
    assert strict.returncode == 3, strict.stderr
    assert (
        f"39 of 40 files written to {output.name}; 1 failed, see out.failed.jsonl" in strict.stderr
    )
    assert "failed: poison-kill.bin: the worker died (exit code 3)" in strict.stderr
    assert "--max-failed 1" in strict.stderr
    assert len(records(output)) == 39
    job = strict.stderr.split("job ")[1].split(":")[0]

    more = ("--home", tmp_path / "home", "--workers", 1, "--json")
    again = impasto("retry", job, "--max-failed", 1, *more)

    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["aside"][0]["key"] == "poison-kill.bin"
    names = [record["item"] for record in records(output)]
    assert names == [f"z{n:04d}.bin" for n in range(40) if n != 23]


CLASSES = """
import os
import time

class Slow:
    # takes its time for each row

    def score(self, batch):
        time.sleep(0.6 * len(batch))
        return [1] * len(batch)

class Narrow:
    # has room for two rows at once

    def score(self, batch):
        if len(batch) > 2:
            raise MemoryError
        time.sleep(0.3)
        return [1] * len(batch)

class Deadly:
    # ends its process at the first frame, which is dark

    def score(self, batch):
        if (batch.reshape(len(batch), -1).mean(1) < 40).any():
            os._exit(7)
        return batch.repeat(2, axis=1).repeat(2, axis=2)

class Lethal:
    # ends its process at every frame, with last words

    def score(self, batch):
        print("no device", flush=True)
        os.abort()
"""


@pytest.mark.parametrize("name", ["Slow", "Narrow"])
def test_the_probe_for_a_mini_batch_blames_no_item(tmp_path: Path, name: str) -> None:
    (tmp_path / "classes.py").write_text(CLASSES)
    source = tmp_path / "rows.csv"
    source.write_text("x\n" + "".join(f"{n}\n" for n in range(12)))
    done = impasto(
        *("run", source, "--scorer", f"python:{tmp_path / 'classes.py'}:{name}", "--json"),
        *("-o", tmp_path / "o.jsonl", "--timeout", 2, "--home", tmp_path / "home", "--workers", 1),
    )
    assert done.returncode == 0, done.stderr
    assert [it["output"] for it in records(tmp_path / "o.jsonl")] == [1] * 12


def test_a_first_frame_that_kills_workers_is_set_aside_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "classes.py").write_text(CLASSES)
    frames = tmp_path / "frames"
    frames.mkdir()
    for n in range(5):
        Image.new("RGB", (64, 48), (255 if n else 0,) * 3).save(frames / f"{n}.png")
    done = impasto(
        *("run", frames, "--scorer", f"python:{tmp_path / 'classes.py'}:Deadly", "--json"),
        *("-o", tmp_path / "o.mp4", "--max-failed", 1, "--home", tmp_path / "home", "--workers", 1),
    )
    assert done.returncode == 0, done.stderr
    assert [it["item"] for it in json.loads(done.stdout)["aside"]] == [0]
    with av.open(str(tmp_path / "o.mp4")) as container:
        made = [*container.decode(video=0)]
    assert [(it.width, it.height) for it in made] == [(128, 96)] * 5


def test_a_scorer_that_ends_its_process_at_every_item_ends_the_run_early(tmp_path: Path) -> None:
    (tmp_path / "classes.py").write_text(CLASSES)
    frames, home = tmp_path / "frames", tmp_path / "home"
    frames.mkdir()
    for n in range(20):
        Image.new("RGB", (64, 48), (n,) * 3).save(frames / f"{n}.png")
    done = impasto(
        *("run", frames, "--scorer", f"python:{tmp_path / 'classes.py'}:Lethal", "--home", home),
        *("-o", tmp_path / "out", "--max-failed", "all", "--shard-frames", 5, "--workers", 1),
        *("--mini-batch", 1),
    )
    assert done.returncode == 3
    line = done.stderr.splitlines()[-1]
    died = "the worker died (signal 6); it printed last: no device"
    assert f"killed its worker; the last: {died}" in line
    assert "0 of 20 images are done" in line
    assert len(list(home.glob("jobs/*/failed/*.json"))) <= 3 * blame.HOPELESS
