"""Pictures of single items are those of the job, and a hostile one ends nothing but its request."""

from __future__ import annotations

import io
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from impasto.driver.api import run
from impasto.jobs.job import Job
from impasto.jobs.keys import preview_key
from support.clips import frame_number
from support.jobs import spec
from support.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.testclient import TestClient
    from httpx2 import Response

    from conftest import MakeClip
    from impasto.schema.job import JobSpec


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(tmp_path)
    yield serving
    serving.context.decoders.close()


def _done(serving: Serving, job: JobSpec) -> str:
    return run(job, settings=serving.context.settings).job


def _picture(answer: Response) -> np.ndarray[Any, Any]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"))


def _frames(client: TestClient, job: str, which: str, *items: int) -> list[int]:
    urls = [f"/v1/jobs/{job}/items/{item}/{which}.jpg" for item in items]
    return [frame_number(_picture(client.get(url))) for url in urls]


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mov", "prores"), ("a.mkv", "ffv1"), ("a.webm", "vp9")]
)
def test_results_in_every_kind_of_segment_are_found(
    serving: Serving, clip: MakeClip, name: str, codec: str
) -> None:
    source = Path(shutil.copy(clip(frames=30, size=(162, 90)), serving.media / "a.mp4"))
    job = _done(serving, spec(source, serving.made / name, codec=codec))
    assert _frames(serving.client("viewer"), job, "scored", 0, 7, 13, 29) == [0, 7, 13, 29]


@pytest.mark.parametrize("fields", [{}, {"bframes": 0, "gop": 250}, {"start": 90, "rotation": 0}])
def test_each_frame_of_a_video_and_its_result_is_the_one_asked_for(
    serving: Serving, clip: MakeClip, fields: dict[str, Any]
) -> None:
    source = Path(shutil.copy(clip(frames=30, size=(160, 96), **fields), serving.media / "a.mp4"))
    job = _done(serving, spec(source, serving.made / "a.mp4"))
    client = serving.client("viewer")
    items = [0, 1, 5, 11, 12, 13, 3, 29, 28]
    assert _frames(client, job, "source", *items) == items
    assert _frames(client, job, "scored", *items) == items
    before, after = (
        _picture(client.get(f"/v1/jobs/{job}/items/17/{which}.jpg"))
        for which in ("source", "scored")
    )
    assert before.shape == after.shape == (96, 160)
    assert np.abs(before.astype(int) - after.astype(int)).mean() < 3


def test_a_turned_and_stretched_video_is_shown_as_players_show_it(
    serving: Serving, clip: MakeClip
) -> None:
    made = clip(frames=4, size=(96, 64), rotation=90, sample_aspect=2)
    source = Path(shutil.copy(made, serving.media / "a.mp4"))
    job = _done(serving, spec(source, serving.made / "a.mp4"))
    for which in ("source", "scored"):
        url = f"/v1/jobs/{job}/items/2/{which}.jpg"
        assert _picture(serving.client("viewer").get(url)).shape == (192, 64)
        assert _picture(serving.client("viewer").get(url, params={"side": 96})).shape == (96, 32)


def test_images_are_shown_also_once_they_have_left_the_job(serving: Serving) -> None:
    for n in range(3):
        Image.new("RGB", (40, 30), (n * 40,) * 3).save(serving.media / f"{n}.png")
    job = _done(serving, spec(serving.media, serving.made / "all"))
    client = serving.client("viewer")
    for which in ("source", "scored"):
        shown = _picture(client.get(f"/v1/jobs/{job}/items/2/{which}.jpg"))
        assert shown.shape == (30, 40)
        assert abs(int(shown.mean()) - 80) < 2
    (serving.made / "all" / "1.png").unlink()
    assert client.get(f"/v1/jobs/{job}/items/1/scored.jpg").status_code == 404
    secret = serving.media.parent / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    (serving.made / "all" / "1.png").symlink_to(secret)
    assert client.get(f"/v1/jobs/{job}/items/1/scored.jpg").status_code in {404, 422}


def test_what_is_no_picture_is_not_found(serving: Serving, tmp_path: Path) -> None:
    source = serving.media / "a.csv"
    source.write_text("x\n1\n2\n")
    script = tmp_path / "score.py"
    script.write_text("def run(mini_batch):\n    return list(mini_batch['x'])\n")
    job = _done(serving, spec(source, serving.made / "a.jsonl", scorer=f"script:{script}"))
    client = serving.client("viewer")
    for item in (0, 2, 1 << 50):
        for which in ("source", "scored"):
            answer = client.get(f"/v1/jobs/{job}/items/{item}/{which}.jpg")
            assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert client.get(f"/v1/jobs/{job}/items/-1/source.jpg").status_code == 422


def test_a_picture_that_is_known_is_not_made_again(serving: Serving, clip: MakeClip) -> None:
    source = Path(shutil.copy(clip(frames=4), serving.media / "a.mp4"))
    job = _done(serving, spec(source, serving.made / "a.mp4"))
    client = serving.client("viewer")
    url = f"/v1/jobs/{job}/items/1/source.jpg"
    first = client.get(url)
    again = client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(url, params={"side": 64}).headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("harm", ["replaced", "cut", "bomb", "gone"])
def test_a_hostile_source_is_one_clear_problem(serving: Serving, clip: MakeClip, harm: str) -> None:
    source = Path(shutil.copy(clip(frames=24), serving.media / "a.mp4"))
    picture = serving.media / "p.png"
    Image.new("RGB", (20, 20)).save(picture)
    of_video = _done(serving, spec(source, serving.made / "a.mp4"))
    of_image = _done(serving, spec(picture, serving.made / "p.png"))
    data = source.read_bytes()
    if harm == "gone":
        source.unlink()
        picture.unlink()
    elif harm == "cut":
        source.write_bytes(data[: len(data) // 2])
        picture.write_bytes(picture.read_bytes()[:40])
    else:
        source.write_bytes(b"#EXTM3U\n/etc/passwd\n" if harm == "replaced" else os.urandom(5000))
        Image.new("1", (16000, 16000)).save(picture)
    client = serving.client("viewer")
    for job in (of_video, of_image):
        answer = client.get(f"/v1/jobs/{job}/items/0/source.jpg")
        assert answer.status_code in {404, 409, 422}, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    # The results are still there.
    assert client.get(f"/v1/jobs/{of_video}/items/0/scored.jpg").status_code == 200


def test_a_process_that_dies_is_replaced(serving: Serving, clip: MakeClip) -> None:
    source = Path(shutil.copy(clip(frames=24), serving.media / "a.mp4"))
    job = _done(serving, spec(source, serving.made / "a.mp4"))
    client = serving.client("viewer")
    assert _frames(client, job, "source", 3) == [3]
    (decoder,) = serving.context.decoders._idle
    os.kill(decoder._process.pid, signal.SIGSTOP)
    serving.context.decoders.kind.seconds = 0.3
    answer = client.get(f"/v1/jobs/{job}/items/4/source.jpg")
    assert (answer.status_code, "0.3 seconds" in answer.json()["title"]) == (422, True)
    serving.context.decoders.kind.seconds = 30.0
    assert _frames(client, job, "source", 4) == [4]
    (decoder,) = serving.context.decoders._idle
    os.kill(decoder._process.pid, signal.SIGKILL)
    assert client.get(f"/v1/jobs/{job}/items/5/source.jpg").status_code in {200, 422}
    assert _frames(client, job, "source", 6) == [6]


def test_previews_are_listed_in_pairs_and_sent_as_they_are(
    serving: Serving, clip: MakeClip
) -> None:
    source = Path(shutil.copy(clip(frames=4), serving.media / "a.mp4"))
    job = _done(serving, spec(source, serving.made / "a.mp4"))
    folder = Job(serving.context.home, job).folder
    folder.delete(*(key for key, _ in folder.list_all("previews")))
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    for key in (preview_key(3, "source"), preview_key(3, "scored"), preview_key(1, "source")):
        folder.put(key, buffer.getvalue())
    folder.put(preview_key(2, "source"), b"<script>")
    client = serving.client("viewer")
    found = client.get(f"/v1/jobs/{job}/previews").json()["pairs"]
    assert [pair["item"] for pair in found] == [3]
    answer = client.get(f"/v1/jobs/{job}/previews/3/scored.jpg")
    assert answer.content == buffer.getvalue()
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"/v1/jobs/{job}/previews/2/source.jpg").status_code == 404
    assert client.get(f"/v1/jobs/{job}/previews/9/source.jpg").status_code == 404


def test_another_tenants_pictures_do_not_exist(serving: Serving, clip: MakeClip) -> None:
    source = Path(shutil.copy(clip(frames=4), serving.media / "a.mp4"))
    job = _done(serving, spec(source, serving.made / "a.mp4", tenant="acme"))
    for path in ("items/0/source.jpg", "items/0/scored.jpg", "previews", "previews/0/source.jpg"):
        other = serving.client("admin", "other").get(f"/v1/jobs/{job}/{path}")
        assert (other.status_code, other.json()["title"]) == (404, f"job {job}: not found")
    own = serving.client("viewer", "acme").get(f"/v1/jobs/{job}/items/0/scored.jpg")
    assert own.status_code == 200
