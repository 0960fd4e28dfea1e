"""Webhooks against a real receiver over TLS, whatever it answers."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from impasto.errors import BadInput, Unavailable
from impasto.schema.watch import Ended, Hook
from impasto.secrecy import redact
from impasto.watch import hooks, webhook
from impasto.watch.hooks import ORPHANED, WAITS, HookDelivery
from impasto.watch.rule import Rule, Variant
from impasto.watch.webhook import Answer, check_receiver, message, message_id, send
from support.command import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.cloud import Authority

SECRET = "whsec_" + base64.b64encode(b"a key of many bytes for tests").decode()
TICKET = f"{1:016x}-{2:016x}"
BODY = b'{"type": "impasto.job.done", "timestamp": "", "data": {}}'


class Receiver:
    """A receiver of webhooks, which gives the answers that a test wants, the last one for ever."""

    def __init__(self, authority: Authority | None = None, *answers: Any) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers = list(answers or [204])
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.got.append(
                    (
                        {name.lower(): value for name, value in self.headers.items()},
                        self.rfile.read(int(self.headers["Content-Length"])),
                    )
                )
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if callable(answer):
                    answer(self)
                    return
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.cert_pem, authority.key_pem)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if authority else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}/hook?code=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def receiving(authority: Authority | None = None, *answers: Any) -> Iterator[Receiver]:
    receiver = Receiver(authority, *answers)
    try:
        yield receiver
    finally:
        receiver.stop()


@pytest.fixture(autouse=True)
def _trusting(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_pem))
    monkeypatch.setenv("HOOK_SECRET", SECRET)


def test_a_receiver_can_check_where_a_webhook_comes_from(authority: Authority) -> None:
    with receiving(authority) as receiver:
        assert send(receiver.url, SECRET, "msg_1", BODY) == Answer(delivered=True)
        ((headers, body),) = receiver.got
        assert Webhook(SECRET).verify(body, headers) == json.loads(BODY)
        assert headers["webhook-id"] == "msg_1"
        assert headers["content-type"] == "application/json"
        for other in (SECRET.replace("YS", "YT"), "whsec_" + "A" * 40):
            with pytest.raises(WebhookVerificationError):
                Webhook(other).verify(body, headers)


def test_a_plain_secret_signs_as_it_is(authority: Authority) -> None:
    plain = "correct horse battery staple"
    with receiving(authority) as receiver:
        send(receiver.url, plain, "msg_1", BODY)
        ((headers, body),) = receiver.got
        Webhook(base64.b64encode(plain.encode()).decode()).verify(body, headers)


@pytest.mark.parametrize("bad", ["short", "whsec_c2hvcnQ=", "whsec_%%%"])
def test_a_secret_that_cannot_sign_is_refused_and_not_repeated(bad: str) -> None:
    with pytest.raises(BadInput, match=r"^hook_secret: ") as refused:
        send("https://127.0.0.1:1/", bad, "msg_1", BODY)
    assert bad not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://127.0.0.1@evil.com/",
        "https://127.0.0.1@evil.com/",
        "http://127.0.0.1.evil.com/",
        "http://0x7f.1/",
        "http://0.0.0.0/",
        "ftp://127.0.0.1/",
        "https:///path",
        "https://host:99999/",
        "https://[::1",
        "https://host/a b",
        "https://host/a\r\nX: 1",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_webhook_goes_to_encrypted_places_only(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_receiver(url)
    assert str(refused.value).isprintable()


def test_what_is_secret_in_a_url_is_hidden() -> None:
    url = "https://prod.logic.example.com/workflows?sp=run&sig=c2VjcmV0LXNpZ25hdHVyZQ"
    assert check_receiver(url) == url
    assert "c2VjcmV0" not in redact(f"it is {url}")
    assert check_receiver("http://localhost:8080/hook")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (500, Answer(False, "answers 500")),
        (410, Answer(False, "answers 410", final=True)),
        ((429, {"Retry-After": "7"}), Answer(False, "answers 429", wait=7.0)),
        ((503, {"Retry-After": "999999"}), Answer(False, "answers 503", wait=3600.0)),
        ((503, {"Retry-After": "soon"}), Answer(False, "answers 503")),
        ((503, {"Retry-After": "Sat, 01 Jan 2000 00:00:00 GMT"}), Answer(False, "answers 503")),
        (
            (302, {"Location": "http://127.0.0.1/"}),
            Answer(False, "answers 302, and redirects are not followed"),
        ),
    ],
    ids=str,
)
def test_an_answer_says_what_to_do(authority: Authority, answers: Any, expected: Answer) -> None:
    with receiving(authority, answers) as receiver:
        assert send(receiver.url, SECRET, "msg_1", BODY) == expected
        assert len(receiver.got) == 1


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Answer for ever, a byte at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    pause = threading.Event()
    while not pause.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def pour(handler: BaseHTTPRequestHandler) -> None:
    """Answer with far more than anybody wants."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1 << 14):
        handler.wfile.write(bytes(1 << 16))


def babble(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\xff" * 100 + b"\r\n\r\n")


def test_a_receiver_that_never_ends_is_left(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "PATIENCE", 0.3)
    hang = lambda _: threading.Event().wait(2)  # noqa: E731
    with receiving(authority, drip, hang, babble, pour) as receiver:
        for _ in range(3):
            answer = send(receiver.url, SECRET, "msg_1", BODY)
            assert not answer.delivered
            assert answer.fact.startswith(("does not answer (", "answers too slowly"))
        assert send(receiver.url, SECRET, "msg_1", BODY).delivered


def test_nothing_is_sent_to_a_receiver_that_cannot_prove_its_name(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(authority) as receiver:
        monkeypatch.delenv("SSL_CERT_FILE")
        answer = send(receiver.url, SECRET, "msg_1", BODY)
        assert answer.fact.startswith("its certificate is refused: ")
        assert receiver.got == []


def test_a_webhook_takes_the_proxy_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def refuse() -> None:
            client, _ = proxy.accept()
            with client:
                asked.append(client.recv(4096))
                client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        port = proxy.getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://me:it%40s@127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert not send("https://hooks.example.com/x", SECRET, "msg_1", BODY).delivered
        thread.join()
    assert asked[0].startswith(b"CONNECT hooks.example.com:443 HTTP/1.")
    assert base64.b64encode(b"me:it@s") in asked[0]


def rule(receiver: Receiver | str = "", name: str = "paint", **fields: Any) -> Rule:
    url = receiver if isinstance(receiver, str) else receiver.url
    given = {"on_done": url, "on_failed": url, "hook_secret": "HOOK_SECRET", **fields}
    return Rule(
        name=name,
        inbox="az://media/in",
        patterns=("**",),
        output="out/{name}",
        variants=(Variant(recipe="r"),),
        **given,
    )


ENDED = Ended(state="failed", key="anna/a.mp4", ticket=TICKET, job="ab", error="no\x1b[31m " * 300)


def test_a_message_is_small_plain_and_the_same_each_time() -> None:
    said = json.loads(message(rule(), ENDED, 1.5, items=3, seconds=2.5))
    assert said["type"] == "impasto.job.failed"
    assert said["timestamp"] == "1970-01-01T00:00:01Z"
    assert said["data"].pop("error").startswith("no\x1b[31m no")
    assert said["data"] == {
        "rule": "paint",
        "object": "anna/a.mp4",
        "source": "az://media/in/anna/a.mp4",
        "job": "ab",
        "state": "failed",
        "items": 3,
        "seconds": 2.5,
    }
    body = message(rule(), ENDED, 1.5)
    assert len(body) < 2000
    assert body.decode().isprintable()
    later = message(rule(), ENDED, 99.5)
    assert message_id(TICKET, body) == message_id(TICKET, later)
    done = message(rule(), Ended(state="done", ticket=TICKET), 1.5)
    assert message_id(TICKET, body) != message_id(TICKET, done)


class Records:
    """Records of webhooks in memory."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], Hook] = {}
        self.away = False

    def add_hook(self, rule: str, hook: Hook) -> None:
        if self.away:
            raise Unavailable("the store: does not answer")
        self.held[rule, hook.ticket] = hook

    def hooks(self, rule: str) -> list[Hook]:
        return [hook for (name, _), hook in self.held.items() if name == rule]

    def hook_done(self, rule: str, ticket: str) -> None:
        self.held.pop((rule, ticket), None)


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def deliver(records: Records, told: list[str]) -> Iterator[Callable[..., HookDelivery]]:
    made: list[HookDelivery] = []

    def make(now: Callable[[], float] = lambda: 1000.0) -> HookDelivery:
        say = lambda rule, hook: message(rule, ENDED, hook.since)  # noqa: E731
        made.append(HookDelivery(records, say, told.append, now))
        return made[-1]

    yield make
    for each in made:
        each.close(5)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "WAITS", tuple(0.01 for _ in WAITS))


@pytest.mark.usefixtures("quick")
def test_a_webhook_is_sent_until_it_is_taken_each_time_under_the_same_id(
    authority: Authority, records: Records, deliver: Callable[..., HookDelivery]
) -> None:
    with receiving(authority, 500, (503, {}), 302, 204) as receiver:
        deliver().add(rule(receiver), TICKET, "failed")
        wait_for(lambda: not records.held)
        assert len(receiver.got) == 4
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
        assert len({body for _, body in receiver.got}) == 1


@pytest.mark.usefixtures("quick")
def test_a_webhook_that_is_never_taken_is_given_up(
    authority: Authority,
    records: Records,
    told: list[str],
    deliver: Callable[..., HookDelivery],
) -> None:
    with receiving(authority, 500) as receiver, receiving(authority, 410) as gone:
        deliver().add(rule(receiver), TICKET, "failed")
        wait_for(lambda: told)
        assert len(receiver.got) == len(WAITS) + 1
        assert told == [
            f"rule paint: on_failed for ticket {TICKET} is given up: answers 500",
        ]
        assert not records.held
        deliver().add(rule(gone), TICKET, "failed")
        wait_for(lambda: len(told) == 2)
        assert len(gone.got) == 1


def test_a_slow_receiver_delays_no_other(
    authority: Authority, records: Records, deliver: Callable[..., HookDelivery]
) -> None:
    released = threading.Event()
    with (
        receiving(authority, lambda _: released.wait(30)) as slow,
        receiving(authority) as quick,
    ):
        delivery = deliver()
        for n in range(20):
            delivery.add(rule(slow, "slow"), f"{n:016x}-{n:016x}", "done")
        delivery.add(rule(quick), TICKET, "done")
        wait_for(lambda: ("paint", TICKET) not in records.held)
        assert len(quick.got) == 1
        assert len(records.held) == 20
        released.set()


def test_a_watcher_delivers_what_another_left(
    authority: Authority, records: Records, deliver: Callable[..., HookDelivery]
) -> None:
    with receiving(authority) as receiver:
        records.add_hook("paint", Hook(kind="done", ticket=TICKET, tries=2, since=1000.0))
        early = 1000.0 + WAITS[0] + WAITS[1] + ORPHANED - 1
        deliver(lambda: early).adopt([rule(receiver)])
        assert records.held
        deliver(lambda: early + 1).adopt([rule(receiver)])
        wait_for(lambda: not records.held)
        assert len(receiver.got) == 1
        records.add_hook("paint", Hook(kind="done", ticket=TICKET, since=1000.0))
        deliver().adopt([rule("")])
        assert not records.held


def test_a_rule_without_a_receiver_notes_nothing(
    records: Records, deliver: Callable[..., HookDelivery]
) -> None:
    records.away = True
    deliver().add(rule(""), TICKET, "done")
    with pytest.raises(Unavailable):
        deliver().add(rule("https://127.0.0.1:1/"), TICKET, "done")


def test_a_secret_that_is_missing_is_told_once(
    records: Records,
    told: list[str],
    deliver: Callable[..., HookDelivery],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    deliver().add(rule("https://127.0.0.1:1/"), TICKET, "done")
    wait_for(lambda: told)
    assert "environment variable HOOK_SECRET: is not set" in told[0]
    assert not records.held


def test_a_webhook_that_cannot_be_worded_stops_no_other(
    authority: Authority, records: Records, told: list[str]
) -> None:
    def say(of: Rule, hook: Hook) -> bytes | None:
        if hook.kind == "failed":
            raise RecursionError("odd")
        return message(of, ENDED, hook.since)

    with receiving(authority) as receiver:
        delivery = HookDelivery(records, say, told.append)
        delivery.add(rule(receiver), "f" * 16 + "-" + "0" * 16, "failed")
        delivery.add(rule(receiver), TICKET, "done")
        wait_for(lambda: receiver.got and not records.held)
        delivery.close(5)
    assert "RecursionError" in told[0]
