"""What `impasto watch status`, `retry`, `redo`, `forget` and `impasto gc` tell and change."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from impasto.jobs.job import Job
from impasto.schema.watch import RuleNews
from impasto.settings import load
from impasto.storage.stores import Stores
from impasto.watch.claims import Claims
from impasto.watch.records import Records
from impasto.watch.rules import load_rules
from support.command import call
from support.jobs import RESULT, spec
from support.watching import RULE, WATCHERS, ending, ticket

if TYPE_CHECKING:
    import subprocess

    from impasto.schema.watch import Ticket
    from impasto.storage.store import Store

CONFIG = f"""
[rules.{RULE}]
inbox = "in"
patterns = ["**/*.mp4"]
scorer = "identity"
output = "out/{{path}}/{{name}}.mp4"
"""


@dataclass
class Place:
    """A folder with rules, an inbox and a home."""

    root: Path
    recipe: str

    @property
    def home(self) -> Store:
        return Stores({}).open(str(self.root / "home"))

    @property
    def records(self) -> Records:
        return Records(self.home)

    def ticket(self, key: str, version: str = "v1") -> Ticket:
        (self.root / "in" / key).parent.mkdir(parents=True, exist_ok=True)
        (self.root / "in" / key).write_text("n\n1\n")
        return ticket(key, version, recipe=self.recipe)

    def ended(self, key: str, state: str = "failed", **fields: str) -> Ticket:
        made = self.ticket(key)
        self.records.admit(made)
        self.records.end(made, ending(made, state, **fields))
        self.records.close(RULE, made.name)
        return made

    def call(self, *words: object) -> subprocess.CompletedProcess[str]:
        home, config = self.root / "home", self.root / "impasto.toml"
        return call(*words, "--home", home, "--config", config)

    def status(self) -> dict[str, Any]:
        done = self.call("watch", "status", "--json")
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.splitlines()
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "in").mkdir()
    (tmp_path / "home").mkdir()
    config = tmp_path / "impasto.toml"
    config.write_text(CONFIG)
    settings = load(str(config), home=str(tmp_path / "home"))
    _, (rule,) = load_rules(str(config), settings, Stores.of(settings))
    return Place(tmp_path, rule.variants[0].recipe)


def test_status_is_a_table_with_what_failed_below(place: Place) -> None:
    place.records.admit(place.ticket("waits.mp4"))
    place.ended("ann/a.mp4", "done")
    place.ended("ann/b.mp4", error="the shard \x1b[2J was hard", job="0123456789ab")
    place.records.reject_message(RULE, b"{\x1b[2J" * 99, "is no JSON")
    done = place.call("watch", "status")
    assert done.returncode == 0
    head, row, ages, *rest = done.stdout.splitlines()
    assert head.split() == ["rule", "seen", "waiting", "running", "done", "failed", "poison"]
    assert row.split() == [RULE, "3", "1", "0", "1", "1", "1"]
    assert "the oldest waits for " in ages
    assert "the last was done " in ages
    text = "\n".join(rest)
    assert "paint: ann/b.mp4 (job 0123456789ab): the shard ?[2J was hard" in text
    assert r"is no JSON, and begins with {\x1b[2J{" in text
    assert max(map(len, rest)) < 160
    assert "\x1b" not in done.stdout
    assert max(map(len, (head, row, ages))) <= 80
    assert done.stderr == "note: no watcher runs; 'impasto watch' starts one\n"


def test_status_says_what_watchers_see(place: Place) -> None:
    claims = Claims(place.home, WATCHERS[0], 30.0)
    claims.beat({RULE: RuleNews(objects=9, settling=2, unannounced=3, dropped=1, error="away")})
    done = place.call("watch", "status", RULE)
    told = (
        "9 objects in the inbox, 2 still being written",
        "3 objects came without a message",
        "1 message could not be read",
        "the inbox cannot be listed: away",
    )
    assert all(each in done.stdout for each in told), done.stdout
    assert f"watcher: process {os.getpid()}" in done.stdout
    assert place.status()["watchers"] == 1


def test_only_the_newest_failures_are_shown_unless_all_are_asked_for(place: Place) -> None:
    for n in range(8):
        place.ended(f"{n}.mp4", error="no")
    # Others' messages do not hide what failed.
    for n in range(8):
        place.records.reject_message(RULE, bytes([n]), "is no JSON")
    few, everything = place.call("watch", "status"), place.call("watch", "status", "-v")
    assert [few.stdout.count(each) for each in ("\nfailed ", "\npoison ")] == [5, 5]
    assert "6 older are left out; add -v" in few.stderr
    assert [everything.stdout.count(each) for each in ("\nfailed ", "\npoison ")] == [8, 8]


def test_an_unknown_rule_gets_a_hint(place: Place) -> None:
    done = place.call("watch", "status", "pant")
    assert done.returncode == 2
    assert done.stderr == f"impasto: rule pant: is not known; did you mean {RULE}?\n"


def test_an_item_that_failed_is_tried_again(place: Place) -> None:
    place.ended("ann/a.mp4")
    for item in ("ann/a.mp4", place.root / "in/ann/a.mp4"):
        place.ended("ann/a.mp4")
        done = place.call("watch", "retry", item)
        assert (done.returncode, done.stdout) == (0, f"{RULE}: {item} will be tried again\n")
        assert place.status()["waiting"] == 1
        again = place.call("watch", "retry", item)
        assert again.returncode == 2
        assert "waits for its job already" in again.stderr


def test_all_that_failed_is_tried_again(place: Place) -> None:
    for n in range(3):
        place.ended(f"{n}.mp4")
    place.ended("p.mp4", "poison")
    done = place.call("watch", "retry", "--failed")
    assert (done.returncode, done.stdout) == (0, "3 items will be tried again\n")
    assert (place.status()["waiting"], place.status()["poison"]) == (3, 1)
    assert place.call("watch", "retry", "--failed").stdout == "nothing has failed\n"
    assert place.call("watch", "retry").returncode == 2
    assert place.call("watch", "retry", "x", "--failed").returncode == 2


def test_an_item_that_is_done_is_made_again_by_redo_only(place: Place) -> None:
    job = Job(place.home, "0123456789ab")
    job.record(spec(place.root / "in/a.mp4", place.root / "out/a.mp4"))
    job.record(RESULT)
    place.ended("a.mp4", "done", job=job.id, output=str(place.root / "out/a.mp4"))
    refused = place.call("watch", "retry", "a.mp4")
    assert refused.returncode == 2
    assert "a.mp4: is done; 'impasto watch redo' makes its output again" in refused.stderr
    source = place.root / "in/a.mp4"
    source.rename(place.root / "moved.mp4")
    gone = place.call("watch", "redo", "a.mp4")
    assert gone.returncode == 2
    assert "a.mp4: is no longer in its inbox; move it back" in gone.stderr
    (place.root / "moved.mp4").rename(source)
    done = place.call("watch", "redo", "a.mp4")
    assert (done.returncode, done.stdout) == (0, f"{RULE}: a.mp4 will be made again\n")
    assert not job.exists()
    assert place.status()["waiting"] == 1


def test_a_forgotten_item_counts_as_new(place: Place) -> None:
    made = place.ended("a.mp4")
    done = place.call("watch", "forget", "a.mp4")
    assert (done.returncode, done.stdout) == (
        0,
        f"{RULE}: a.mp4 is forgotten, and counts as new\n",
    )
    assert place.status()["seen"] == 0
    assert place.records.admit(made)


def test_an_unknown_item_gets_a_hint(place: Place) -> None:
    place.ended("ann/a.mp4")
    done = place.call("watch", "forget", "ann/b.mp4")
    assert done.returncode == 2
    assert done.stderr == "impasto: ann/b.mp4: is not known; did you mean ann/a.mp4?\n"


def test_wrong_rules_do_not_hide_what_is_recorded(place: Place) -> None:
    place.ended("ann/a.mp4")
    (place.root / "impasto.toml").write_text("[rules.paint]\nnope = 1\n")
    done = place.call("watch", "retry", "ann/a.mp4")
    assert done.returncode == 0
    assert "only what is recorded is known" in done.stderr


def aged(place: Place) -> None:
    at = time.time() - 40 * 86400
    for path in (place.root / "home/watch").rglob("*.json"):
        os.utime(path, (at, at))


def test_gc_removes_old_records_of_objects_that_are_gone(place: Place) -> None:
    place.ended("gone.mp4", "done")
    place.ended("here.mp4", "done")
    aged(place)
    assert "nothing to remove" in place.call("gc", "--older-than", "30d").stdout
    (place.root / "in/gone.mp4").unlink()
    would = place.call("gc", "--older-than", "30d", "--dry-run")
    assert "  1 record of rule paint: seen\n" in would.stdout
    assert place.status()["seen"] == 2
    done = place.call("gc", "--older-than", "30d", "--json")
    kinds = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["kind"], each["count"]) for each in kinds] == [("record", 1), ("record", 1)]
    assert place.status()["seen"] == 1


def test_gc_keeps_everything_while_an_inbox_is_away_or_rules_are_wrong(place: Place) -> None:
    place.ended("gone.mp4", "done")
    aged(place)
    (place.root / "in/gone.mp4").unlink()
    empty = place.call("gc", "--older-than", "30d")
    assert "records of rule paint stay: the inbox is empty" in empty.stderr
    (place.root / "in").rmdir()
    away = place.call("gc", "--older-than", "30d")
    assert "records of rule paint stay: the inbox does not answer" in away.stderr
    (place.root / "impasto.toml").write_text("[rules.paint]\nnope = 1\n")
    wrong = place.call("gc", "--older-than", "30d")
    assert "records of rules stay: " in wrong.stderr
    (place.root / "impasto.toml").write_text("")
    none = place.call("gc", "--older-than", "30d")
    assert "records of rule paint stay: no rule is configured here" in none.stderr
    assert [each.returncode for each in (empty, away, wrong, none)] == [0] * 4
    assert place.status()["seen"] == 1


HOSTILE = (b"", b"[" * 5000, b'{"state": "done", "x": 1}', b"\xff\xfe\x00", b'{"key": "../../x"}')


def test_records_that_others_have_written_are_passed_over(place: Place) -> None:
    place.records.admit(place.ticket("open.mp4"))
    for state in ("done", "failed", "poison", "superseded"):
        place.ended(f"{state}.mp4", state)
    place.records.reject_message(RULE, b"{", "is no JSON")
    claims = Claims(place.home, WATCHERS[0], 30.0)
    claims.beat({})
    claims.take(f"{RULE}/{place.ticket('open.mp4').name}")
    files = sorted((place.root / "home/watch").rglob("*.json"))
    assert len(files) >= 13
    for hostile in HOSTILE:
        for path in files:
            path.write_bytes(hostile)
        for words in (["status", "-v"], ["retry", "failed.mp4"], ["redo", "done.mp4"]):
            done = place.call("watch", *words)
            assert done.returncode in {0, 2}, done.stderr
            assert "internal error" not in done.stderr
    assert place.call("watch", "forget", "done.mp4").returncode == 0
