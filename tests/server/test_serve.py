from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from impasto.jobs import find
from impasto.server.access.tokens import Tokens
from impasto.server.board.kept import KeptJob
from impasto.server.logs.places import LogObjects
from impasto.server.logs.reader import LogReader
from impasto.storage.stores import Stores
from support.board import eventually
from support.command import impasto
from support.serve_process import ServeProcess
from support.streams import Reader
from support.watcher import drop, slowly, write_rules

if TYPE_CHECKING:
    from pathlib import Path


def test_the_service_runs_a_rule_and_a_follower_survives_its_death(tmp_path: Path) -> None:
    write_rules(tmp_path, {"square": {"shard_frames": 5}})
    gate = slowly(tmp_path)
    home = Stores({}).open_home(str(tmp_path / "home"))
    _, token = Tokens(home).create("viewer")
    with ServeProcess(tmp_path) as first:
        drop(tmp_path / "in" / "a.csv", range(20))
        eventually(lambda: find.ids(home), 60)
        (job,) = find.jobs(home)
        path = f"/v1/events?job={job.id}"
        with Reader(first.url, path, token) as before:
            before.wait(lambda: before.lines)
            first.signal(signal.SIGKILL)
            before.wait(lambda: before.ended)
    gate.write_text("")
    port = urlsplit(first.url).port or 0
    with (
        ServeProcess(tmp_path, port=port) as second,
        Reader(second.url, path, token, before.last) as after,
    ):
        after.wait(lambda: [end for end in after.of("end") if end["state"] == "done"])
        reader, objects = LogReader(kept := KeptJob(home, job.id)), LogObjects()
        objects.add(kept.look())
        stored = [line.text for lines in reader.lines(objects.found) for line in lines]
        assert sorted(before.lines + after.lines) == sorted(stored)
        second.signal(signal.SIGTERM)
        after.wait(lambda: after.ended)
        assert second.wait() == 0
    assert token not in "\n".join(first.lines + second.lines)


def test_what_stands_in_the_way_of_the_service_is_one_line(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path), "--no-watch")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = impasto("serve", *home, "--port", port)
        assert refused.returncode == 2
        assert f"127.0.0.1:{port}: address already in use" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    (tmp_path / "c.pem").write_text("nothing")
    cert = str(tmp_path / "c.pem")
    refused = impasto("serve", *home, "--tls-cert", cert, "--tls-key", cert)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


def test_the_first_start_prints_a_link_that_logs_in_and_the_next_none(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    home = ("--home", str(tmp_path / "home"), "--no-watch")
    with ServeProcess(tmp_path, *home) as first:
        eventually(lambda: [line for line in first.lines if "#token=" in line], 20)
    (line,) = [line for line in first.lines if "#token=" in line]
    link, _, token = line.strip().partition("#token=")
    assert link == first.url
    found = Tokens(Stores({}).open_home(str(tmp_path / "home"))).find(token)
    assert found
    assert found.role == "admin"
    with ServeProcess(tmp_path, *home) as second:
        second.signal(signal.SIGTERM)
        assert second.wait() == 0
    assert not [line for line in second.lines if "#token" in line]
