"""A minted SAS allows what it says, where it says, for as long as it says, and no more."""

from __future__ import annotations

import base64
import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from impasto.errors import BadInput, Denied, Unavailable
from impasto.schema.profile import StoreProfile
from impasto.schema.url import parse
from impasto.settings import Settings
from impasto.storage import credentials, identities
from impasto.storage.clients import AT_ONCE
from impasto.storage.sas import RIGHTS, Sas, mint
from impasto.storage.store import Store
from support.cloud import CONTROL, DATA
from support.command import call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.cloud import Azurite


@pytest.fixture
def container(azurite: Azurite) -> str:
    return azurite.make_container()


@pytest.fixture
def key(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> StoreProfile:
    """All containers of the data account, by its key."""
    monkeypatch.setenv("DATA_KEY", azurite.accounts[DATA])
    return profile(azurite, auth="key", secret="DATA_KEY")


@pytest.fixture
def signed_in(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> StoreProfile:
    """All containers of the data account, by an identity."""
    sign_in(monkeypatch, delegating(azurite.token()))
    return profile(azurite)


def profile(azurite: Azurite, **fields: Any) -> StoreProfile:
    return StoreProfile(**{"url": azurite.endpoint(), "ca": str(azurite.ca), **fields})


def delegating(token: str) -> str:
    """The same token, with the names of user and tenant that a delegation holds."""
    head, claims, signature = token.split(".")
    fields = json.loads(base64.urlsafe_b64decode(claims + "=="))
    fields |= {"oid": str(uuid4()), "tid": str(uuid4())}
    claims = base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()
    return f"{head}.{claims}.{signature}"


def sign_in(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    fields = {"token": token, "expires_at": datetime.now(UTC) + timedelta(hours=1)}
    monkeypatch.setattr(identities, "azure", lambda: lambda: fields)


def settings(**stores: StoreProfile) -> Settings:
    return Settings(home="/nowhere", stores=stores)


def minted(azurite: Azurite, container: str, how: StoreProfile, rights: str, key: str = "") -> Sas:
    url = f"{azurite.endpoint()}/{container}/{key}".rstrip("/")
    return mint(settings(data=how), url, rights, 1)


def opened(azurite: Azurite, sas: Sas) -> Store:
    """The container as the outsider sees it."""
    place = parse(sas.url)
    outside = StoreProfile(url=str(place), auth="anonymous", ca=str(azurite.ca))
    return Store(place, outside, retry=AT_ONCE)


def allowed(store: Store) -> str:
    """The letters of what it lets one do."""

    def may(letter: str) -> bool:
        acts: dict[str, Callable[[], object]] = {
            "r": lambda: store.read("there"),
            "c": lambda: store.create(f"new-{letter}", b"x"),
            "w": lambda: store.put("there", b"new"),
            "d": lambda: store.delete("there"),
            "l": lambda: store.list_all(),
        }
        try:
            acts[letter]()
        except Denied:
            return False
        return True

    return "".join(letter for letter in "rcwld" if may(letter))


@pytest.mark.parametrize("rights", ["r", "c", "rl", "cw", "rcwdl"])
@pytest.mark.parametrize("how", ["key", "signed_in"])
def test_a_sas_allows_what_it_says_and_no_more(
    how: str, rights: str, azurite: Azurite, container: str, request: pytest.FixtureRequest
) -> None:
    way: StoreProfile = request.getfixturevalue(how)
    owner = Store(parse(f"{azurite.endpoint()}/{container}"), way)
    owner.put("there", b"old")
    store = opened(azurite, minted(azurite, container, way, rights))
    # Writing includes creating.
    assert set(allowed(store)) == set(rights)


def test_a_write_only_box_takes_and_shows_nothing(
    azurite: Azurite, container: str, key: StoreProfile
) -> None:
    box = opened(azurite, minted(azurite, container, key, "c"))
    assert box.create("clip.mp4", b"theirs")
    with pytest.raises(Denied):
        box.read("clip.mp4")
    with pytest.raises(Denied):
        box.put("clip.mp4", b"other")


def test_a_sas_opens_no_other_container(
    azurite: Azurite, container: str, key: StoreProfile
) -> None:
    sas = minted(azurite, container, key, "rl")
    other = azurite.make_container()
    moved = sas.url.replace(container, other)
    assert moved != sas.url
    with pytest.raises(Denied):
        opened(azurite, Sas(moved, other, "rl", sas.until, "")).list_all()


@pytest.mark.parametrize("how", ["key", "signed_in"])
def test_a_sas_ends(
    how: str, azurite: Azurite, container: str, request: pytest.FixtureRequest
) -> None:
    way = settings(data=request.getfixturevalue(how))
    sas = mint(way, f"{azurite.endpoint()}/{container}", "rl", 1e-9)
    with pytest.raises(Denied):
        opened(azurite, sas).list_all()


def test_a_sas_says_what_it_means(azurite: Azurite, container: str, key: StoreProfile) -> None:
    sas = minted(azurite, container, key, "wc", "inbox/today")
    fields = {name: values[0] for name, values in parse_qs(urlsplit(sas.url).query).items()}
    assert fields["sp"] == "cw"
    assert fields["sr"] == "c"
    assert fields["spr"] == "https"
    assert datetime.fromisoformat(fields["st"]) < datetime.now(UTC)
    assert datetime.fromisoformat(fields["se"]) == sas.until
    assert urlsplit(sas.url).path.endswith(f"/{container}/inbox/today")
    assert f"allows create and write in the whole container {container} until" in str(sas)
    assert "rotating the account's key" in str(sas)
    assert "inbox/today does not limit it" in sas.notes[0]
    assert fields["sig"] not in f"{sas!r}{sas}"


def test_an_identity_signs_with_a_key_of_its_own(
    azurite: Azurite, container: str, signed_in: StoreProfile
) -> None:
    sas = minted(azurite, container, signed_in, "rl")
    assert "skoid=" in sas.url
    assert "user delegation" in str(sas)


def test_the_longest_delegation_is_what_the_service_takes(
    azurite: Azurite, container: str, signed_in: StoreProfile
) -> None:
    sas = mint(settings(data=signed_in), f"{azurite.endpoint()}/{container}", "rl", 168)
    query = {name: values[0] for name, values in parse_qs(urlsplit(sas.url).query).items()}
    span = datetime.fromisoformat(query["se"]) - datetime.fromisoformat(query["st"])
    assert span == timedelta(days=7)


def test_rights_are_put_in_the_order_that_the_service_wants(
    azurite: Azurite, container: str, key: StoreProfile
) -> None:
    sas = minted(azurite, container, key, "".join(reversed(RIGHTS)) + "rr")
    assert sas.rights == "racwdl"
    assert opened(azurite, sas).list_all() == []


def test_a_connection_string_signs_too(
    azurite: Azurite, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"BlobEndpoint={azurite.endpoint()};AccountName={DATA}"
    monkeypatch.setenv("CONNECTION", f"{text};AccountKey={azurite.accounts[DATA]}")
    how = profile(azurite, url=f"az://{container}", auth="connection_string", secret="CONNECTION")
    sas = mint(settings(data=how), f"az://{container}", "rl", 1)
    assert opened(azurite, sas).list_all() == []


def test_a_plain_endpoint_of_this_machine_gets_a_plain_sas(
    monkeypatch: pytest.MonkeyPatch, azurite: Azurite
) -> None:
    monkeypatch.setenv("DATA_KEY", azurite.accounts[DATA])
    how = StoreProfile(
        url="az://data", auth="key", secret="DATA_KEY", endpoint=f"http://127.0.0.1:1/{DATA}"
    )
    assert "spr=https%2Chttp&" in mint(settings(data=how), "az://data", "r", 1).url


BAD = {
    "az://data --permission rz": "'z' is not a permission",
    "az://data --permission ,": "',' is not a permission",
    "az://data --hours 0": "`hours=0`",
    "az://data --hours -1": "`hours=-1`",
    "az://data --hours nan": "`hours=nan`",
    "az://data --hours 8761": "at most 8760",
    "az://outside --hours 169": "at most 168",
    "az://": "does not name a container",
    "az://unknown": "no profile",
    "s3://bucket/a": "presign",
    "gs://bucket/a": "sign-url",
    "/tmp": "permissions",
    "az://signed": "cannot sign a SAS; give the store's profile auth = 'identity' or 'key'",
    "az://open": "cannot sign a SAS",
    "az://broken": "is not an account key",
    "az://control": "outsiders must not reach",
    "az://mixed/media": "outsiders must not reach",
    "az://homes/media": "outsiders must not reach",
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_or_must_not_be_shared_is_refused(
    case: str, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_KEY", azurite.accounts[DATA])
    monkeypatch.setenv("DATA_SAS", "sv=2&sp=rl&sig=c2VjcmV0c2VjcmV0")
    monkeypatch.setenv("BROKEN", "no-key")
    sign_in(monkeypatch, azurite.token())
    key: dict[str, Any] = {"account": DATA, "auth": "key", "secret": "DATA_KEY"}
    sas: dict[str, Any] = {"account": DATA, "auth": "sas", "secret": "DATA_SAS"}
    stores = {
        "data": StoreProfile(url="az://data", **key),
        "outside": StoreProfile(url="az://outside", account=DATA),
        "signed": StoreProfile(url="az://signed", **sas),
        "open": StoreProfile(url="az://open", account=DATA, auth="anonymous"),
        "broken": StoreProfile(url="az://broken", account=DATA, auth="key", secret="BROKEN"),
        "control": StoreProfile(url="az://control", role="control", **key),
        "mixed": StoreProfile(url="az://mixed", **key),
        "inside": StoreProfile(url="az://mixed/jobs", role="control", **key),
        "homes": StoreProfile(url="az://homes", **key),
    }
    url, *flags = case.split()
    options = {"--permission": "rl", "--hours": "1"} | dict(
        zip(flags[::2], flags[1::2], strict=True)
    )
    with pytest.raises(BadInput) as error:
        mint(
            Settings(home="az://homes/jobs", stores=stores),
            url,
            options["--permission"],
            float(options["--hours"]),
        )
    assert BAD[case] in str(error.value)
    assert "secretsecret" not in str(error.value)


def test_a_control_store_of_another_account_is_no_reason_to_refuse(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_KEY", azurite.accounts[DATA])
    monkeypatch.setenv("CONTROL_KEY", azurite.accounts[CONTROL])
    stores = {
        "data": profile(azurite, url=f"{azurite.endpoint()}/both", auth="key", secret="DATA_KEY"),
        "control": profile(
            azurite,
            url=f"{azurite.endpoint(CONTROL)}/both",
            auth="key",
            secret="CONTROL_KEY",
            role="control",
        ),
    }
    assert "sig=" in mint(settings(**stores), f"{azurite.endpoint()}/both", "r", 1).url


def test_an_identity_that_may_not_delegate_is_told_what_it_lacks(
    azurite: Azurite, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(monkeypatch, azurite.token(hours=-0.01))
    with pytest.raises(Denied, match="Storage Blob Delegator"):
        minted(azurite, container, profile(azurite), "r")


def test_nobody_signed_in_is_bad_input(
    azurite: Azurite, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.identity import CredentialUnavailableError

    def refuse() -> None:
        raise CredentialUnavailableError("many\nlines")

    monkeypatch.setattr(identities, "azure", lambda: refuse)
    with pytest.raises(BadInput, match="az login"):
        minted(azurite, container, profile(azurite), "r")


def test_a_service_that_does_not_answer_is_unavailable(
    azurite: Azurite, container: str, signed_in: StoreProfile
) -> None:
    unknown = signed_in.model_copy(update={"ca": None})
    with pytest.raises(Unavailable, match="impasto doctor"):
        minted(azurite, container, unknown, "r")


def test_a_missing_library_is_named(
    azurite: Azurite, container: str, key: StoreProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "azure.storage.blob", None)
    with pytest.raises(BadInput, match=r"pip install 'impasto\[azure\]'"):
        minted(azurite, container, key, "r")


def test_a_customer_key_is_something_that_outsiders_would_need(
    azurite: Azurite, container: str, key: StoreProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_key = key.model_copy(update={"customer_key": "CUSTOMER"})
    assert "CUSTOMER" in minted(azurite, container, with_key, "r").notes[0]


def test_the_command_prints_the_url_alone_on_stdout_and_no_secret_elsewhere(
    azurite: Azurite, container: str, key: StoreProfile, tmp_path: Path
) -> None:
    config = tmp_path / "impasto.toml"
    config.write_text(
        f'[stores.data]\nurl = "{azurite.endpoint()}"\nca = "{azurite.ca}"\n'
        'auth = "key"\nsecret = "DATA_KEY"\n'
    )

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        url = f"{azurite.endpoint()}/{container}/in"
        return call("sas", url, "--permission", "rl", "--hours", 2, "--config", config, *flags)

    plain, as_json = run(), run("--json")
    (url,) = plain.stdout.splitlines()
    fields = json.loads(as_json.stdout)
    for given, done in ((url, plain), (fields["url"], as_json)):
        place, signature = given.partition("?")[0], parse_qs(urlsplit(given).query)["sig"][0]
        assert place == f"{azurite.endpoint()}/{container}/in"
        assert signature not in done.stderr
        assert "sig=" not in done.stderr
        note, meaning = done.stderr.splitlines()
        assert note.startswith("note: in does not limit it")
        assert meaning.startswith("allows read and list in the whole container")
        until = datetime.fromisoformat(fields["expires"])
        sas = Sas(given, container, "rl", until, "")
        assert opened(azurite, sas).list_all() == []
    assert (fields["container"], fields["permission"]) == (container, "rl")


def test_a_sas_that_was_minted_is_hidden_from_then_on(
    azurite: Azurite, container: str, key: StoreProfile
) -> None:
    sas = minted(azurite, container, key, "r")
    signature = parse_qs(urlsplit(sas.url).query)["sig"][0]
    assert signature not in str(BadInput(f"a line with {signature} in it; hide it"))


def test_a_sas_in_the_url_signs_no_other(azurite: Azurite, container: str) -> None:
    url = f"{azurite.endpoint()}/{container}?{azurite.container_sas(DATA, container, 'rl')}"
    with pytest.raises(BadInput, match="cannot sign a SAS"):
        mint(settings(), url, "rl", 1)
    assert credentials.credential(parse(url), None).fields is not None
