"""The test servers are what the tests of stores take them for, and the proxy does what it says."""

from __future__ import annotations

import http.client
import os
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import obstore
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.storage.blob import ContainerClient
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import AzureStore, S3Store

from support.cloud import CONTROL, DATA, Authority, NotReady, Server
from support.faults import (
    CutBody,
    Delay,
    Fault,
    LoseReply,
    Proxy,
    Record,
    Refuse,
    Reset,
    random_faults,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import (
        AzureAccessKey,
        AzureBearerToken,
        AzureCredential,
        AzureSASToken,
        ClientConfig,
        RetryConfig,
        S3Credential,
    )

    from support.cloud import Azurite, MotoS3

REFUSED = (PermissionDeniedError, UnauthenticatedError)
ONCE: RetryConfig = {"max_retries": 0}
PATIENT: RetryConfig = {"backoff": {"init_backoff": timedelta(milliseconds=1)}, "max_retries": 20}


def azure_store(
    server: Azurite | Proxy,
    authority: Authority,
    container: str,
    credential: AzureCredential,
    *,
    account: str = DATA,
    retry: RetryConfig = ONCE,
) -> AzureStore:
    """Open a container, in spite of whatever the environment says."""
    base = server.endpoint if isinstance(server, Proxy) else f"https://127.0.0.1:{server.port}"
    return AzureStore(
        container,
        account_name=account,
        endpoint=f"{base}/{account}",
        credential_provider=lambda: credential,
        client_options={"root_certificate": authority.ca_pem.read_bytes(), "allow_http": False},
        retry_config=retry,
    )


def s3_store(endpoint: str, bucket: str, s3: MotoS3, options: ClientConfig) -> S3Store:
    credential: S3Credential = {
        "access_key_id": s3.key_id,
        "secret_access_key": s3.secret,
        "expires_at": None,
    }
    return S3Store(
        bucket,
        endpoint=endpoint,
        region="us-east-1",
        virtual_hosted_style_request=False,
        credential_provider=lambda: credential,
        client_options=options,
        retry_config=ONCE,
    )


def by_key(azurite: Azurite, account: str = DATA) -> AzureAccessKey:
    return {"access_key": azurite.accounts[account], "expires_at": None}


def by_token(token: str) -> AzureBearerToken:
    return {"token": token, "expires_at": None}


def by_sas(azurite: Azurite, container: str, permission: str, **hours: float) -> AzureSASToken:
    token = azurite.container_sas(DATA, container, permission, **hours)
    return {"sas_token": token, "expires_at": None}


@pytest.fixture
def container(azurite: Azurite) -> str:
    return azurite.make_container()


@pytest.fixture
def proxy(azurite: Azurite, authority: Authority) -> Iterator[Proxy]:
    with Proxy(azurite.endpoint(), authority) as proxy:
        yield proxy


@pytest.fixture
def proxied(proxy: Proxy, azurite: Azurite, authority: Authority, container: str) -> AzureStore:
    """One container seen through the proxy by a client that never retries."""
    return azure_store(proxy, authority, container, by_key(azurite))


def once(fault: Fault, method: str) -> Any:
    """Do this to the first request with this method, and nothing to others."""
    left = [fault]
    return lambda record: left.pop() if left and record.method == method else None


def test_each_key_opens_its_own_account(azurite: Azurite, authority: Authority) -> None:
    name = azurite.make_container(CONTROL)
    own, other = (by_key(azurite, account) for account in (CONTROL, DATA))
    store = azure_store(azurite, authority, name, own, account=CONTROL)
    obstore.put(store, "a/b c.txt", b"one")
    assert bytes(obstore.get(store, "a/b c.txt").bytes()) == b"one"
    wrong = azure_store(azurite, authority, name, other, account=CONTROL)
    # Azure says 403; an Azurite that also takes bearer tokens says this.
    with pytest.raises(BaseError, match="InvalidAuthenticationInfo"):
        obstore.get(wrong, "a/b c.txt")


def test_a_sas_allows_what_it_names_and_no_more(
    azurite: Azurite, authority: Authority, container: str
) -> None:
    reader = azure_store(azurite, authority, container, by_sas(azurite, container, "rl"))
    writer = azure_store(azurite, authority, container, by_sas(azurite, container, "cw"))
    obstore.put(writer, "in", b"x")
    assert [meta["path"] for meta in obstore.list(reader).collect()] == ["in"]
    assert bytes(obstore.get(reader, "in").bytes()) == b"x"
    with pytest.raises(REFUSED):
        obstore.put(reader, "out", b"x")
    with pytest.raises(REFUSED):
        obstore.get(writer, "in")


@pytest.mark.parametrize("hours", [{"hours": -1, "start_hours": -2}, {"start_hours": 0.5}])
def test_a_sas_is_refused_out_of_its_hours(
    azurite: Azurite, authority: Authority, container: str, hours: dict[str, float]
) -> None:
    late = azure_store(azurite, authority, container, by_sas(azurite, container, "rwl", **hours))
    with pytest.raises(REFUSED):
        obstore.put(late, "a", b"x")


def test_a_bearer_token_is_accepted_until_it_ends(
    azurite: Azurite, authority: Authority, container: str
) -> None:
    store = azure_store(azurite, authority, container, by_token(azurite.token()))
    obstore.put(store, "a", b"x")
    assert bytes(obstore.get(store, "a").bytes()) == b"x"
    ended = azure_store(azurite, authority, container, by_token(azurite.token(hours=-0.01)))
    with pytest.raises(REFUSED):
        obstore.get(ended, "a")


def test_a_bearer_token_works_with_the_sdk(azurite: Azurite, container: str) -> None:
    def client(token: str) -> ContainerClient:
        return ContainerClient(
            azurite.endpoint(), container, _Static(token), connection_verify=str(azurite.ca)
        )

    with client(azurite.token()) as good:
        good.upload_blob("a", b"x")
        assert good.download_blob("a").readall() == b"x"
    with client(azurite.token(hours=-0.01)) as bad, pytest.raises(ClientAuthenticationError):
        bad.upload_blob("b", b"x")


class _Static:
    def __init__(self, token: str) -> None:
        self.token = token

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken(self.token, int((datetime.now(UTC) + timedelta(hours=1)).timestamp()))


def test_a_client_that_does_not_know_the_authority_is_kept_away(
    azurite: Azurite, container: str
) -> None:
    store = AzureStore(
        container,
        account_name=DATA,
        endpoint=azurite.endpoint(),
        credential_provider=lambda: by_token(azurite.token()),
        retry_config=ONCE,
    )
    with pytest.raises(BaseError, match="error sending request"):
        obstore.put(store, "a", b"x")


def test_a_server_that_does_not_start_says_why() -> None:
    with pytest.raises(NotReady, match="out of paint"):
        Server(["sh", "-c", "echo out of paint"], r"port (\d+)", dict(os.environ))


def test_s3_creates_once_and_updates_by_etag(s3: MotoS3) -> None:
    store = s3_store(s3.endpoint, s3.make_bucket(), s3, {"allow_http": True})
    first = obstore.put(store, "a/b c.txt", b"one", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.put(store, "a/b c.txt", b"two", mode="create")
    assert bytes(obstore.get(store, "a/b c.txt").bytes()) == b"one"
    obstore.put(store, "a/b c.txt", b"three", mode={"e_tag": first["e_tag"]})
    with pytest.raises(PreconditionError):
        obstore.put(store, "a/b c.txt", b"four", mode={"e_tag": first["e_tag"]})
    assert bytes(obstore.get(store, "a/b c.txt").bytes()) == b"three"


def test_the_proxy_changes_nothing_and_counts_all(proxy: Proxy, proxied: AzureStore) -> None:
    data = os.urandom(1 << 20)
    obstore.put(proxied, "a/b c.bin", data)
    assert bytes(obstore.get(proxied, "a/b c.bin").bytes()) == data
    assert [meta["size"] for meta in obstore.list(proxied).collect()] == [len(data)]
    assert obstore.head(proxied, "a/b c.bin")["size"] == len(data)
    put, get, listing, head = proxy.records
    assert (put.method, put.status, put.up, put.down) == ("PUT", 201, len(data), 0)
    assert (get.method, get.status, get.up, get.down) == ("GET", 200, 0, len(data))
    assert get.path.endswith("/a/b%20c.bin")
    assert "comp=list" in listing.query
    assert listing.down > 0
    assert (head.method, head.status, head.down) == ("HEAD", 200, 0)
    assert proxy.count() == 4
    assert proxy.count("GET") == 2


def test_a_sas_and_a_large_upload_in_blocks_pass_the_proxy(
    proxy: Proxy, azurite: Azurite, authority: Authority, container: str
) -> None:
    store = azure_store(proxy, authority, container, by_sas(azurite, container, "rcw"))
    data = os.urandom(3 << 20)
    obstore.put(store, "big", data, use_multipart=True, chunk_size=1 << 20)
    assert (
        bytes(obstore.get_range(store, "big", start=1 << 20, end=2 << 20))
        == data[1 << 20 :][: 1 << 20]
    )
    assert proxy.count("PUT") == 4


def test_s3_passes_the_proxy(s3: MotoS3, authority: Authority) -> None:
    with Proxy(s3.endpoint, authority) as proxy:
        root = authority.ca_pem.read_bytes()
        store = s3_store(proxy.endpoint, s3.make_bucket(), s3, {"root_certificate": root})
        data = os.urandom(1 << 20)
        obstore.put(store, "a", data)
        assert bytes(obstore.get(store, "a").bytes()) == data
        assert [record.status for record in proxy.records] == [200, 200]


def test_the_proxy_understands_chunks_and_expectations(
    proxy: Proxy, azurite: Azurite, authority: Authority, container: str
) -> None:
    path = f"/{DATA}/{container}/a?{azurite.container_sas(DATA, container, 'rcw')}"
    tls = ssl.create_default_context(cafile=str(authority.ca_pem))
    client = http.client.HTTPSConnection("127.0.0.1", proxy.port, context=tls)
    head = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2021-12-02", "Expect": "100-continue"}
    client.request("PUT", path, body=b"abcdef", headers=head)
    with client.getresponse() as answer:
        assert (answer.status, answer.read()) == (201, b"")
    client.request("GET", path)
    with client.getresponse() as answer:
        assert (answer.status, answer.read()) == (200, b"abcdef")
    client.request("PUT", path, body=iter([b"abc", b"def"]), headers=head, encode_chunked=True)
    with client.getresponse() as answer:
        answer.read()
    client.request("GET", path.replace("/a?", "/none?"))
    with client.getresponse() as answer:
        assert answer.status == 404
        assert b"BlobNotFound" in answer.read()
    client.close()
    assert [record.up for record in proxy.records] == [6, 0, 6, 0]


def test_a_refused_request_never_reaches_the_server(proxy: Proxy, proxied: AzureStore) -> None:
    proxy.fault = once(Refuse(retry_after=1), "PUT")
    with pytest.raises(BaseError, match="503"):
        obstore.put(proxied, "a", b"x")
    assert (proxy.records[0].status, proxy.records[0].forwarded) == (503, False)
    assert obstore.list(proxied).collect() == []


def test_a_reset_request_never_reaches_the_server(proxy: Proxy, proxied: AzureStore) -> None:
    proxy.fault = once(Reset(), "PUT")
    with pytest.raises(BaseError):
        obstore.put(proxied, "a", b"x")
    assert (proxy.records[0].status, proxy.records[0].forwarded) == (0, False)
    assert obstore.list(proxied).collect() == []


def test_a_lost_reply_hides_what_was_done(proxy: Proxy, proxied: AzureStore) -> None:
    proxy.fault = once(LoseReply(), "PUT")
    with pytest.raises(BaseError):
        obstore.put(proxied, "a", b"x", mode="create")
    assert (proxy.records[0].status, proxy.records[0].forwarded) == (0, True)
    assert bytes(obstore.get(proxied, "a").bytes()) == b"x"


def test_a_cut_body_ends_half_way(proxy: Proxy, proxied: AzureStore) -> None:
    obstore.put(proxied, "a", bytes(1 << 20))
    proxy.fault = once(CutBody(), "GET")
    answer = obstore.get(proxied, "a")
    with pytest.raises(BaseError):
        answer.bytes()
    assert (proxy.records[1].status, proxy.records[1].down) == (200, 1 << 19)
    assert len(obstore.get(proxied, "a").bytes()) == 1 << 20


def test_a_delayed_request_is_answered_late(proxy: Proxy, proxied: AzureStore) -> None:
    proxy.fault = once(Delay(0.3), "PUT")
    start = time.monotonic()
    obstore.put(proxied, "a", b"x")
    assert time.monotonic() - start >= 0.3


def test_a_client_that_retries_gets_through_random_faults(
    proxy: Proxy, azurite: Azurite, authority: Authority, container: str
) -> None:
    store = azure_store(proxy, authority, container, by_key(azurite), retry=PATIENT)
    proxy.fault = random_faults(1, 0.2, [Refuse(), Reset(), LoseReply(), Delay(0.01)])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: obstore.put(store, f"{i:03}", b"x" * i), range(200)))
        sizes = list(pool.map(lambda i: len(obstore.get(store, f"{i:03}").bytes()), range(200)))
    assert sizes == list(range(200))
    harmed = [record for record in proxy.records if record.fault]
    assert len(proxy.records) > 400
    assert {type(record.fault) for record in harmed} == {Refuse, Reset, LoseReply, Delay}


def test_random_faults_come_in_one_order_for_one_seed() -> None:
    def drawn(seed: int) -> list[Fault | None]:
        choose = random_faults(seed, 0.5, [Reset(), LoseReply()])
        return [choose(Record("GET", "/", "", {})) for _ in range(50)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert set(drawn(1)) == {None, Reset(), LoseReply()}
