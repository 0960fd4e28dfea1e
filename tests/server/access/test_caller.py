"""What a caller reaches, whatever it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import Request

from impasto.errors import BadInput
from impasto.schema.access import ROLES
from impasto.server.access.caller import Caller
from impasto.server.access.client import address_of, is_foreign
from impasto.server.access.guard import again, caller_of
from impasto.server.config import ServeSettings
from impasto.server.problems import Refused
from support.serving import Serving

if TYPE_CHECKING:
    from pathlib import Path

READ, WRITE = ("/in/acme", "az://media/acme/"), ("/out/acme", "az://made/acme")
ACME = Caller("1", "a", "submitter", "acme", READ, WRITE)


def allowed(check: object, url: str) -> bool:
    assert callable(check)
    try:
        check(url)
    except BadInput:
        return False
    return True


@pytest.mark.parametrize(
    "url",
    [
        "/in/acme/x.mp4",
        "/in/acme",
        "/in/acme/",
        "/in/acme/**/*.jpg",
        "file:///in/acme/x.mp4",
        "az://media/acme/x.mp4",
        "/out/acme/x.mp4",
    ],
)
def test_what_is_within_may_be_read(url: str) -> None:
    assert allowed(ACME.check_read, url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "/in",
        "/in/acme2/x.mp4",
        "/in/acmex",
        "/in/acme/../other/x.mp4",
        "/in/acme/*/../../other/x.mp4",
        "file:///in/acme/%2e%2e/other/x.mp4",
        "az://media/acme2/x.mp4",
        "az://media/acme/../other/x.mp4",
        "az://media/other/x.mp4",
        "s3://media/acme/x.mp4",
        "https://stranger.blob.core.windows.net/media/acme/x.mp4?sig=abcdefghijkl",
        "http://169.254.169.254/in/acme/x.mp4",
        "in/acme/x.mp4",
        "~/in/acme/x.mp4",
    ],
)
def test_what_is_not_within_may_be_neither_read_nor_written(url: str) -> None:
    assert not allowed(ACME.check_read, url)
    assert not allowed(ACME.check_write, url.replace("/in/", "/out/").replace("media", "made"))


def test_sources_may_not_be_written_nor_a_whole_prefix_replaced() -> None:
    assert not allowed(ACME.check_write, "/in/acme/x.mp4")
    assert not allowed(ACME.check_write, "/out/acme")
    assert allowed(ACME.check_write, "/out/acme/x.mp4")


def test_a_caller_without_places_reaches_none() -> None:
    assert not allowed(Caller("1", "a", "admin").check_read, "/in/acme/x.mp4")


def test_each_role_may_do_what_the_ones_before_it_may() -> None:
    for n, role in enumerate(ROLES):
        caller = Caller("1", "a", role)
        assert [caller.may(other) for other in ROLES] == [m <= n for m in range(len(ROLES))]


def test_a_long_answer_ends_when_its_token_is_revoked(tmp_path: Path) -> None:
    context = Serving(tmp_path).context
    token, text = context.tokens.create("viewer")
    headers = [(b"authorization", f"Bearer {text}".encode())]
    scope = {"type": "http", "method": "GET", "headers": headers, "client": ("127.0.0.1", 1)}
    request = Request(scope)
    caller = caller_of(request, context)
    assert again(request, context) == caller
    context.tokens.revoke(token.id)
    with pytest.raises(Refused):
        again(request, context)


def test_a_long_answer_counts_as_one_request(tmp_path: Path) -> None:
    context = Serving(tmp_path, requests=0.001).context
    _, text = context.tokens.create("viewer")
    headers = [(b"authorization", f"Bearer {text}".encode())]
    request = Request({"type": "http", "method": "GET", "headers": headers, "client": None})
    caller = caller_of(request, context)
    assert [again(request, context) for _ in range(20)] == [caller] * 20
    with pytest.raises(Refused):
        caller_of(request, context)


@pytest.mark.parametrize(
    ("hops", "address"),
    [
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:50123", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[2001:db8::7]:50123", "2001:db8::/64"),
        ("2001:db8::7", "2001:db8::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_address_has_neither_its_port_nor_another_spelling(hops: str, address: str) -> None:
    headers = [(b"x-forwarded-for", hops.encode())]
    scope = {"type": "http", "method": "GET", "headers": headers, "client": ("127.0.0.1", 1)}
    assert address_of(Request(scope), ServeSettings(behind_proxy=True)) == address
    assert address_of(Request(scope), ServeSettings()) == "127.0.0.1"


@pytest.mark.parametrize("proxy", [False, True])
def test_a_page_in_a_sandbox_is_foreign_whatever_the_host(proxy: bool) -> None:
    scope = {"type": "http", "method": "POST", "headers": [(b"origin", b"null")]}
    assert is_foreign(Request(scope), ServeSettings(behind_proxy=proxy))
