"""Clients that send too little, too slowly or too much before they have asked for anything."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from impasto.server import connections, run, shield
from impasto.server.run import Service
from support.board import eventually
from support.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASK = b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
MOST = 8
POST = b"POST /v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(run, "make_room", lambda: MOST)
    monkeypatch.setattr(shield, "BODY_SECONDS", 0.5)
    service = Service(Serving(tmp_path, port=0).context, None)
    running = threading.Thread(target=service.run)
    running.start()
    eventually(lambda: service._server.started, 20)
    yield urlsplit(service.url).port or 0
    service.stop()
    running.join(20)


def answer(port: int, *parts: bytes) -> bytes:
    """Return what the service sends until it closes the connection."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        try:
            for part in parts:
                sock.sendall(part)
            while data := sock.recv(1 << 16):
                found += data
        except ConnectionError:
            pass
    return found


@pytest.mark.parametrize("sent", [b"", b"GET / HT", ASK, b"\r\n", ASK + b"\r\n" + ASK])
def test_a_client_that_never_ends_the_head_of_a_request_is_left(port: int, sent: bytes) -> None:
    found = answer(port, sent)
    assert found.count(b"200 OK") == sent.count(b"\r\n\r\n")


def test_heads_of_requests_have_a_bounded_size(port: int) -> None:
    lines = (b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(10_000))
    assert b"200 OK" not in answer(port, ASK, *lines, b"\r\n")


def test_a_body_that_never_ends_is_refused_without_a_token(port: int) -> None:
    assert b" 408 " in answer(port, POST + b"Content-Length: 9\r\n\r\n{")
    assert b" 408 " in answer(port, POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")


def test_a_large_body_in_one_piece_is_no_large_head(port: int) -> None:
    body = b'{"token": "%s"}' % (b"a" * 900_000)
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert b" 400 " not in answer(port, head + body)


def test_one_connection_too_many_is_closed_and_a_later_one_served(port: int) -> None:
    last = ASK + b"Connection: close\r\n\r\n"
    held = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(MOST)]
    for sock in held:
        sock.sendall(ASK + b"\r\n")
        assert sock.recv(1 << 16)
    assert answer(port, last) == b""
    for sock in held:
        sock.close()
    eventually(lambda: b"200 OK" in answer(port, last), 20)


def test_what_strangers_can_make_it_say_is_not_logged(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = ASK + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    assert b"400 Bad Request" in answer(port, b"nonsense\r\n\r\n")
    assert answer(port, upgrade)
    assert not caplog.messages
