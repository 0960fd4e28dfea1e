"""Who asks a store, what they may do, and that no secret and no environment gets in between."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest

from impasto.errors import BadInput, Denied
from impasto.schema.url import parse
from impasto.settings import Settings
from impasto.storage.parallel import in_order
from impasto.storage.store import Store
from impasto.storage.stores import Stores
from support import stores as places
from support.cloud import CONTROL, DATA
from support.faults import Proxy
from support.stores import KINDS, Backend, check_line, keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cloud import Authority, Azurite, MotoS3

    Act = Callable[[], object]
    Env = pytest.MonkeyPatch


@pytest.mark.parametrize("auth", ["key", "sas", "connection_string", "identity"])
def test_every_way_to_sign_opens_a_container(azurite: Azurite, monkeypatch: Env, auth: Any) -> None:
    with places.signed_in(monkeypatch, azurite.token()):
        store = places.azure(monkeypatch, azurite, auth=auth).open("p")
        assert store.create("a b/é", b"1")
        assert store.read("a b/é") == b"1"
        assert keys(store) == ["a b/é"]
        store.copy("a b/é", "c")
        store.delete("c")


def test_a_url_that_signs_itself_opens_its_container(azurite: Azurite, monkeypatch: Env) -> None:
    container = azurite.make_container()
    places.azure(monkeypatch, azurite, container).open().put("a/b", b"1")
    # The profile tells which authority to trust; its own credentials would not do.
    profile = places.azure_profile(monkeypatch, azurite, container, auth="anonymous")
    url = f"{azurite.endpoint()}/{container}"
    sas = azurite.container_sas(DATA, container, "rl")
    opened = Stores({"it": profile})
    with pytest.raises(Denied, match=r"to anonymous requests"):
        opened.read(f"{url}/a/b")
    assert opened.read(f"{url}/a/b?{sas}") == b"1"
    assert keys(opened.open(f"{url}/?{sas}")) == ["a/b"]


def check_denied(store: Store, asker: str) -> None:
    acts: list[Act] = [
        lambda: store.read("a"),
        lambda: store.put("a", b""),
        lambda: store.create("new", b""),
        lambda: store.delete("a"),
        lambda: store.copy("a", "b"),
        store.list_all,
        store.list_folder,
    ]
    for act in acts:
        with pytest.raises(Denied, match=asker) as refused:
            act()
        check_line(refused.value, str(store.place))


def test_who_may_not_is_told_who_asked(azurite: Azurite, monkeypatch: Env) -> None:
    container, other = azurite.make_container(), azurite.make_container()
    stranger = azurite.container_sas(DATA, other, "rwdl")
    edited = azurite.container_sas(DATA, container, "rl").replace("sp=rl", "sp=racwdl")
    until = r"until \d{4}-\d\d-\d\dT[\d:]+Z;"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"auth": "key", "secret": azurite.accounts[CONTROL]}, r"to the key in TEST_\w+;"),
        ({"auth": "key", "secret": "no key"}, r"to the key in TEST_\w+;"),
        ({"auth": "sas", "hours": -1}, rf"to the SAS in TEST_\w+, which allows 'racwdl' {until}"),
        ({"auth": "sas", "start_hours": 0.5}, rf"to the SAS in TEST_\w+, .* {until}"),
        ({"auth": "sas", "secret": stranger}, rf"to the SAS in TEST_\w+, .* 'rwdl' {until}"),
        ({"auth": "sas", "secret": edited}, rf"to the SAS in TEST_\w+, .* 'racwdl' {until}"),
        ({"auth": "anonymous"}, r"to anonymous requests;"),
    ]
    for how, asker in cases:
        backend = places.azure(monkeypatch, azurite, container, **how)
        check_denied(backend.open(), asker)
    with places.signed_in(monkeypatch, azurite.token(hours=-0.1)):
        backend = places.azure(monkeypatch, azurite, container, auth="identity")
        check_denied(backend.open(), "to the Azure identity;")


def test_a_narrow_sas_allows_what_it_says_and_no_more(azurite: Azurite, monkeypatch: Env) -> None:
    container = azurite.make_container()
    places.azure(monkeypatch, azurite, container).open().put("a", b"old")

    def opened(permission: str) -> Store:
        how: dict[str, Any] = {"auth": "sas", "permission": permission}
        return places.azure(monkeypatch, azurite, container, **how).open()

    reader, writer, maker = opened("rl"), opened("cw"), opened("c")
    assert reader.read("a") == b"old"
    assert keys(reader) == ["a"]
    assert writer.create("b", b"1")
    assert maker.create("c", b"1")
    assert not writer.create("a", b"new")
    writer.put("b", b"2")
    denied: list[tuple[Act, str]] = [
        (lambda: reader.put("a", b"new"), "rl"),
        (lambda: reader.create("new", b""), "rl"),
        (lambda: reader.delete("a"), "rl"),
        (lambda: reader.check_writable("a"), "rl"),
        (lambda: writer.read("a"), "cw"),
        (lambda: writer.stat("a"), "cw"),
        (writer.list_all, "cw"),
        (lambda: maker.put("c", b"2"), "c"),
    ]
    for act, permission in denied:
        with pytest.raises(Denied, match=f"allows '{permission}'"):
            act()
    writer.check_writable("a")
    assert {key: reader.read(key) for key in keys(reader)} == {"a": b"old", "b": b"2", "c": b"1"}


def test_a_secret_that_is_none_is_bad_input(azurite: Azurite, monkeypatch: Env) -> None:
    container = azurite.make_container()
    cases: list[tuple[Any, str, str]] = [
        ("sas", "sv=2025&sp=rl", r"TEST_\w+: is not a SAS"),
        ("connection_string", "AccountName=a", "is not a connection string"),
        ("connection_string", "AccountKey=k;BlobEndpoint=http://example.com/a", "not encrypted"),
    ]
    for auth, secret, fact in cases:
        with pytest.raises(BadInput, match=fact):
            places.azure(monkeypatch, azurite, container, auth=auth, secret=secret).open()
    profile = places.azure_profile(monkeypatch, azurite, container)
    monkeypatch.delenv(str(profile.secret))
    with pytest.raises(BadInput, match=f"variable {profile.secret}: is not set"):
        Store(parse(profile.url), profile)


def test_two_accounts_at_once_stay_apart(
    azurite: Azurite, authority: Authority, monkeypatch: Env
) -> None:
    name = azurite.make_container(DATA)
    azurite.make_container(CONTROL, name)
    with Proxy(azurite.endpoint(), authority) as proxy:
        profiles = {
            account: places.azure_profile(
                monkeypatch, azurite, name, account=account, proxy=proxy
            ).model_copy(update={"url": f"{proxy.endpoint}/{account}/{name}"})
            for account in (DATA, CONTROL)
        }
        opened = Stores(profiles)
        both = {account: opened.open(profiles[account].url) for account in profiles}

        def write(n: int) -> bool:
            account = (DATA, CONTROL)[n % 2]
            return both[account].create(f"{n // 2}", account.encode())

        assert all(in_order(write, range(40), 8))
        for account, store in both.items():
            assert {store.read(f"{n}") for n in range(20)} == {account.encode()}
        for record in proxy.records:
            assert f"SharedKey {record.path.split('/')[1]}:" in record.headers["authorization"]


def test_nothing_that_is_printed_holds_a_secret(
    azurite: Azurite, s3: MotoS3, monkeypatch: Env
) -> None:
    key = azurite.accounts[DATA]
    for auth in ("key", "connection_string"):
        check_shown(places.azure(monkeypatch, azurite, auth=auth), key)
    signed = places.azure(monkeypatch, azurite, auth="sas")
    (sas,) = signed.secrets.values()
    check_shown(signed, sas.partition("sig=")[2].partition("&")[0])
    check_shown(places.amazon(monkeypatch, s3), s3.secret)
    with places.signed_in(monkeypatch, azurite.token()):
        token = azurite.token()
        check_shown(places.azure(monkeypatch, azurite, auth="identity"), token, token[:40])


def check_shown(backend: Backend, *hidden: str) -> None:
    store = backend.open()
    store.put("a", b"1")
    assert backend.profile
    assert store.signed
    settings = Settings(home="/home", stores={"it": backend.profile})
    things = [store, store.signed, backend.stores, backend.profile, settings]
    shown = "".join(f"{thing!r} {thing}" for thing in things)
    shown += repr([vars(store), vars(backend.stores), vars(settings)])
    shown += settings.model_dump_json()
    travels = pickle.dumps((backend.stores, settings))
    assert pickle.loads(travels) == (backend.stores, settings)
    for secret in hidden:
        assert secret
        assert secret not in shown
        assert secret.encode() not in travels


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_and_its_credential_never_travel(
    request: pytest.FixtureRequest, monkeypatch: Env, kind: str
) -> None:
    store = places.backend_of(kind, request, monkeypatch).open()
    for thing in (store, store.signed):
        if thing:
            with pytest.raises(TypeError, match="is never sent anywhere"):
                pickle.dumps(thing)


HOSTILE = {
    "AZURE_{}": {
        "STORAGE_ACCOUNT_KEY": "{key}",
        "STORAGE_ACCESS_KEY": "{key}",
        "STORAGE_ACCOUNT_NAME": "evilaccount",
        "STORAGE_ENDPOINT": "{trap}",
        "ENDPOINT": "{trap}",
        "STORAGE_SAS_KEY": "sv=2025-01-01&sp=r&sig=evil",
        "STORAGE_SAS_TOKEN": "sv=2025-01-01&sp=r&sig=evil",
        "STORAGE_TOKEN": "evil",
        "STORAGE_USE_EMULATOR": "true",
        "STORAGE_CLIENT_ID": "evil",
        "STORAGE_CLIENT_SECRET": "evil",
        "STORAGE_TENANT_ID": "evil",
        "STORAGE_AUTHORITY_HOST": "{trap}",
        "MSI_ENDPOINT": "{trap}",
        "CONTAINER_NAME": "evil",
        "USE_AZURE_CLI": "true",
        "USE_FABRIC_ENDPOINT": "true",
    },
    "AWS_{}": {
        "ACCESS_KEY_ID": "EVIL",
        "SECRET_ACCESS_KEY": "evil",
        "SESSION_TOKEN": "evil",
        "ENDPOINT": "{trap}",
        "ENDPOINT_URL": "{trap}",
        "ENDPOINT_URL_S3": "{trap}",
        "ENDPOINT_URL_STS": "{trap}",
        "METADATA_ENDPOINT": "{trap}",
        "REGION": "evil-1",
        "DEFAULT_REGION": "evil-1",
        "BUCKET": "evil",
        "VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "S3_EXPRESS": "true",
        "REQUEST_PAYER": "true",
        "UNSIGNED_PAYLOAD": "true",
        "CONDITIONAL_PUT": "disabled",
        "COPY_IF_NOT_EXISTS": "header: a: b",
        "SERVER_SIDE_ENCRYPTION": "aws:kms",
        "SSE_KMS_KEY_ID": "evil-key",
        "CHECKSUM_ALGORITHM": "SHA256",
    },
    "{}": {
        "HTTP_PROXY": "{trap}",
        "HTTPS_PROXY": "{trap}",
        "ALL_PROXY": "{trap}",
        "SSL_CERT_FILE": "/dev/null",
        "SSL_CERT_DIR": "/dev/null",
    },
}
FOR_ALL = {
    "ALLOW_HTTP": "true",
    "ALLOW_INVALID_CERTIFICATES": "true",
    "SKIP_SIGNATURE": "true",
    "PROXY_URL": "{trap}",
    "TIMEOUT": "1ms",
    "HTTP2_ONLY": "true",
    "USER_AGENT": "evil",
}


def test_an_environment_that_says_otherwise_changes_nothing(
    azurite: Azurite, s3: MotoS3, authority: Authority, monkeypatch: Env
) -> None:
    with (
        Proxy(azurite.endpoint(), authority) as blob,
        Proxy(s3.endpoint, authority) as amazon,
        Proxy(s3.endpoint, authority) as trap,
    ):
        backends = [
            places.azure(monkeypatch, azurite, proxy=blob),
            places.azure(monkeypatch, azurite, auth="sas", proxy=blob),
            places.azure(monkeypatch, azurite, account=CONTROL, proxy=blob),
            places.amazon(monkeypatch, s3, proxy=amazon, ca=authority.ca_pem),
        ]
        for pattern, fields in HOSTILE.items():
            for name, value in (fields | FOR_ALL).items():
                text = value.format(trap=trap.endpoint, key=azurite.accounts[CONTROL])
                monkeypatch.setenv(pattern.format(name), text)
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            found = process.submit(places.visit, backends).result()
    assert found == [["copy", "new", "put"]] * len(backends)
    assert trap.records == []
    assert {r.headers.get("authorization", "SAS").split(":")[0] for r in blob.records} == {
        f"SharedKey {DATA}",
        f"SharedKey {CONTROL}",
        "SAS",
    }
    assert not any("encryption" in name for r in amazon.records for name in r.headers)
    assert all(f"Credential={s3.key_id}/" in r.headers["authorization"] for r in amazon.records)
    assert not any("evil" in repr(record) for record in (*blob.records, *amazon.records))
    assert {r.headers["x-amz-content-sha256"] for r in amazon.records} - {"UNSIGNED-PAYLOAD"}
