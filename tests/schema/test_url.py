"""URLs and paths name one place each, and what could be taken for another is refused."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from impasto.errors import BadInput
from impasto.schema.url import (
    MAX_KEY,
    Url,
    check_endpoint,
    check_key,
    is_local,
    is_loopback,
    normal,
    parse,
    split_signature,
)
from impasto.secrecy import redact

ENDPOINT = "https://acct.blob.core.windows.net"
SIGNATURE = "c2lnbmF0dXJlIG9mIHRoZSB0ZXN0cw"
SAS = f"sv=2025-01-05&sp=rl&se=2030-01-01T00%3A00%3A00Z&sig={SIGNATURE}%3D"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("az://box/a/b.mp4", Url("az", "box", "a/b.mp4")),
        ("az://box", Url("az", "box", "")),
        ("az://box/", Url("az", "box", "")),
        ("AZ://box/A", Url("az", "box", "A")),
        ("az://box/a b%20#1?c", Url("az", "box", "a b%20#1?c")),
        ("az://$web/a", Url("az", "$web", "a")),
        ("abfss://box/a", Url("az", "box", "a")),
        ("s3://buck.et-1/a/b", Url("s3", "buck.et-1", "a/b")),
        ("s3a://bucket/a", Url("s3", "bucket", "a")),
        ("gs://bucket/a", Url("gs", "bucket", "a")),
        ("gcs://bucket/a", Url("gs", "bucket", "a")),
    ],
)
def test_a_container_that_a_profile_knows(text: str, place: Url) -> None:
    assert parse(text) == place


@pytest.mark.parametrize(
    ("text", "account", "endpoint", "key"),
    [
        (f"{ENDPOINT}/box/a/b.mp4", "acct", ENDPOINT, "a/b.mp4"),
        (f"{ENDPOINT}/box/a/b.mp4?{SAS}", "acct", ENDPOINT, "a/b.mp4"),
        (f"{ENDPOINT}/box/a%20b%2520%23%3F", "acct", ENDPOINT, "a b%20#?"),
        (f"{ENDPOINT}/box/a b#1", "acct", ENDPOINT, "a b#1"),
        ("HTTPS://Acct.Blob.Core.Windows.Net/box/A", "acct", ENDPOINT, "A"),
        ("https://acct.dfs.core.windows.net/box/a", "acct", ENDPOINT, "a"),
        ("abfss://box@acct.dfs.core.windows.net/a b%20", "acct", ENDPOINT, "a b%20"),
        ("abfs://box@acct.dfs.core.windows.net/a", "acct", ENDPOINT, "a"),
        ("wasbs://box@acct.blob.core.windows.net/a", "acct", ENDPOINT, "a"),
        (
            "https://acct.z12.blob.storage.azure.net/box/a",
            "acct",
            "https://acct.z12.blob.storage.azure.net",
            "a",
        ),
        (
            "https://acct.blob.core.chinacloudapi.cn/box/a",
            "acct",
            "https://acct.blob.core.chinacloudapi.cn",
            "a",
        ),
        (
            "abfss://box@acct.dfs.core.usgovcloudapi.net/a",
            "acct",
            "https://acct.blob.core.usgovcloudapi.net",
            "a",
        ),
        ("https://127.0.0.1:10000/acct/box/a", "acct", "https://127.0.0.1:10000/acct", "a"),
        ("http://localhost:10000/acct/box/a", "acct", "http://localhost:10000/acct", "a"),
        ("http://[::1]:10000/acct/box/a", "acct", "http://[::1]:10000/acct", "a"),
    ],
)
def test_a_container_whose_account_the_url_names(
    text: str, account: str, endpoint: str, key: str
) -> None:
    assert parse(text) == Url("az", "box", key, account, endpoint)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/media/clip.mp4", "/media/clip.mp4"),
        ("clip.mp4", str(Path.cwd() / "clip.mp4")),
        ("./a/../clip.mp4", str(Path.cwd() / "clip.mp4")),
        ("~/clip.mp4", str(Path.home() / "clip.mp4")),
        ("./~", str(Path.cwd() / "~")),
        ("/a//b/", "/a/b"),
        ("/a b%20#1?c", "/a b%20#1?c"),
        ("/odd:name/a:b", "/odd:name/a:b"),
        ("file:///media/a%20b%23", "/media/a b#"),
        ("file:///media/a#1?b", "/media/a#1?b"),
        ("file://localhost/media/a", "/media/a"),
        ("file:/media/a", "/media/a"),
        ("FILE:///media/a", "/media/a"),
        ("", str(Path.cwd())),
    ],
)
def test_a_path_of_this_machine(text: str, path: str) -> None:
    place = parse(text)
    assert place == Url("file", "", path)
    assert (place.local, str(place), place.path) == (True, path, Path(path))
    assert is_local(text)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("ftp://host/a", "scheme ftp:// is not supported"),
        ("http://acct.blob.core.windows.net/box/a", "not encrypted"),
        ("http://example.com/box/a", "not a known object store"),
        ("https://example.com/box/a", "not a known object store"),
        ("https://bucket.s3.amazonaws.com/a", "not a known object store"),
        ("https://acct.blob.core.windows.net.evil.com/box/a", "not a known object store"),
        ("https://acct.blob.core.windows.net:8443/box/a", "not a known object store"),
        ("https://a.acct.blob.core.windows.net/box/a", "not a known object store"),
        ("https://127.0.0.1@evil.com/acct/box/a", "has a user name"),
        ("http://127.0.0.1:80@evil.com/acct/box/a", "has a user name"),
        ("https://evil.com\\@127.0.0.1/acct/box/a", "has a user name"),
        ("http://0.0.0.0/acct/box/a", "not a known object store"),
        ("http://0x7f.1/acct/box/a", "not a known object store"),
        ("http://2130706433/acct/box/a", "not a known object store"),
        ("http://127.1/acct/box/a", "not a known object store"),
        ("http://localhost.evil.com/acct/box/a", "not a known object store"),
        ("http://127.0.0.1.nip.io/acct/box/a", "not a known object store"),
        ("http://[::ffff:127.0.0.1]/acct/box/a", "not a known object store"),
        ("http://127.0.0.1/AC?box/a", "not an account name"),
        ("https://127.0.0.1#@evil.com/box/a", "has a user name"),
        ("abfss://box@evil.com/a", "not a known object store"),
        ("abfss://box@acct.dfs.core.windows.net@evil.com/a", "has a user name"),
        ("az://box/../other/a", "'..' part"),
        (f"{ENDPOINT}/box/%2e%2e/other", "'..' part"),
        (f"{ENDPOINT}/box//a", "empty"),
        (f"{ENDPOINT}/box/a%0Ab", "control character"),
        (f"{ENDPOINT}/box/a\nb", "control character"),
        (f"{ENDPOINT}/box/a%ffb", "not valid Unicode"),
        ("az://b", "not a container or bucket name"),
        ("az://bo x/a", "not a container or bucket name"),
        (f"az://{'b' * 64}/a", "not a container or bucket name"),
        (f"{ENDPOINT}/..%2fother/a", "not a container or bucket name"),
        (f"az://box/a?{SAS}", "signature needs an https:// URL"),
        ("s3://bucket/a?X-Amz-Date=1&X-Amz-Signature=abc", "signature needs an https:// URL"),
        ("file://server/share/a", "another machine"),
        ("/nul\0", "paths cannot hold"),
        ("~nobody-of-that-name/a", "no such user"),
    ],
)
def test_what_names_no_safe_place_is_refused(text: str, fact: str) -> None:
    with pytest.raises(BadInput, match=fact) as refused:
        parse(text)
    assert SIGNATURE not in str(refused.value)
    assert str(refused.value).isprintable()
    assert "; " in str(refused.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "[::1]", "LOCALHOST:1"])
def test_this_machine_may_be_spoken_to_in_plain(host: str) -> None:
    assert is_loopback(host)
    assert check_endpoint(f"http://{host}/acct/") == f"http://{host}/acct"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://example.com",
        "http://10.0.0.1:9000",
        "http://0.0.0.0:9000",
        "http://127.0.0.1@evil.com",
        "http://localhost.evil.com",
        "http://127.0.0.1.nip.io",
        "http://::1",
        "https://",
        "https://user@host",
        "https://host?sig=abc",
        "https://host#a",
        "ftp://host",
        "host",
    ],
)
def test_an_endpoint_is_encrypted_and_nothing_but_an_endpoint(endpoint: str) -> None:
    with pytest.raises(BadInput, match=r"not encrypted|is not an endpoint"):
        check_endpoint(endpoint)


def test_https_endpoints_are_kept() -> None:
    assert check_endpoint("https://minio.example.com:9000/") == "https://minio.example.com:9000"


def test_a_signature_is_kept_apart_from_the_text() -> None:
    place = parse(f"{ENDPOINT}/signed/a?{SAS}")
    assert str(place) == f"{ENDPOINT}/signed/a"
    assert place.signature == SAS
    assert normal(f"{ENDPOINT}/signed/b/?{SAS}") == f"{ENDPOINT}/signed/b/"
    assert split_signature(f"{ENDPOINT}/signed/c/?{SAS}") == (f"{ENDPOINT}/signed/c/", SAS)
    assert parse(str(place)).signature == ""


def test_a_signature_is_in_nothing_that_is_written_of_a_place() -> None:
    place = parse(f"{ENDPOINT}/signed/a?{SAS}")
    bare = parse(f"{ENDPOINT}/signed/a")
    assert place == bare
    assert hash(place) == hash(bare)
    fields = json.dumps(dataclasses.asdict(place))
    written = [str(place), repr(place), fields, TypeAdapter(Url).dump_json(place).decode()]
    written.append(pickle.dumps(place).decode("latin"))
    assert not any("sig=" in text or SIGNATURE in text for text in written)
    for copied in (pickle.loads(pickle.dumps(place)), copy.copy(place), copy.deepcopy(place)):
        assert (copied, copied.signature) == (place, "")


def test_places_derived_from_a_signed_one_are_signed_alike() -> None:
    place = parse(f"{ENDPOINT}/signed/a/b?{SAS}")
    derived = [place.child("c"), place.parent, place.parent.parent, place.at("x"), place.at("")]
    assert [each.signature for each in derived] == [SAS] * 5
    assert place.sign("sig=other").child("c").signature == "sig=other"
    assert parse(f"{ENDPOINT}/signed").child("a").signature == ""


def test_the_signature_of_a_parsed_url_is_hidden_from_all_text() -> None:
    parse(f"{ENDPOINT}/signed/a?sv=1&sig=hushhushhush")
    assert redact("it is hushhushhush") == "it is REDACTED"


def test_what_is_no_signature_is_left_as_it_is() -> None:
    for text in ("clip.mp4", "what?.mp4", "/a?sig=b", "az://box/what?.mp4", f"{ENDPOINT}/box/a/"):
        assert split_signature(text) == (text, "")


def test_children_parents_and_neighbours() -> None:
    place = parse(f"{ENDPOINT}/box/a/b")
    assert str(place.child("c/d e")) == f"{ENDPOINT}/box/a/b/c/d%20e"
    assert place.child("c").parent == place
    assert (place.name, place.parent.key, place.parent.parent.key) == ("b", "a", "")
    assert place.at("x") == parse(f"{ENDPOINT}/box/x")
    assert parse("az://box").child("a") == parse("az://box/a")
    assert parse("az://box/a/").child("b") == parse("az://box/a/b")
    assert parse("az://box/a/").name == "a"
    assert str(parse("az://box/a").parent) == "az://box"
    assert str(parse("/a/b").parent) == "/a"
    assert str(parse("/a").child("b")) == "/a/b"
    assert str(parse("/").child("b")) == "/b"
    assert str(parse("/b").parent) == "/"


steady = settings(deadline=None, derandomize=True)
LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\\\ufffe\uffff")
PARTS = st.text(LETTERS, min_size=1, max_size=20).filter(lambda part: part not in {".", ".."})
KEYS = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
BASES = ["az://box", "s3://bucket", "gs://bucket", f"{ENDPOINT}/box", "https://[::1]:1/acct/box"]


@steady
@given(base=st.sampled_from(BASES), key=KEYS)
@example(base=f"{ENDPOINT}/box", key="a%2Fb?c#d e+f")
@example(base="az://box", key="~a b")
def test_the_text_of_a_place_names_that_place(base: str, key: str) -> None:
    assume(len(key.encode()) <= MAX_KEY)
    place = parse(base).child(key)
    assert place.key == key
    assume("?sig=" not in key.lower())
    assert parse(str(place)) == place
    assert parse(normal(str(place))) == place
    assert normal(normal(str(place))) == normal(str(place))
    assert place.parent.child(place.name) == place
    assert str(place).startswith(base)
    if place.endpoint:
        assert "?" not in str(place)
        assert "#" not in str(place)


@steady
@given(path=st.text(LETTERS, min_size=1, max_size=40))
@example(path="c:/d")
@example(path="?sig=a")
def test_the_text_of_a_path_names_that_path(path: str) -> None:
    place = parse(f"/{path}")
    assert place.local
    assert parse(str(place)) == place
    assert normal(str(place)) == str(place)


@steady
@given(
    text=st.text(max_size=60)
    | st.sampled_from(BASES).flatmap(
        lambda base: st.text(max_size=30).map(lambda rest: f"{base}/{rest}")
    )
)
def test_any_text_is_a_place_or_bad_input(text: str) -> None:
    try:
        place = parse(text)
    except BadInput:
        return
    assert parse(str(place)) == place or place.key.endswith("/")
    if not place.local:
        assert check_key(place.key, "") == place.key


def test_a_path_that_is_not_utf_8_survives_json() -> None:
    path = b"/caf\xe9/\xff 100%.mp4".decode(errors="surrogateescape")
    text = json.loads(json.dumps(normal(path)).encode())
    assert text == "file:///caf%E9/%FF%20100%25.mp4"
    assert parse(text).path == Path(path)
    assert normal("/café/100%.mp4") == "/café/100%.mp4"
    with pytest.raises(BadInput, match="paths cannot hold"):
        parse("/\ud800")
