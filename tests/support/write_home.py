"""Jobs as an earlier version left them: their commands, and how the tests' data was made.

The sources, scripts and outputs are objects in S3, whose URLs and etags are the same on every
machine, so that the jobs' ids are too. The home is a folder. To write one, check an earlier version
out and run this file in its environment:

    PYTHONPATH=tests python tests/support/write_home.py tests/data/home-0.1

The sources are taken from the folder, and made if there are none.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psutil

from support.clips import make_clip
from support.cloud import MotoS3
from support.command import found, impasto, kill_tree, start, wait_for

if TYPE_CHECKING:
    import subprocess

SPOILED = "n07"
JOBS: dict[str, list[str]] = {
    "video": [
        *("run", "s3://films/clip.mp4", "-o", "s3://films/made/video.mp4"),
        *("--scorer", "python:s3://models/negative.py:Negative", "--shard-frames", "12"),
    ],
    "rows": [
        *("run", "s3://films/rows.csv", "-o", "s3://films/made/rows.jsonl", "--max-failed", "1"),
        *("--scorer", "script:s3://models/double.py", "--mini-batch", "4", "--shard-frames", "10"),
    ],
    "finished": [
        *("run", "s3://films/rows.csv", "-o", "s3://films/made/finished.csv"),
        *("--scorer", "script:s3://models/double.py", "--mini-batch", "5", "--shard-frames", "20"),
    ],
}
"""Commands by their outcome: the first two are interrupted."""


def lay_out(s3: MotoS3, folder: Path) -> dict[str, str]:
    """Put the sources and scripts into buckets; returns the environment that commands need."""
    profiles = ""
    for bucket, role in (("films", "data"), ("models", "control")):
        s3.make_bucket(bucket)
        profiles += (
            f'[stores.{bucket}]\nurl = "s3://{bucket}"\nrole = "{role}"\n'
            f'endpoint = "{s3.endpoint}"\nauth = "key"\nkey_id = "S3_ID"\nsecret = "S3_KEY"\n'
        )
    config = folder / "impasto.toml"
    config.write_text(profiles)
    return {"IMPASTO_CONFIG": str(config), "S3_ID": s3.key_id, "S3_KEY": s3.secret}


def upload(sources: Path) -> None:
    """Copy the sources and scripts to where the jobs look for them."""
    for path in sources.iterdir():
        checked("cp", path, f"s3://{'models' if path.suffix == '.py' else 'films'}/{path.name}")


def made(name: str, folder: Path) -> bytes:
    """Return the output of a job."""
    output = JOBS[name][3]
    copy = folder / Path(output).name
    copy.unlink(missing_ok=True)
    checked("cp", output, copy)
    return copy.read_bytes()


def checked(*words: object) -> str:
    """Run a command that must succeed; returns what it printed."""
    done = impasto(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _write_sources(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "clip.mp4").exists():
        make_clip(folder / "clip.mp4", frames=72, size=(96, 64), gop=12, audio=("aac",))
    lines = ["name,amount", *(f"n{n:02d},{n * 1.5}" for n in range(60))]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")


def _in_one_go(folder: Path) -> dict[str, dict[str, str]]:
    """Run every job to its end in a separate home; returns ids and digests."""
    told: dict[str, dict[str, str]] = {}
    for name, words in JOBS.items():
        os.environ["SPOILED"] = SPOILED if name == "rows" else ""
        run = json.loads(checked(*words, "--home", folder / "whole", "--json"))
        told[name] = {"job": run["job"], "sha256": hashlib.sha256(made(name, folder)).hexdigest()}
        if name == "rows":
            os.environ["SPOILED"] = ""
            checked("retry", run["job"], "--home", folder / "whole")
            told[name]["retried"] = hashlib.sha256(made(name, folder)).hexdigest()
        checked("rm", JOBS[name][3])
    return told


def _interrupted(home: Path, expected: dict[str, dict[str, str]]) -> None:
    os.environ["DELAY"] = "0.2"
    job = home / "jobs" / expected["video"]["job"]
    process = start(*JOBS["video"], "--home", home, "--workers", 1)
    wait_for(lambda: found(job, "done/*") >= 1)
    _worker(process).kill()
    wait_for(lambda: found(job, "failed/*") == 1)
    wait_for(lambda: found(job, "done/*") >= 3)
    process.send_signal(signal.SIGINT)
    process.communicate()
    os.environ["SPOILED"] = SPOILED
    job = home / "jobs" / expected["rows"]["job"]
    process = start(*JOBS["rows"], "--home", home, "--workers", 1)
    wait_for(lambda: found(job, "done/*") >= 3)
    kill_tree(process)
    os.environ |= {"SPOILED": "", "DELAY": "0"}
    checked(*JOBS["finished"], "--home", home)


def _show(home: Path, job: str) -> Any:
    return json.loads(checked("show", job, "--home", home, "--json"))


def _worker(driver: subprocess.Popen[str]) -> psutil.Process:
    children = psutil.Process(driver.pid).children()
    (worker,) = (each for each in children if "impasto.engines." in " ".join(each.cmdline()))
    return worker


def main(folder: Path) -> None:
    """Write sources, a home with jobs, and the expected results into a folder."""
    shutil.rmtree(folder / "home", ignore_errors=True)
    _write_sources(folder / "sources")
    s3 = MotoS3.start()
    with TemporaryDirectory() as scratch:
        os.environ |= lay_out(s3, Path(scratch))
        upload(folder / "sources")
        expected = _in_one_go(Path(scratch))
        _interrupted(folder / "home", expected)
        shown = {name: _show(folder / "home", told["job"]) for name, told in expected.items()}
    s3.stop()
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    (folder / "shown.json").write_text(json.dumps(shown, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
