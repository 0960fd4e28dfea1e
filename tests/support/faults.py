"""A proxy in front of a test server that counts what passes and injects faults on request.

It terminates TLS, passes every message on unchanged (so that signatures stay valid), and keeps one
connection to the server for each connection of a client.
"""

from __future__ import annotations

import random
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from typing import Self, TypeAlias
from urllib.parse import urlsplit

from support.cloud import LOCAL, Authority

BLOCK = 64 * 1024
TIMEOUT = 60.0


@dataclass(frozen=True)
class Refuse:
    """Answer with an error, without asking the server."""

    status: int = 503
    code: str = "ServerBusy"
    retry_after: float | None = None


@dataclass(frozen=True)
class Reset:
    """Reset the connection, without asking the server."""


@dataclass(frozen=True)
class LoseReply:
    """Let the server handle the request, then reset the connection instead of answering."""


@dataclass(frozen=True)
class CutBody:
    """Send the answer's head and half of its body, then reset the connection.

    An answer without a body reaches the client whole.
    """


@dataclass(frozen=True)
class Delay:
    """Wait before the server is asked."""

    seconds: float


Fault: TypeAlias = Refuse | Reset | LoseReply | CutBody | Delay


@dataclass
class Record:
    """One request.

    Attributes:
        method: GET, PUT, ...
        path: the path as it was sent, without the query.
        query: what followed ``?``, including the signature.
        headers: the request's, by lower-case name.
        up: bytes of the request's body.
        fault: the fault injected into it.
        forwarded: whether the server was asked.
        status: the status sent to the client; 0 when none was sent.
        down: bytes of the answer's body that the client was sent.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str] = field(repr=False)
    up: int = 0
    fault: Fault | None = None
    forwarded: bool = False
    status: int = 0
    down: int = 0


Choose: TypeAlias = Callable[[Record], Fault | None]


def random_faults(seed: int, rate: float, kinds: Sequence[Fault]) -> Choose:
    """Inject one of some faults into one in ``1 / rate`` requests, chosen by order of arrival."""
    dice = random.Random(seed)

    def choose(record: Record) -> Fault | None:
        del record
        return dice.choice(kinds) if dice.random() < rate else None

    return choose


class Proxy:
    """A proxy with HTTPS on a free port of 127.0.0.1; use it as a context manager.

    Attributes:
        fault: called for each request, one at a time, once its body is here; may be replaced.
        records: every request so far, in order of arrival.
    """

    def __init__(self, target: str, authority: Authority, fault: Choose | None = None) -> None:
        """Start in front of ``target``, a server's URL, whose path is ignored."""
        url = urlsplit(target)
        self.fault = fault
        self.records: list[Record] = []
        self._address = (url.hostname or "", url.port or (443 if url.scheme == "https" else 80))
        self._server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server_tls.load_cert_chain(authority.cert_pem, authority.key_pem)
        self._client_tls = None
        if url.scheme == "https":
            self._client_tls = ssl.create_default_context(cafile=str(authority.ca_pem))
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((LOCAL, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Its address; the path that a client requests follows it."""
        return f"https://{LOCAL}:{self.port}"

    def count(self, method: str | None = None) -> int:
        """Return how many requests came, or how many with one method."""
        return sum(method in (None, record.method) for record in list(self.records))

    def clear(self) -> None:
        """Forget the requests so far."""
        self.records.clear()

    def stop(self) -> None:
        """Stop listening and close open connections."""
        self._stopped.set()
        with self._lock:
            for sock in (self._listener, *self._open):
                _wake(sock)
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        """Answer one client until it leaves; an error on either side ends its connection."""
        plain.settimeout(TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock = self._server_tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(sock)
        with suppress(OSError, _Ended), ExitStack() as stack:
            client = stack.enter_context(_Line(sock))
            server = stack.enter_context(_Upstream(self._address, self._client_tls))
            sock.do_handshake()
            while self._exchange(client, server):
                pass
        with self._lock:
            self._open.discard(sock)

    def _exchange(self, client: _Line, server: _Upstream) -> bool:
        """Pass one request and its answer; return whether the connection can be used again."""
        request = client.head()
        if "expect" in request.headers:
            client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b"".join(client.body(request, empty=not request.framed))
        record = self._note(request, len(body))
        match record.fault:
            case Refuse() as refusal:
                record.status = refusal.status
                client.send(_refusal(refusal, record.method))
                return True
            case Reset():
                return client.reset()
            case Delay(seconds):
                self._stopped.wait(seconds)
            case _:
                pass
        record.forwarded = True
        return _answer(record, server.ask(request, body), client)

    def _note(self, request: _Head, up: int) -> Record:
        """Record a request and choose its fault."""
        method, target, _ = request.start.split(" ", 2)
        path, _, query = target.partition("?")
        record = Record(method, path, query, request.headers, up)
        with self._lock:
            self.records.append(record)
            record.fault = self.fault(record) if self.fault else None
        return record


class _Ended(Exception):
    """The other side closed the connection between two messages, or amid one."""


@dataclass(frozen=True)
class _Head:
    """A message without its body: its first line, its headers, and the raw bytes as they came."""

    start: str
    headers: dict[str, str]
    raw: bytes

    @property
    def status(self) -> int:
        return int(self.start.split(" ", 2)[1])

    @property
    def chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def length(self) -> int | None:
        value = self.headers.get("content-length")
        return None if value is None else int(value)

    @property
    def framed(self) -> bool:
        """Whether the head says where the body ends; otherwise the connection's end does."""
        return self.chunked or self.length is not None

    @property
    def kept(self) -> bool:
        """Whether the connection outlives an answer."""
        default = "keep-alive" if self.start.startswith("HTTP/1.1") else "close"
        return "close" not in self.headers.get("connection", default).lower()


class _Line:
    """One connection, seen as HTTP messages."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = BufferedReader(sock.makefile("rb", buffering=0), BLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()
        self._sock.close()

    def reset(self) -> bool:
        """Close so that the other side sees a reset; always returns False."""
        with suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()
        return False

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def idle(self) -> bool:
        """Return whether nothing came since the last message; a close counts as something."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def head(self) -> _Head:
        lines = [self._line()]
        while lines[-1] != b"\r\n":
            lines.append(self._line())
        # The body is requested here and sent on whole, so the server must not request it again.
        raw = b"".join(line for line in lines if not line.lower().startswith(b"expect:"))
        pairs = [line.decode("latin-1").partition(":") for line in lines[1:-1]]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return _Head(lines[0].decode("latin-1").rstrip(), headers, raw)

    def body(self, head: _Head, *, empty: bool) -> Iterator[bytes]:
        """Yield a body as it comes, without chunk framing."""
        if empty:
            return
        if head.chunked:
            while size := int(self._line().split(b";")[0], 16):
                yield from self._parts(size)
                self._line()
            while self._line() != b"\r\n":
                pass
        elif head.length is None:
            while part := self._reader.read1(BLOCK):
                yield part
        else:
            yield from self._parts(head.length)

    def _parts(self, size: int) -> Iterator[bytes]:
        while size:
            part = self._reader.read1(min(size, BLOCK))
            if not part:
                raise _Ended
            size -= len(part)
            yield part

    def _line(self) -> bytes:
        line = self._reader.readline(BLOCK)
        if not line.endswith(b"\n"):
            raise _Ended
        return line


class _Upstream:
    """The server, over one connection that is reopened when the server has closed it."""

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._tls = tls
        self._line: _Line | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line:
            self._line.close()

    def ask(self, request: _Head, body: bytes) -> tuple[_Line, _Head]:
        """Send a request; return its answer's head and the source of its body."""
        if self._line and not self._line.idle():
            self._line.close()
            self._line = None
        line = self._line = self._line or self._connect()
        line.send(request.raw + (_chunk(body) + _chunk(b"") if request.chunked else body))
        answer = line.head()
        while answer.status < 200:
            answer = line.head()
        return line, answer

    def _connect(self) -> _Line:
        sock = socket.create_connection(self._address, TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            sock = self._tls.wrap_socket(sock, server_hostname=self._address[0])
        return _Line(sock)


def _answer(record: Record, source: tuple[_Line, _Head], client: _Line) -> bool:
    """Send the client the server's answer; return whether its connection can be used again."""
    line, head = source
    empty = record.method == "HEAD" or head.status in (204, 304)
    parts = line.body(head, empty=empty)
    if isinstance(record.fault, LoseReply):
        # To its end, so that the server has finished the request.
        list(parts)
        return client.reset()
    record.status = head.status
    if isinstance(record.fault, CutBody):
        body = b"".join(parts)
        parts = iter([body[: len(body) // 2]])
    waiting = head.raw
    for part in parts:
        record.down += len(part)
        client.send(waiting + (_chunk(part) if head.chunked and part else part))
        waiting = b""
    if isinstance(record.fault, CutBody):
        return client.reset()
    client.send(waiting + (_chunk(b"") if head.chunked and not empty else b""))
    return head.kept and (head.framed or empty)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _refusal(refusal: Refuse, method: str) -> bytes:
    """Format an error as Azure does; S3's clients read the same document."""
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{refusal.code}</Code><Message>Refused by a test.</Message></Error>"
    )
    lines = [
        f"HTTP/1.1 {refusal.status} {refusal.code}",
        f"x-ms-error-code: {refusal.code}",
        "Content-Type: application/xml",
        f"Content-Length: {len(body)}",
    ]
    if refusal.retry_after is not None:
        lines.append(f"Retry-After: {refusal.retry_after:g}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return (head + ("" if method == "HEAD" else body)).encode()


def _wake(sock: socket.socket) -> None:
    """Make whatever waits for a socket see its end."""
    # Not SSLSocket's own shutdown, which removes the encryption under its reader.
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
