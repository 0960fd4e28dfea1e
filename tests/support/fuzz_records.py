"""Hostile values in every field of every record that a home holds, and what commands make of them.

A command ends with its work done or with one line, never with a traceback, and writes nothing
outside the home and the output. The tests try a few values; to try as many as there is time for:

    PYTHONPATH=tests python -m support.fuzz_records --minutes 60
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import time
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from support.clips import make_clip
from support.command import call

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from types import FrameType

    Change = Callable[[random.Random, Path], None]

KINDS = ("images", "video", "rows", "files")
LIMIT = 60
"""Seconds after which a command counts as hung."""
_DEEP = "nested deeply"
"""Stands for a value that is too deep for `json.dumps`."""
_OUTSIDE = "escaped"


@dataclass(frozen=True)
class Prepared:
    """A job that was interrupted, or is done, to be copied for every attempt.

    Attributes:
        kind: what its source is.
        root: the folder whose content is restored; it holds ``home`` and ``made`` and much else.
        kept: a copy of that content.
        job: the job's id.
    """

    kind: str
    root: Path
    kept: Path
    job: str

    @property
    def records(self) -> list[Path]:
        """Every record, sorted."""
        found = (self.root / "home").rglob("*.json*")
        return sorted(path for path in found if "segments" not in path.parts)

    def restore(self) -> None:
        """Undo all that an attempt did."""
        for name in ("home", "made"):
            shutil.rmtree(self.root / name)
            shutil.copytree(self.kept / name, self.root / name)

    def outside(self) -> dict[str, bytes]:
        """Return every file outside the home and the output, with its content."""
        above = self.root.parent
        allowed = (self.root / "home", self.root / "made", self.kept)
        files = (path for path in above.rglob("*") if path.is_file())
        mine = (path for path in files if not any(path.is_relative_to(at) for at in allowed))
        return {str(path): path.read_bytes() for path in mine}


def prepare(kind: str, folder: Path, *, done: bool = False) -> Prepared:
    """Make a job with every kind of record.

    Args:
        kind: one of `KINDS`.
        folder: an empty folder of its own.
        done: whether the job is finished, else a shard is left.
    """
    root = folder / "root"
    (root / "made").mkdir(parents=True)
    words = _WORDS[kind](root)
    ended = call("run", *words, "--home", root / "home", "--json")
    assert ended.returncode == 0, ended.stderr
    job = json.loads(ended.stdout)["job"]
    place = root / "home" / "jobs" / job
    first = place / "done" / "00000.json"
    record = json.loads(first.read_text())
    failed = {"shard": 0, "error": "died", "kind": "died", "items": [0]}
    for key in ("failed", "bases"):
        (place / key).mkdir()
    (place / "failed" / "00000-1.json").write_text(json.dumps(failed))
    (place / "bases" / "00000.json").write_text(json.dumps(record))
    if not done:
        (place / "result.json").unlink()
        (place / "done" / "00001.json").unlink()
        shutil.rmtree(root / "made")
        (root / "made").mkdir()
    kept = folder / "kept"
    shutil.copytree(root, kept)
    return Prepared(kind, root, kept, job)


def attempt(prepared: Prepared, seed: int) -> str:
    """Spoil one record, run commands on the job, and return what is wrong with how they end.

    Args:
        prepared: the job, which is restored first.
        seed: chooses what is spoiled.
    """
    prepared.restore()
    chosen = random.Random(seed)
    # Of each kind as often, though there are more of some.
    kinds: dict[str, list[Path]] = {}
    for each in prepared.records:
        alone = each.parent.name == prepared.job
        kinds.setdefault(each.name if alone else each.parent.name, []).append(each)
    path = chosen.choice(kinds[chosen.choice(sorted(kinds))])
    what = _spoil(chosen, path, str(prepared.root.parent / _OUTSIDE / "x.png"))
    before = prepared.outside()
    told = f"{prepared.kind} {seed}: {path.relative_to(prepared.root)}: {what}"
    home = ("--home", prepared.root / "home")
    form = chosen.choice([(), ("--json",)])
    for words in (
        ("jobs", *home),
        ("show", prepared.job, *home, *form),
        ("logs", prepared.job, *home, *form),
        ("resume", prepared.job, *home, "--quiet"),
        ("show", prepared.job, *home),
    ):
        fault = _fault(words)
        if fault:
            return f"{told}: {words[0]}: {fault}"
    if prepared.outside() != before:
        changed = prepared.outside().items() ^ before.items()
        return f"{told}: wrote {sorted({name for name, _ in changed})}"
    return ""


def _fault(words: tuple[object, ...]) -> str:
    """Run a command; returns what is wrong with how it ends, or ""."""

    def late(_: int, __: FrameType | None) -> None:
        raise TimeoutError("hung")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        # A spoiled spec may name its output by a relative path.
        with TemporaryDirectory() as folder, chdir(folder):
            ended: subprocess.CompletedProcess[str] = call(*words)
    except BaseException as error:  # noqa: BLE001 (each is a fault to report)
        return f"raised {type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.alarm(0)
    last = (ended.stderr.strip().splitlines() or [""])[-1][:300]
    if ended.returncode not in {0, 2, 3, 4}:
        return f"exit code {ended.returncode}: {last}"
    for sign in ("Traceback", "internal error", "Error: "):
        if sign in ended.stderr and words[0] != "logs":
            return f"says {sign}: {last}"
    if ended.returncode and not last.startswith("impasto: "):
        return f"ends without a line: {last}"
    return ""


def _spoil(chosen: random.Random, path: Path, outside: str) -> str:
    """Spoil a record in one way; returns which."""
    text = path.read_text()
    way = chosen.random()
    if way < 0.04:
        path.write_bytes(text.encode()[: chosen.randrange(len(text))])
        return "cut short"
    if way < 0.08:
        at = chosen.randrange(len(text))
        path.write_bytes(text[:at].encode() + b"\xff\x00" + text[at:].encode())
        return f"bytes at {at}"
    if way < 0.12:
        other = chosen.choice(sorted(path.parents[1].rglob("*.json")))
        path.write_bytes(other.read_bytes())
        return f"is {other.name}"
    if way < 0.14:
        path.write_text(chosen.choice(["[]", "null", "5", '""', "[" * 100_000, "{}", "\ufeff{}"]))
        return "another value"
    lines = text.splitlines() if path.suffix == ".jsonl" else [text]
    n = chosen.randrange(len(lines))
    value = json.loads(lines[n])
    spots = list(_spots(value))
    holder, key, where = chosen.choice(spots)
    hostile = chosen.choice(_hostile(outside))
    if chosen.random() < 0.1:
        del holder[key]
        hostile = "(deleted)"
    elif chosen.random() < 0.1 and isinstance(holder[key], list):
        holder[key] = holder[key] * 2
        hostile = "(doubled)"
    else:
        holder[key] = hostile
    lines[n] = json.dumps(value).replace(f'"{_DEEP}"', "[" * 5000 + "]" * 5000)
    path.write_text("\n".join(lines) + "\n")
    return f"{where} = {str(hostile)[:60]!r}"


def _spots(value: Any, where: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Yield every place in a JSON value that holds a value: its holder, its key, and its name."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))[:6]
    for key, part in pairs:
        yield value, key, f"{where}.{key}"
        yield from _spots(part, f"{where}.{key}")


def _hostile(outside: str) -> list[Any]:
    return [
        *(outside, f"../../../../{_OUTSIDE}/x.png", "..", ".", "", "/", "~", "a/../../b", "a//b"),
        *("a\0b", "a\nb", "\x1b[2Jx", "\ud800", "x" * 1_000_000, "CON", "\\\\host\\share", "#1"),
        *("segments/00000-abc/", "segments/../spec.json", "https://evil.example/x?sig=1234", "1/0"),
        *(None, True, False, 0, -1, 1, 2, 7, 100, 65536, 2**31, 2**53 + 1, 2**63, 10**40, 10**400),
        *(0.5, -0.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), "1e999999", "nan"),
        *([], {}, [[]], [None], ["../x"], {"a": "../x"}, [1, 1], list(range(5000)), _DEEP),
    ]


def _images(root: Path) -> list[object]:
    folder = root / "in"
    folder.mkdir()
    for n in range(4):
        Image.fromarray(np.full((8, 8, 3), n * 40, np.uint8)).save(folder / f"{n}.png")
    return [folder, "-o", root / "made" / "out", "--scorer", "identity", "--shard-frames", 2]


def _video(root: Path) -> list[object]:
    clip = make_clip(root / "clip.mp4", frames=12, size=(64, 48), gop=6)
    output = root / "made" / "out.mkv"
    return [clip, "-o", output, "--scorer", "identity", "--shard-frames", 6, "--preset=ultrafast"]


def _rows(root: Path) -> list[object]:
    table = root / "rows.csv"
    table.write_text("x\n1\n2\n3\n4\n")
    output = root / "made" / "out.jsonl"
    return [table, "-o", output, *_script(root), "--shard-frames", 2]


def _files(root: Path) -> list[object]:
    folder = root / "in"
    folder.mkdir()
    for n in range(4):
        (folder / f"{n}.dat").write_text(str(n))
    output = root / "made" / "out.jsonl"
    return [folder, "-o", output, "--items", "files", *_script(root), "--shard-frames", 2]


def _script(root: Path) -> list[object]:
    script = root / "score.py"
    script.write_text("def init():\n    pass\n\n\ndef run(batch):\n    return [1] * len(batch)\n")
    return ["--scorer", f"script:{script}"]


_WORDS: dict[str, Callable[[Path], list[object]]] = {
    "images": _images,
    "video": _video,
    "rows": _rows,
    "files": _files,
}


def main() -> None:
    """Try seeds for some minutes; print every fault, and exit with 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    asked = parser.parse_args()
    until, seed, faults = time.monotonic() + 60 * asked.minutes, asked.seed, 0
    with TemporaryDirectory() as folder:
        jobs = [
            prepare(kind, Path(folder, f"{kind}{done:d}"), done=done)
            for kind in KINDS
            for done in (False, True)
        ]
        while time.monotonic() < until:
            fault = attempt(jobs[seed % len(jobs)], seed)
            seed += 1
            if fault:
                faults += 1
                print(fault, flush=True)
    print(f"{seed - asked.seed} attempts, {faults} faults")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
