from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from impasto.server import uploads
from impasto.server.context import open_context
from impasto.settings import Settings
from support.serving import Serving
from support.stores import amazon, azure, keys

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi.testclient import TestClient

    from impasto.server.context import Context
    from support.cloud import Azurite, MotoS3
    from support.stores import Backend


def _ask(client: TestClient, name: str, size: int) -> dict[str, Any]:
    answer = client.post("/v1/uploads", json={"name": name, "bytes": size})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_file_reaches_a_folder_through_the_service(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    client = serving.client("submitter", "acme")
    body = bytes(range(256)) * 20_000
    slot = _ask(client, "été 🌊 50%.mp4", len(body))
    sent = client.put(slot["url"], content=body, headers=slot["headers"])
    assert sent.status_code == 204, sent.text
    (made,) = (serving.made / "acme/uploads").glob("*/*")
    assert (str(made), made.name, made.read_bytes()) == (slot["source"], "été 🌊 50%.mp4", body)
    assert client.put(slot["url"], content=b"x" * len(body)).status_code == 409
    assert made.read_bytes() == body
    plan = client.post("/v1/plan", json={"source": slot["source"], "scorer": "identity"})
    assert (plan.status_code, "you may not" in plan.text) == (422, False)


@pytest.mark.parametrize(
    "name",
    ["../x.png", "a/b.png", "a\\b.png", ".hidden.png", "..", "a\nb.png", "\u202e", " ", "x" * 201],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    client = Serving(tmp_path).client("submitter")
    answer = client.post("/v1/uploads", json={"name": name, "bytes": 3})
    assert answer.status_code == 422


def test_characters_that_hide_a_name_are_left_out() -> None:
    assert uploads.clean_name("cod\u202egpj.exe") == "codgpj.exe"


def test_an_upload_is_its_callers_own_and_for_one_file(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    client = serving.client("submitter", "acme")
    slot = _ask(client, "a.png", 3)
    url = slot["url"]
    mac = url.split("/")[-2]
    for other, path in (
        (serving.client("submitter", "acme"), url),
        (serving.client("submitter", "other"), url),
        (client, url.replace("a.png", "b.png")),
        (client, url.replace(mac, mac[:-1] + ("0" if mac[-1] != "0" else "1"))),
        (client, "/v1/uploads/nothing/a.png"),
        (client, "/v1/uploads/é-1-1-é/a.png"),
    ):
        assert other.put(path, content=b"abc").status_code == 404
    assert serving.client("viewer", "acme").put(url, content=b"abc").status_code == 403
    assert client.put(url, content=b"abcd").status_code == 413
    assert client.put(url, content=iter([b"abc"])).status_code == 411
    assert not [*serving.made.rglob("*")]


def test_limits_are_kept(tmp_path: Path) -> None:
    client = Serving(tmp_path, max_upload=100).client("submitter")
    answer = client.post("/v1/uploads", json={"name": "a.png", "bytes": 101})
    assert (answer.status_code, "100" in answer.json()["title"]) == (413, True)
    serving = Serving(tmp_path)
    ended = serving.context.serve.model_copy(update={"upload_ends": -60.0})
    serving.app.state.context = open_context(serving.context.settings, ended)
    late = serving.client("submitter")
    assert late.put(_ask(late, "a.png", 3)["url"], content=b"abc").status_code == 410


def test_what_is_cut_short_leaves_nothing(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    client = serving.client("submitter")
    slot = _ask(client, "a.png", 1_000)
    cut = client.put(slot["url"], content=iter([b"x" * 400]), headers={"Content-Length": "1000"})
    assert cut.status_code == 422
    assert not [each for each in serving.made.rglob("*") if each.is_file()]


def test_a_link_in_the_place_of_uploads_is_not_followed(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    (tmp_path / "secret").mkdir()
    (serving.made / "uploads").symlink_to(tmp_path / "secret")
    client = serving.client("submitter")
    assert client.put(_ask(client, "a.png", 3)["url"], content=b"abc").status_code >= 400
    assert not [*(tmp_path / "secret").iterdir()]


def _over(tmp_path: Path, backend: Backend) -> tuple[Serving, Context]:
    assert backend.profile
    serving = Serving(tmp_path, read=(), write=(f"{backend.url}/out",))
    stores = {"it": backend.profile}
    settings = Settings(home=str(tmp_path / "home"), stores=stores)
    context = open_context(settings, serving.context.serve)
    serving.app.state.context = context
    return serving, context


def _put(url: str, body: bytes, headers: dict[str, str], ca: str | None = None) -> int:
    # As browsers send a file; by default, the library calls any body a form.
    headers = {**headers, "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, body, headers, method="PUT")
    trusted = ssl.create_default_context(cafile=ca) if ca else None
    handlers: list[Any] = [urllib.request.ProxyHandler({})]
    handlers += [urllib.request.HTTPSHandler(context=trusted)] if trusted else []
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_file_goes_straight_to_azure_once_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, azurite: Azurite
) -> None:
    backend, ca = azure(monkeypatch, azurite), str(azurite.ca)
    serving, context = _over(tmp_path, backend)
    slot = _ask(serving.client("submitter"), "é a.png", 3)
    url, headers = slot["url"], slot["headers"]
    assert context.upload_origins == (f"https://127.0.0.1:{azurite.port}",)
    assert _put(url.replace("a.png", "b.png"), b"abc", headers, ca) == 403
    assert _put(url, b"abc", headers, ca) == 201
    assert _put(url, b"new", headers, ca) in {403, 409}
    (key,) = keys(backend.open("out/uploads"))
    assert slot["source"] == f"{backend.url}/out/uploads/{key}"
    assert backend.open("out/uploads").read(key) == b"abc"


def test_an_expired_url_of_azure_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, azurite: Azurite
) -> None:
    serving, context = _over(tmp_path, azure(monkeypatch, azurite))
    ended = context.serve.model_copy(update={"upload_ends": -60.0})
    settings = context.settings
    serving.app.state.context = open_context(settings, ended)
    slot = _ask(serving.client("submitter"), "a.png", 3)
    assert _put(slot["url"], b"abc", slot["headers"], str(azurite.ca)) == 403


def test_a_file_goes_straight_to_s3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: MotoS3
) -> None:
    backend = amazon(monkeypatch, s3)
    serving, context = _over(tmp_path, backend)
    slot = _ask(serving.client("submitter"), "a.png", 3)
    assert "content-length" in slot["url"]
    assert "if-none-match" in slot["url"]
    assert context.upload_origins == (s3.endpoint,)
    assert _put(slot["url"], b"abc", slot["headers"]) == 200
    assert _put(slot["url"], b"new", slot["headers"]) == 412
    (key,) = keys(backend.open("out/uploads"))
    assert backend.open("out/uploads").read(key) == b"abc"


def test_a_store_that_cannot_sign_is_reached_through_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, azurite: Azurite
) -> None:
    backend = azure(monkeypatch, azurite, auth="sas")
    serving, context = _over(tmp_path, backend)
    client = serving.client("submitter")
    slot = _ask(client, "a.png", 3)
    assert context.upload_origins == ()
    assert client.put(slot["url"], content=b"abc").status_code == 204
    cut = _ask(client, "b.png", 1_000)
    headers = {"Content-Length": "1000"}
    assert client.put(cut["url"], content=iter([b"x"]), headers=headers).status_code == 422
    assert [key.rpartition("/")[2] for key in keys(backend.open("out/uploads"))] == ["a.png"]


@pytest.mark.parametrize("size", ["f" * 5000, "-1", "x", ""])
def test_an_id_that_nobody_was_given_is_not_there(tmp_path: Path, size: str) -> None:
    client = Serving(tmp_path).client("submitter")
    for name in (f"{'a' * 32}-{size}-1-{'b' * 64}", f"{'a' * 32}-1-{size}-{'b' * 64}"):
        assert client.put(f"/v1/uploads/{name}/x.mp4", content=b"x").status_code == 404
