from __future__ import annotations

import os
import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from impasto.schema.events import Started, Stopped, Workers
from impasto.server.logs.places import LogObjects, Place
from impasto.server.streaming import hub as hub_module
from impasto.server.streaming import stream as stream_module
from support import board as jobs
from support.serving import Serving
from support.streams import Reader, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from impasto.schema.access import Role


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.context.board.close()


def token(serving: Serving, tenant: str = "", role: Role = "viewer") -> str:
    return serving.context.tokens.create(role, tenant=tenant)[1]


def test_a_page_follows_a_job_from_its_plan_to_its_end(serving: Serving) -> None:
    job = jobs.record(serving.context.home, 1)
    job.journal.write(Started(host="box", pid=1, resumed=0))
    jobs.drive(job)
    with served(serving.context) as service:
        reader = Reader(service.url, f"/v1/events?job={job.id}", token(serving))
        with reader:
            reader.wait(lambda: reader.lines and reader.of("shards") and reader.of("detail"))
            assert reader.of("jobs")[0]["whole"]
            assert len(reader.of("shards")[0]["shards"]) == 2
            jobs.shard_done(job, 1)
            reader.wait(lambda: len(reader.of("shards")) > 1)
            (changed,) = reader.of("shards")[-1]["shards"]
            assert (changed["shard"], changed["state"]) == (1, "done")
            reader.wait(lambda: reader.of("jobs")[-1]["rows"][0]["items_done"] == 3)
            assert not reader.of("jobs")[-1]["whole"]
            job.journal.write(Stopped(error="the disk is full", exit_code=4))
            job.folder.delete("drivers/00000000.json")
            reader.wait(lambda: reader.of("end"))
            assert reader.of("end")[0]["state"] == "failed"
            assert reader.lines[-1].startswith("ended: the disk is full")
            job.discard()
            reader.wait(lambda: reader.of("jobs")[-1]["gone"] == [job.id])
            reader.wait(lambda: reader.of("end")[-1]["state"] == "removed")


def test_followers_resume_exactly_on_other_instances(serving: Serving, tmp_path: Path) -> None:
    job = jobs.record(serving.context.home, 1)
    jobs.drive(job)
    stop = threading.Event()
    written: list[str] = []

    def write() -> None:
        while not stop.wait(0.03):
            text = f"note {len(written)}"
            job.journal.write(Workers(text=text), Workers(text=f"{text} too"))
            written.extend((f"workers: {text}", f"workers: {text} too"))

    writing = threading.Thread(target=write)
    writing.start()
    read: list[str] = []
    last = ""
    others = [serving, *(Serving(tmp_path) for _ in range(3))]
    try:
        for number, other in enumerate(others):
            if number == len(others) - 1:
                stop.set()
                writing.join()
            path = f"/v1/events?job={job.id}"
            with (
                served(other.context) as service,
                Reader(service.url, path, token(serving), last) as reader,
            ):
                reader.wait(lambda: len(reader.lines) > 20 or stop.is_set())
                before = len(read)
                if stop.is_set():
                    reader.wait(lambda: before + len(reader.lines) >= len(written))  # noqa: B023
            reader.wait(lambda: reader.ended)
            assert [each["whole"] for each in reader.of("log")][:1] in ([not number], [])
            read += reader.lines
            last = reader.last
    finally:
        stop.set()
        writing.join()
    assert sorted(read) == sorted(written)


def test_what_appears_late_is_neither_lost_nor_doubled(serving: Serving) -> None:
    job = jobs.record(serving.context.home, 1)
    jobs.drive(job)

    def write(text: str, ago: float) -> None:
        before = {*job.listing().logs}
        job.journal.write(Workers(text=text))
        (key,) = {*job.listing().logs} - before
        path = job.folder.local(key)
        assert path
        at = time.time() - ago
        os.utime(path, (at, at))

    path = f"/v1/events?job={job.id}"
    who = token(serving)
    with served(serving.context) as service:
        write("new", 0)
        write("old", 100)
        with Reader(service.url, path, who) as first:
            first.wait(lambda: len(first.lines) == 2)
        write("late", 6)
        write("newest", 0)
        with Reader(service.url, path, who, first.last) as second:
            second.wait(lambda: len(second.lines) == 2)
            write("later", 5)
            second.wait(lambda: len(second.lines) == 3)
        assert second.lines == ["workers: late", "workers: newest", "workers: later"]
        with Reader(service.url, path, who, second.last) as third:
            third.wait(lambda: third.of("detail"))
            write("last", 0)
            third.wait(lambda: third.lines)
            assert third.lines == ["workers: last"]


def test_a_place_counts_what_is_older_than_the_slack_as_read() -> None:
    listing = jobs.listing_of_logs(100.0, 101.5, 130.0, 125.0)
    objects = LogObjects()
    assert objects.add(listing) == 4
    place = Place.parse(str(objects.after(4)))
    assert place is not None
    assert place.since == 120
    assert objects.unread(place) == []
    assert objects.unread(Place()) == [0, 1, 2, 3]
    middle = objects.with_read(Place(), [0, 1])
    assert objects.unread(middle) == [2, 3]
    assert [Place.parse(text) for text in ("", "x", "-1.", "1.!", "1." + "A" * 70_000)] == [
        None
    ] * 5


def test_a_stream_shows_what_its_caller_sees(serving: Serving) -> None:
    home = serving.context.home
    mine, other = jobs.record(home, 1, tenant="acme"), jobs.record(home, 2, tenant="other")
    with (
        served(serving.context) as service,
        Reader(service.url, "/v1/events", token(serving, "acme")) as reader,
    ):
        reader.wait(lambda: reader.of("jobs"))
        other.cancel()
        mine.cancel()
        reader.wait(lambda: reader.of("jobs")[-1]["rows"][0]["state"] == "cancelled")
        other.discard()
        mine.discard()
        reader.wait(lambda: reader.of("jobs")[-1]["gone"])
        shown = {row["job"] for data in reader.of("jobs") for row in data["rows"]}
        gone = {job for data in reader.of("jobs") for job in data["gone"]}
        assert shown == gone == {mine.id}


def test_a_revoked_token_ends_its_streams(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "CHECK", 0.1)
    made, text = serving.context.tokens.create("viewer")
    with served(serving.context) as service, Reader(service.url, "/v1/events", text) as reader:
        reader.wait(lambda: reader.of("jobs"))
        serving.context.tokens.revoke(made.id)
        reader.wait(lambda: reader.ended)


def test_a_client_that_takes_nothing_is_left(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "SLOW", 0.5)
    monkeypatch.setattr(stream_module, "PING", 0.1)
    for number in range(60):
        jobs.record(serving.context.home, number, labels={f"l{n}": "x" * 190 for n in range(30)})
    with served(serving.context) as service:
        hub, where = service.app.state.hub, urlsplit(service.url)
        # The system's buffers would hold all that the test sends.
        service.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((where.hostname, where.port))
        lines = ("GET /v1/events HTTP/1.1", f"Host: {where.netloc}")
        head = "\r\n".join((*lines, f"Authorization: Bearer {token(serving)}", "", ""))
        slow.sendall(head.encode())
        jobs.eventually(lambda: hub.open == 1)
        with Reader(service.url, "/v1/events", token(serving)) as reader:
            reader.wait(lambda: reader.of("jobs"))
            jobs.eventually(lambda: hub.open == 1)
            assert not reader.ended
        slow.close()


def test_a_log_alone_ends_with_its_job(serving: Serving) -> None:
    job = jobs.record(serving.context.home, 1)
    job.journal.write(Workers(text="one"), Stopped(error="no", exit_code=3))
    with (
        served(serving.context) as service,
        Reader(service.url, f"/v1/jobs/{job.id}/logs/stream?level=error", token(serving)) as reader,
    ):
        reader.wait(lambda: reader.ended)
    assert [name for name, _ in reader.events] == ["log", "end"]
    assert reader.lines == ["ended: no (exit code 3)"]


def test_a_caller_has_room_for_so_many_streams(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MOST", 1)
    text = token(serving)
    client = serving.browser({"Authorization": f"Bearer {text}"})
    with served(serving.context) as service, Reader(service.url, "/v1/events", text) as reader:
        reader.wait(lambda: reader.of("jobs"))
        client.app.state.hub = service.app.state.hub  # type: ignore[attr-defined]
        refused = client.get("/v1/events")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        with Reader(service.url, "/v1/events", token(serving)) as other:
            other.wait(lambda: other.of("jobs"))
