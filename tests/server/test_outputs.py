"""Outputs are sent by ranges, only those of the job, and so that no browser runs them."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from impasto.driver.api import run
from impasto.schema.job import JobSpec
from impasto.server.access.limits import FILES
from impasto.server.content import of_object
from impasto.server.context import open_context
from impasto.server.sending import disposition, wanted
from impasto.settings import Settings
from support import stores
from support.jobs import spec
from support.serving import Serving

if TYPE_CHECKING:
    from starlette.types import Message

    from conftest import MakeClip
    from support.cloud import Azurite


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    return Serving(tmp_path)


def _video(serving: Serving, clip: MakeClip, **fields: object) -> tuple[str, bytes]:
    source = Path(shutil.copy(clip(frames=12), serving.media / "a.mp4"))
    job = run(spec(source, serving.made / "ä b.mp4", **fields), settings=serving.context.settings)
    return f"/v1/jobs/{job.job}", (serving.made / "ä b.mp4").read_bytes()


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-7", (93, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=20-10", None),
        ("bytes=1-2,4-5", None),
        ("items=1-2", None),
        ("bytes=-", None),
    ],
)
def test_a_range_is_read_as_http_says(header: str, part: tuple[int, int] | None) -> None:
    assert wanted(header, 100) == part


def test_a_result_is_sent_whole_and_by_ranges(serving: Serving, clip: MakeClip) -> None:
    base, data = _video(serving, clip)
    client = serving.client("viewer")
    whole = client.get(f"{base}/result")
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-disposition"].startswith("inline; ")
    saved = client.get(f"{base}/result", params={"download": 1}).headers["content-disposition"]
    assert saved == disposition("ä b.mp4", download=True)
    assert "filename*=UTF-8''%C3%A4%20b.mp4" in saved
    head = client.head(f"{base}/result")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(data)))
    etag = whole.headers["etag"]
    for condition in ({}, {"If-Range": etag}, {"If-Range": whole.headers["last-modified"]}):
        part = client.get(f"{base}/result", headers={"Range": "bytes=5-9", **condition})
        assert (part.status_code, part.content) == (206, data[5:10])
        assert part.headers["content-range"] == f"bytes 5-9/{len(data)}"
    other = client.get(f"{base}/result", headers={"Range": "bytes=5-9", "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, data)
    beyond = client.get(f"{base}/result", headers={"Range": f"bytes={len(data)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    assert client.get(f"{base}/result", headers={"If-None-Match": etag}).status_code == 304
    source = client.get(f"{base}/source", headers={"Range": "bytes=-4"})
    assert source.content == (serving.media / "a.mp4").read_bytes()[-4:]


def test_what_was_replaced_or_removed_meanwhile_is_not_sent(
    serving: Serving, clip: MakeClip
) -> None:
    base, _ = _video(serving, clip)
    client = serving.client("viewer")
    output, source = serving.made / "ä b.mp4", serving.media / "a.mp4"
    for path, url in ((output, f"{base}/result"), (source, f"{base}/source")):
        path.write_bytes(b"something else")
        assert client.get(url).status_code == 409
        path.unlink()
        assert client.get(url).status_code == 404
        path.symlink_to("/etc/passwd")
        assert client.get(url).status_code == 404


def test_files_of_a_folder_are_those_that_the_job_names(serving: Serving) -> None:
    for n in range(3):
        Image.new("RGB", (8, 8)).save(serving.media / f"{n}.png")
    job = run(spec(serving.media, serving.made / "all"), settings=serving.context.settings).job
    (serving.made / "all" / "foreign.html").write_text("<script>")
    (serving.made / "all" / "2.png").unlink()
    (serving.made / "all" / "2.png").symlink_to("/etc/passwd")
    client = serving.client("viewer")
    first = client.get(f"/v1/jobs/{job}/files", params={"limit": 1}).json()
    assert ([each["name"] for each in first["files"]], first["next"]) == (["0.png"], "0.png")
    rest = client.get(f"/v1/jobs/{job}/files", params={"cursor": "0.png"}).json()
    assert ([each["name"] for each in rest["files"]], rest["next"]) == (["1.png"], "")
    for name, status in {
        "1.png": 200,
        "2.png": 404,
        "foreign.html": 404,
        "..%2F1.png": 404,
    }.items():
        assert client.get(f"/v1/jobs/{job}/files/{name}").status_code == status
    assert client.get(f"/v1/jobs/{job}/result").status_code == 404


def test_another_tenants_outputs_do_not_exist(serving: Serving, clip: MakeClip) -> None:
    base, data = _video(serving, clip, tenant="acme")
    other = serving.client("admin", "other")
    for path in ("result", "source", "files", "files/a", "records", "failed"):
        assert other.get(f"{base}/{path}").status_code == 404
    assert serving.client("viewer", "acme").get(f"{base}/result").content == data


def test_a_result_in_a_store_is_the_version_that_the_job_delivered(
    tmp_path: Path, azurite: Azurite, monkeypatch: pytest.MonkeyPatch, clip: MakeClip
) -> None:
    place = stores.azure(monkeypatch, azurite)
    settings = Settings(home=str(tmp_path / "home"), stores=dict(place.stores.profiles))
    serving = Serving(tmp_path)
    context = open_context(settings, serving.context.serve)
    serving.app.state.context = context
    source = Path(shutil.copy(clip(frames=12), serving.media / "a.mp4"))
    made = JobSpec(source=str(source), output=f"{place.url}/a.mp4", scorer="identity")
    url = f"/v1/jobs/{run(made, settings=settings).job}/result"
    client = serving.client("viewer")
    data = place.open().read("a.mp4")
    assert client.get(url).content == data
    assert client.get(url, headers={"Range": "bytes=7-8"}).content == data[7:9]
    place.open().put("a.mp4", data)
    assert client.get(url).status_code == 409
    place.open().delete("a.mp4")
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("kind", stores.KINDS)
def test_an_object_is_read_in_pieces(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.backend_of(kind, request, monkeypatch).open()
    data = os.urandom(2_500_000)
    store.put("a/b.bin", data)
    content = of_object(store, "a/b.bin")
    pieces = [bytes(piece) for piece in content.part(3, len(data))]
    assert (b"".join(pieces), max(map(len, pieces))) == (data[3:], 1 << 20)


def test_a_client_that_leaves_leaves_no_open_file(serving: Serving, clip: MakeClip) -> None:
    base, _ = _video(serving, clip)
    token = serving.client("viewer").headers["Authorization"]
    made = os.path.realpath(serving.made / "ä b.mp4")
    gc.disable()
    try:
        asyncio.run(_leave(serving, f"{base}/result", token))
        links = [*Path("/proc/self/fd").iterdir()]
        assert made not in [os.path.realpath(link) for link in links]
    finally:
        gc.enable()
    assert not serving.context.limits.files._held


def test_a_caller_has_so_many_files_on_their_way(serving: Serving, clip: MakeClip) -> None:
    base, data = _video(serving, clip)
    client = serving.client("viewer")
    caller = client.headers["Authorization"].split("_")[1]
    for _ in range(FILES):
        assert serving.context.limits.files.take(caller)
    assert client.get(f"{base}/result").status_code == 429
    assert client.head(f"{base}/result").status_code == 200
    assert serving.client("viewer").get(f"{base}/result").content == data
    serving.context.limits.files.give(caller)
    assert client.get(f"{base}/result").content == data


async def _leave(serving: Serving, path: str, token: str) -> None:
    """Ask for a file, and go once its first piece has come."""
    begun = asyncio.Event()
    headers = [(b"host", b"127.0.0.1"), (b"authorization", token.encode())]

    async def receive() -> Message:
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            begun.set()
            await asyncio.sleep(3600)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": headers,
    }
    await serving.app(scope, receive, send)
    assert begun.is_set()
