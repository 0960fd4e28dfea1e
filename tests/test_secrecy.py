"""Secrets live in memory alone: nothing printed, logged, raised, stored or sent holds one."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from io import StringIO
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto import secrecy
from impasto.errors import BadInput
from impasto.schema.profile import StoreProfile
from impasto.secrecy import (
    HIDDEN,
    LONGEST,
    Redacting,
    end_of,
    explain,
    redact,
    remember,
    remember_query,
    start_of,
)
from impasto.settings import Settings, secret
from support.command import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Env = pytest.MonkeyPatch

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
JWT = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJodHRwczovL3N0b3JhZ2UifQ.c2lnbmVkLWJ5LW1l"
SIGNATURE = "q9Rk3Zx%2BTfVb0Hn1%2FJmLw7Yc2Pd5Sg8Uo4Ai6Ee%3D"
SAS = f"sv=2025-01-05&sp=rl&se=2030-01-01T00%3A00%3A00Z&sr=c&sig={SIGNATURE}"
BOX = "https://acct.blob.core.windows.net/box"
PEM = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: Env) -> None:
    """Each test begins as a process does."""
    monkeypatch.setattr(secrecy, "_known", set())


# What looks like a secret.


@pytest.mark.parametrize(
    ("text", "secret", "kept"),
    [
        (f"GET {BOX}/a?{SAS} HTTP/1.1", SIGNATURE, f"GET {BOX}/a?sv="),
        (f"GET /a?sig={SIGNATURE}&sp=rl", SIGNATURE, "&sp=rl"),
        (f"'{BOX}/a?sp=r&sig=short'", "short", "'"),
        (f"<Url>{BOX}?a=b&amp;sig=short</Url>", "short", "</Url>"),
        (f"sig={SIGNATURE}", SIGNATURE, "sig="),
        ("?X-Amz-Signature=abcdef&X-Amz-Date=1", "abcdef", "X-Amz-Date=1"),
        ("?x-amz-credential=AKIA/2025/x&a", "AKIA", "&a"),
        ("?X-Amz-Security-Token=FwoGZX", "FwoGZX", "Token="),
        ("?X-Goog-Signature=abcdef", "abcdef", "Signature="),
        (f"AccountName=a;AccountKey={KEY};EndpointSuffix=b", KEY, "EndpointSuffix=b"),
        ("accountkey=notbase64;a", "notbase64", ";a"),
        ("Authorization: Bearer abc.def~123+/=", "abc.def", "Bearer "),
        (f"token {JWT}.", JWT, "token "),
        (f'{{"access_token": "{JWT}"}}', JWT, "access_token"),
        ("Authorization: SharedKey acct:c2lnbmVk", "c2lnbmVk", "SharedKey "),
        (f"key={KEY}", KEY, "key="),
        (f"(b'{KEY}')", KEY, "(b'"),
        (f"session-{JWT}", JWT, "session-"),
        (f"a.b.{JWT}", JWT, "a.b."),
        ("https://user:pass@host/a", "pass", "@host/a"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz", "Basic "),
        ("x-functions-key: abcdefgh12", "abcdefgh12", "key: "),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7", "wJalr", "key = "),
        (f"-----BEGIN PRIVATE KEY-----\n{PEM}\n-----END", PEM, "-----END"),
        (f"-----BEGIN RSA PRIVATE KEY-----\\n{PEM}\\n-----END", PEM, "-----END"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, secret: str, kept: str) -> None:
    clean = redact(text)
    assert secret not in clean
    assert HIDDEN in clean
    assert kept in clean
    assert redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "the design=big, signal=10, config=ab",
        "frames 00001.png to 00250.png",
        "az://box/jobs/3f9a/done/00007.json",
        "sha256 " + "0123456789abcdef" * 4,
        "https://acct.blob.core.windows.net/box/a%20b",
        "/media/a:b@c/clip.mp4",
        "bearer of news",
    ],
)
def test_what_does_not_is_left_alone(text: str) -> None:
    assert redact(text) == text


# What is known to be one.


def test_a_known_secret_is_hidden_however_it_is_written() -> None:
    raw = "a+b/c=d e&f"
    assert remember(raw) == raw
    for form in (raw, quote(raw), quote(raw, safe="")):
        assert form not in redact(f"x {form} y")
    remember(SIGNATURE)
    decoded = "q9Rk3Zx+TfVb0Hn1/JmLw7Yc2Pd5Sg8Uo4Ai6Ee="
    for form in (SIGNATURE, decoded, quote(SIGNATURE, safe="")):
        assert form not in redact(f"x {form} y")
    assert redact(json.dumps({"value": decoded})) == f'{{"value": "{HIDDEN}"}}'


def test_the_secrets_of_a_query_are_hidden_and_the_rest_is_not() -> None:
    query = "sv=2025-01-05&SIG=hushhushhush&X-Amz-Security-Token=silentsilent&prefix=pictures"
    assert remember_query(query) == query
    assert redact("hushhushhush silentsilent 2025-01-05 pictures").split() == [
        HIDDEN,
        HIDDEN,
        "2025-01-05",
        "pictures",
    ]


def test_a_short_value_blots_out_no_words() -> None:
    remember("frame")
    assert redact("a frame") == "a frame"


def test_the_longest_known_secret_goes_first() -> None:
    remember("secretsecret")
    remember("secretsecretand-more")
    assert redact("secretsecretand-more") == HIDDEN


@settings(deadline=None, derandomize=True)
@given(
    value=st.text(min_size=8, max_size=60), before=st.text(max_size=9), after=st.text(max_size=9)
)
def test_no_known_secret_survives(value: str, before: str, after: str) -> None:
    remember(value)
    assert value not in redact(f"{before}|{value}|{after}") or value in HIDDEN


def test_a_secret_from_the_environment_is_hidden_from_then_on(monkeypatch: Env) -> None:
    monkeypatch.setenv("A_SECRET", " hunter2hunter2 ")
    assert secret("A_SECRET") == "hunter2hunter2"
    assert redact("it is hunter2hunter2!") == f"it is {HIDDEN}!"
    with pytest.raises(BadInput, match="variable NO_SECRET: is not set"):
        secret("NO_SECRET")


def test_every_variable_that_the_settings_name_is_hidden_before_any_store_is_opened(
    monkeypatch: Env,
) -> None:
    monkeypatch.setenv("A_STRING", f"AccountName=acct;AccountKey={KEY};EndpointSuffix=b")
    monkeypatch.setenv("OWN_KEY", "hunter2hunter2")
    monkeypatch.setenv("A_SAS", f"?{SAS}")
    profiles = [
        {"url": "az://one", "auth": "connection_string", "secret": "A_STRING"},
        {"url": "az://two", "auth": "sas", "secret": "A_SAS", "customer_key": "OWN_KEY"},
        {"url": "az://three", "auth": "sas", "secret": "NOT_SET"},
    ]
    Settings.model_validate({"stores": {str(n): each for n, each in enumerate(profiles)}})
    shown = redact(f"{KEY[:-2]} hunter2hunter2 {SIGNATURE} acct {KEY}")
    assert shown.split()[1:] == [HIDDEN, HIDDEN, "acct", HIDDEN]


@pytest.mark.parametrize("shift", range(0, 60, 7))
def test_a_text_is_cut_so_that_no_part_of_a_secret_is_left(shift: int) -> None:
    remember("hunter2hunter2")
    text = "x" * shift + "hunter2hunter2." * 2000
    assert "hun" not in start_of(text, 100)
    assert "hun" not in end_of(text, 100)
    part = text[-LONGEST - 400 + shift :]
    assert "hun" not in end_of(part, 100, cut=True)
    assert "ter2" not in end_of(part, 100, cut=True)
    assert start_of("short", 100) == end_of("short", 100) == "short"
    assert len(start_of(text, 100)) == 100


# Where text leaves.


def test_an_error_holds_no_secret() -> None:
    remember("hunter2hunter2")
    error = BadInput(f"{BOX}/a?{SAS}: hunter2hunter2 is wrong; correct it")
    for text in (str(error), repr(error), explain(error), repr(error.args)):
        assert SIGNATURE not in text
        assert "hunter2" not in text


def test_a_traceback_holds_no_secret() -> None:
    remember("hunter2hunter2")
    with pytest.raises(RuntimeError) as caught:
        _fail("hunter2hunter2")
    text = explain(caught.value)
    assert "hunter2" not in text
    assert "ValueError" in text
    assert "RuntimeError" in text


def _fail(password: str) -> None:
    try:
        int(password)
    except ValueError as error:
        raise RuntimeError(f"{BOX}?{SAS}") from error


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, StringIO]]:
    """A logger whose lines are formatted as in production."""
    text = StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(Redacting("%(name)s: %(message)s"))
    logger = logging.getLogger("test_secrecy")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.DEBUG)
    yield logger, text
    logger.handlers = []


def test_a_log_record_holds_no_secret(log: tuple[logging.Logger, StringIO]) -> None:
    logger, text = log
    remember("hunter2hunter2")
    logger.warning("asked %s with %r", f"{BOX}?{SAS}", {"key": "hunter2hunter2"})
    logger.warning("%(url)s", {"url": f"{BOX}?{SAS}"})
    logger.warning("stack", stack_info=True)
    try:
        _fail("hunter2hunter2")
    except RuntimeError:
        logger.exception("failed with %s", KEY)
    written = text.getvalue()
    assert written.count(HIDDEN) >= 5
    assert "Traceback" in written
    for hidden in (SIGNATURE, "hunter2", KEY):
        assert hidden not in written


LAST_WORDS = """
import logging, sys, threading
from impasto import secrecy
secrecy.guard()
logging.getLogger("urllib3.connectionpool").warning("GET /box?%s", sys.argv[1])
logging.getLogger("azure.core").info("GET /box?%s", sys.argv[1])
logging.getLogger("mine").warning("GET /box?%s", sys.argv[1])
secrecy.remember("hunter2hunter2")
def fail():
    raise ValueError(f"asked https://host/box?{sys.argv[1]} as hunter2hunter2")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


@pytest.mark.parametrize("url", [f"{BOX}/x.json?{SAS}", f"see {BOX}/x.json?{SAS} for more"])
def test_a_parameter_that_holds_a_secret_is_refused_before_it_is_recorded(
    url: str, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n")
    (tmp_path / "m.py").write_text(
        "class M:\n"
        "    def __init__(self, the_url: str):\n"
        "        pass\n"
        "    def score(self, batch):\n"
        "        return [1] * len(batch)\n"
    )
    words = ["run", tmp_path / "rows.csv", "--scorer", f"python:{tmp_path / 'm.py'}:M"]
    words += ["--the-url", url, "-o", tmp_path / "o.jsonl", "--home", tmp_path / "home"]
    done = call(*words, "--quiet")
    assert done.returncode == 2
    assert done.stderr.startswith("impasto: --the-url: holds what looks like a key or a signature")
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "home").rglob("*.json"))


def test_the_last_words_of_a_process_hold_no_secret() -> None:
    command = [sys.executable, "-c", LAST_WORDS, SAS]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("ValueError: asked https://host/box?sv=") == 2
    assert "mine: GET /box?sv=" in ended.stderr
    assert "urllib3" not in ended.stderr
    assert SIGNATURE not in ended.stderr
    assert "hunter2" not in ended.stderr


SILENT = """
import warnings
from impasto import secrecy
from impasto.cli import main
secrecy.remember("hunter2hunter2")
class Loud:
    def __del__(self):
        raise ValueError("hunter2hunter2")
def run():
    warnings.warn("hunter2hunter2")
    Loud()
    raise SystemExit("as hunter2hunter2 said")
main._run = run
main.main()
"""


def test_warnings_and_exits_hold_no_secret() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SILENT], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.count(HIDDEN) == 3
    assert f"as {HIDDEN} said" in ended.stderr
    assert "hunter2" not in ended.stderr


def test_a_wrong_value_is_not_repeated_in_its_error() -> None:
    with pytest.raises(BadInput) as refused:
        StoreProfile(url="az://box", auth="sas", secret=f"?{SAS}")
    assert SIGNATURE not in str(refused.value)
    assert SIGNATURE not in explain(refused.value)
