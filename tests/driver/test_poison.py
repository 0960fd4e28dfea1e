"""Items that break a scorer, its process or its machine: they alone are set aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from support import SCRIPTS
from support.command import impasto

COUNT = 1000
BAD = 617
REASONS = {
    "poison_raise": "ValueError",
    "poison_exit": "SystemExit",
    "poison_kill": "exit code",
    "poison_hang": "--timeout",
    "poison_leak": "--memory",
    "poison_few": "returned nothing",
}
LIMITS = {"poison_hang": ("--timeout", "3"), "poison_leak": ("--memory", "700MB")}


def table(path: Path) -> Path:
    names = (f"poison{n}" if n == BAD else f"fine{n}" for n in range(COUNT))
    path.write_text("name\n" + "".join(f"{name}\n" for name in names))
    return path


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("script", REASONS)
def test_of_a_thousand_rows_the_poisonous_one_is_set_aside_with_its_reason(
    tmp_path: Path, script: str
) -> None:
    source, output = table(tmp_path / "rows.csv"), tmp_path / "out.jsonl"
    words = ["run", source, "--scorer", f"script:{SCRIPTS / script}.py", "-o", output]
    words += ["--home", tmp_path / "home", "--shard-frames", 500, "--max-failed", 1, "--json"]

    done = impasto(*words, *LIMITS.get(script, ()))

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["items"], result["failed"]) == (COUNT, 1)
    (aside,) = result["aside"]
    assert aside["item"] == BAD
    assert REASONS[script] in aside["error"]
    names = [record["item"] for record in records(output)]
    assert names == [n for n in range(COUNT) if n != BAD]


def test_a_file_that_kills_workers_is_told_of_and_can_be_tried_again(tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "out.jsonl"
    folder.mkdir()
    for n in range(40):
        (folder / ("poison.bin" if n == 23 else f"z{n:04d}.bin")).write_bytes(b"x" * n)
    script = tmp_path / "score.py"
    script.write_text((SCRIPTS / "poison_kill.py").read_text())
    words = ("run", folder, "--scorer", f"script:{script}", "-o", output)
    strict = impasto(*words, "--home", tmp_path / "home")
    assert strict.returncode == 3, strict.stderr
    assert "1 item failed (poison.bin: the worker died (exit code 3)" in strict.stderr
    assert "--max-failed 1" in strict.stderr
    assert not output.exists()
    job = strict.stderr.split("job ")[1].split(":")[0]

    again = impasto("retry", job, "--max-failed", 1, "--home", tmp_path / "home", "--json")

    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["aside"][0]["key"] == "poison.bin"
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
"""


@pytest.mark.parametrize("name", ["Slow", "Narrow"])
def test_the_probe_for_a_mini_batch_blames_no_item(tmp_path: Path, name: str) -> None:
    (tmp_path / "classes.py").write_text(CLASSES)
    source = tmp_path / "rows.csv"
    source.write_text("x\n" + "".join(f"{n}\n" for n in range(12)))
    done = impasto(
        *("run", source, "--scorer", f"python:{tmp_path / 'classes.py'}:{name}", "--json"),
        *("-o", tmp_path / "o.jsonl", "--timeout", 2, "--home", tmp_path / "home"),
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
        *("-o", tmp_path / "o.mp4", "--max-failed", 1, "--home", tmp_path / "home"),
    )
    assert done.returncode == 0, done.stderr
    assert [it["item"] for it in json.loads(done.stdout)["aside"]] == [0]
    with av.open(str(tmp_path / "o.mp4")) as container:
        made = [*container.decode(video=0)]
    assert [(it.width, it.height) for it in made] == [(128, 96)] * 5
