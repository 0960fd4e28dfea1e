from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from impasto.driver import api
from impasto.jobs.job import Job
from impasto.jobs.waiting import Undriven
from impasto.server.config import Scope
from impasto.watch.rule import WatchSettings
from impasto.watch.share import job_settings
from support.models import write_sums
from support.rules import styles
from support.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi.testclient import TestClient

    from conftest import MakeClip


@pytest.fixture
def serving(tmp_path: Path, clip: MakeClip) -> Serving:
    made = Serving(tmp_path)
    (made.media / "acme").mkdir()
    for folder in (made.media, made.media / "acme"):
        (folder / "clip.mp4").write_bytes(clip(frames=6).read_bytes())
        styles(folder, "waves.png")
    return made


ALL = ("jobs", "plan", "preview")


def _refused(
    client: TestClient,
    status: int,
    told: str,
    given: Mapping[str, Any],
    paths: tuple[str, ...] = ALL,
) -> None:
    for path in paths:
        answer = client.post(f"/v1/{path}", json=given)
        assert (answer.status_code, told in answer.json()["title"]) == (status, True), answer.text


def test_a_submission_becomes_a_job_for_a_watcher_and_only_one(serving: Serving) -> None:
    client = serving.client("submitter", "acme")
    given = {
        "source": str(serving.media / "acme/clip.mp4"),
        "scorer": "identity",
        "options": {"end": "0.2"},
        "labels": {"shot": "7"},
    }
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    made = client.post("/v1/jobs", json=given, headers={"traceparent": trace})
    assert made.status_code == 201, made.text
    answer = made.json()
    assert answer["state"] == "submitted"
    assert Path(answer["output"]).parent == serving.made / "acme"
    assert Path(answer["output"]).name.startswith("clip-identity-")
    other = {"traceparent": trace.replace("a", "c")}
    again = client.post("/v1/jobs", json=given, headers=other).json()
    assert again == answer | {"state": "already submitted"}
    (job,) = Undriven(serving.context.home).find()
    assert job.notes.trace() == trace
    spec = job.spec()
    assert (job.id, spec.tenant, spec.labels, spec.exact) == (
        answer["job"],
        "acme",
        {"shot": "7"},
        True,
    )
    api.finish(job, settings=serving.context.settings)
    assert Path(answer["output"]).stat().st_size
    assert client.post("/v1/jobs", json=given).json()["state"] == "done"


@pytest.mark.parametrize(
    ("name", "options", "suffix"),
    [
        ("clip.mp4", {}, ".mp4"),
        ("clip.mp4", {"frames": "png"}, ""),
        ("waves.png", {}, ".png"),
    ],
)
def test_an_output_without_a_name_suits_what_is_made(
    serving: Serving, name: str, options: dict[str, str], suffix: str
) -> None:
    client = serving.client("submitter")
    given = {"source": str(serving.media / name), "scorer": "identity", "options": options}
    answer = client.post("/v1/jobs", json=given)
    assert Path(answer.json()["output"]).suffix == suffix, answer.text


def test_a_name_alone_is_below_the_first_place_of_the_caller(serving: Serving) -> None:
    client = serving.client("submitter", "acme")
    given = {"source": str(serving.media / "acme/clip.mp4"), "scorer": "identity"}
    for name in ("late night #1.mp4", "frames/"):
        answer = client.post("/v1/jobs", json={**given, "output": name})
        assert answer.json().get("output") == f"{serving.made}/acme/{name}", answer.text
    for name in ("..", ".", "a\x00.mp4"):
        _refused(client, 422, "", {**given, "output": name})
    _refused(client, 422, "late.xyz", {**given, "output": "late.xyz"})


@pytest.mark.parametrize(
    ("given", "status", "told"),
    [
        ({"source": "/etc/passwd"}, 422, "you may not read from there"),
        ({"source": "{in}/other/clip.mp4"}, 422, "you may not read from there"),
        ({"source": "{in}/acme/../clip.mp4"}, 422, "you may not read from there"),
        ({"source": "az://secret/clip.mp4"}, 422, "you may not read from there"),
        ({"source": "{in}/acme/*.mp4"}, 404, "no such file"),
        ({"source": "{in}/acme/a\x00.mp4"}, 422, "source"),
        ({"params": {"style": "/etc/hostname"}}, 422, "you may not read from there"),
        ({"params": {"style": "{in}/waves.png"}}, 422, "you may not read from there"),
        ({"params": {"style": "{in}/acme/waves.png", "weights": "/w"}}, 403, "weights: needs"),
        ({"output": "{out}/x.mp4"}, 422, "you may not write there"),
        ({"output": "{in}/acme/x.mp4"}, 422, "you may not write there"),
        ({"scorer": "python:{in}/acme/evil.py:Evil"}, 403, "runs code or a model"),
        ({"scorer": "onnx", "params": {"model": "{in}/acme/evil.onnx"}}, 403, "runs code"),
        ({"scorer": "no such"}, 422, "unknown"),
        ({"options": {"pins": {}}}, 422, "options.pins: cannot be set here"),
        ({"options": {"tenant": "other"}}, 422, "options.tenant: cannot be set here"),
        ({"options": {"exact": False}}, 422, "options.exact: cannot be set here"),
        ({"options": {"requirements": "/r.txt"}}, 403, "options.requirements: needs the role"),
        ({"options": {"crf": 99}}, 422, "crf"),
        ({"options": {"codec": "prores"}, "output": "a.mp4"}, 422, "MP4 cannot carry it"),
    ],
)
def test_a_submitter_reaches_only_its_own_places(
    serving: Serving, given: dict[str, Any], status: int, told: str
) -> None:
    places = {"in": str(serving.media), "out": str(serving.made)}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(each) for name, each in value.items()}
        return value.format(**places) if isinstance(value, str) else value

    whole = {"source": "{in}/acme/clip.mp4", "params": {"style": "{in}/acme/waves.png"}, **given}
    if "scorer" in given:
        whole["params"] = given.get("params", {})
    _refused(serving.client("submitter", "acme"), status, told, filled(whole))


def test_links_that_lead_out_are_refused(serving: Serving, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/clip.mp4").write_bytes((serving.media / "clip.mp4").read_bytes())
    mine = serving.media / "acme"
    (mine / "link.mp4").symlink_to(tmp_path / "secret/clip.mp4")
    (mine / "folder").symlink_to(tmp_path / "secret")
    os.link(tmp_path / "secret/clip.mp4", mine / "second.mp4")
    os.mkfifo(mine / "pipe.mp4")
    client = serving.client("submitter", "acme")
    for name, told in (
        ("link.mp4", "is a link"),
        ("folder/clip.mp4", "is a link, or in a folder that is one"),
        ("second.mp4", "a second name of a file"),
        ("pipe.mp4", "is a pipe"),
    ):
        given = {"source": str(mine / name), "scorer": "identity"}
        _refused(client, 422, told, given, ("jobs",))
    (serving.made / "acme").symlink_to(tmp_path / "secret")
    (tmp_path / "secret/deeper").symlink_to(tmp_path)
    given = {"source": str(mine / "clip.mp4"), "scorer": "identity"}
    inside = client.post("/v1/jobs", json=given).json()
    # The tenant's own folder is a link that the administrator has set.
    assert inside["output"].startswith(str(tmp_path / "secret/clip-identity-"))
    given["output"] = str(serving.made / "acme/deeper/x.mp4")
    _refused(client, 422, "is a link, or in a folder that is one", given, ("plan",))


def test_code_is_for_operators_and_never_where_callers_may_write(
    serving: Serving, tmp_path: Path
) -> None:
    code = "class Same:\n    def score(self, batch):\n        return batch\n"
    for folder in (tmp_path, tmp_path / "code", serving.media):
        folder.mkdir(exist_ok=True)
        (folder / "same.py").write_text(code)
    serving = Serving(tmp_path, code=(str(tmp_path / "code"), str(serving.media)))
    client = serving.client("operator")
    given = {"source": str(serving.media / "clip.mp4")}
    theirs = {**given, "scorer": f"python:{serving.media / 'same.py'}:Same"}
    _refused(client, 422, "is where callers may write", theirs)
    elsewhere = {**given, "scorer": f"python:{tmp_path / 'same.py'}:Same"}
    _refused(client, 422, "is not where code for callers is kept", elsewhere)
    _refused(client, 422, "is not where code", {**given, "scorer": "script:/usr/bin/env"})
    ours = {**given, "scorer": f"python:{tmp_path / 'code/same.py'}:Same"}
    assert client.post("/v1/jobs", json=ours).status_code == 201


def test_arrays_of_an_onnx_model_are_where_its_code_is(serving: Serving, tmp_path: Path) -> None:
    code = tmp_path / "code"
    for folder in (tmp_path, code):
        folder.mkdir(exist_ok=True)
        np.save(folder / "w.npy", np.ones(2))
        write_sums(folder / "sums.onnx")
    client = Serving(tmp_path, code=(str(code),)).client("operator")
    given: dict[str, Any] = {
        "source": str(serving.media / "clip.mp4"),
        "scorer": f"onnx:{code / 'sums.onnx'}",
    }
    outside = {**given, "params": {"input": {"w": str(tmp_path / "w.npy")}}}
    _refused(client, 422, "w.npy is not where code for callers is kept", outside)
    inside = {**given, "params": {"input": {"w": str(code / "w.npy"), "k": [1, 2.5]}}}
    assert client.post("/v1/jobs", json=inside).status_code == 201


def test_a_folder_of_code_is_an_operators_and_nobody_may_write_below_it(
    serving: Serving, tmp_path: Path
) -> None:
    folder = tmp_path / "code/mine"
    folder.mkdir(parents=True)
    (folder / "score.py").write_text("def run(batch):\n    return batch\n")
    serving = Serving(tmp_path, code=(str(tmp_path.parent),))
    client = serving.client("operator")
    given = {
        "source": str(serving.media / "clip.mp4"),
        "scorer": f"script:{folder / 'score.py'}",
        "output": str(serving.made / "a.csv"),
    }
    elsewhere = {**given, "params": {"code": "/usr/lib"}}
    _refused(client, 422, "code: /usr/lib is not where code for callers is kept", elsewhere)
    above = str(serving.media.parent)
    for name in ("code", "model"):
        written = {**given, "params": {name: above}}
        _refused(client, 422, f"{name}: callers may write below {above}", written)
    ours = {**given, "params": {"code": str(folder)}}
    assert client.post("/v1/jobs", json=ours).status_code == 201


def test_the_home_is_no_place_for_anything(tmp_path: Path) -> None:
    serving = Serving(tmp_path, read=(str(tmp_path),), write=(str(tmp_path),))
    client = serving.client("submitter")
    given = {"source": str(tmp_path / "home/jobs/x.png"), "scorer": "identity"}
    _refused(client, 422, "is in the home of jobs", given)


def test_what_is_there_is_replaced_only_when_that_is_asked_for(serving: Serving) -> None:
    client = serving.client("submitter")
    taken = serving.made / "taken.png"
    taken.write_bytes(b"mine")
    given = {
        "source": str(serving.media / "waves.png"),
        "scorer": "identity",
        "output": str(taken),
    }
    answer = client.post("/v1/jobs", json=given)
    assert (answer.status_code, "already exists" in answer.json()["title"]) == (409, True)
    assert client.post("/v1/jobs", json={**given, "overwrite": True}).status_code == 201


@pytest.mark.parametrize(
    ("given", "title", "remedy"),
    [
        ({"max_size": 640}, "max_size: is not a field of the body", "write it into options"),
        ({"lables": {}}, "lables: unknown field", "did you mean labels?"),
        ({"sourc": "x"}, "sourc: unknown field", "did you mean source?"),
        ({"a": 1, "source": "x"}, "a: unknown field", "choose from source, output, rule, scorer"),
        ({}, "source: is missing", "add it"),
        ({"source": 3}, "source: must be text", "correct it"),
        ({"source": "{clip}", "params": {"styl": "x"}}, "styl", "did you mean style?"),
        ('{"source": 1', "the body is not JSON", "correct it"),
        ("[1]", "the body is not a JSON object", "send one"),
    ],
)
def test_what_is_wrong_with_a_request_comes_with_a_remedy(
    serving: Serving, given: Any, title: str, remedy: str
) -> None:
    text = given if isinstance(given, str) else json.dumps(given)
    body = text.replace("{clip}", str(serving.media / "clip.mp4"))
    headers = {"Content-Type": "application/json"}
    answer = serving.client("submitter").post("/v1/jobs", content=body, headers=headers)
    told = answer.json()
    assert (answer.status_code, title in told["title"]) == (422, True), told
    assert told["remedy"].startswith(remedy), told


def test_a_viewer_submits_nothing(serving: Serving) -> None:
    given = {"source": str(serving.media / "clip.mp4"), "scorer": "identity"}
    _refused(serving.client("viewer"), 403, "needs the role submitter", given)


def test_a_plan_says_how_a_job_would_be_cut_and_writes_nothing(serving: Serving) -> None:
    given = {"source": str(serving.media / "clip.mp4"), "scorer": "identity"}
    made = serving.client("submitter").post("/v1/plan", json=given).json()
    assert (made["items"], made["noun"], made["shards"]) == (6, "frames", 1)
    assert (made["output_kind"], made["width"] > 0) == ("video", True)
    assert not Undriven(serving.context.home).find()


def test_a_plan_has_the_workers_that_a_watcher_gives_the_job(ruled: Serving) -> None:
    cores = len(os.sched_getaffinity(0))
    given = {"source": str(ruled.media / "acme/clip.mp4")}
    plain = {**given, "scorer": "identity", "options": {"shard_frames": 1}}
    config = Path(ruled.context.config or "")
    rules = config.read_text()
    for jobs, workers in ((1, min(6, cores)), (cores, 1)):
        watch = WatchSettings(jobs=jobs)
        config.write_text(f"{rules}\n[watch]\njobs = {jobs}\n")
        made = ruled.client("operator").post("/v1/plan", json=plain).json()
        driven = job_settings(ruled.context.settings, watch, None)
        assert (made["shards"], made["workers"], driven.workers.most) == (6, workers, workers)
    small = ruled.client("submitter", "acme").post("/v1/plan", json={**given, "rule": "copy"})
    assert (small.json()["shards"], small.json()["workers"]) == (1, 1)


def test_a_preview_shows_one_frame_before_and_after(serving: Serving) -> None:
    given = {
        "source": str(serving.media / "clip.mp4"),
        "params": {"style": str(serving.media / "waves.png")},
    }
    answer = serving.client("submitter").post("/v1/preview", json={**given, "at": 0.1})
    assert answer.status_code == 200, answer.text
    made = answer.json()
    before, after = (
        Image.open(io.BytesIO(base64.b64decode(made[name]))) for name in ("source", "scored")
    )
    assert before.format == after.format == "JPEG"
    assert before.tobytes() != after.tobytes()
    assert 0 <= made["at"] <= 0.1
    assert made["estimate"]["items"] == 6
    assert made["estimate"]["seconds"] > 0
    late = serving.client("submitter").post("/v1/preview", json={**given, "at": 99.0})
    assert (late.status_code, "the video is" in late.json()["title"]) == (422, True)


def test_a_damaged_clip_is_a_clear_answer(serving: Serving) -> None:
    (serving.media / "bad.mp4").write_bytes(b"\0" * 4096)
    given = {"source": str(serving.media / "bad.mp4"), "scorer": "identity"}
    for path in ("plan", "preview"):
        answer = serving.client("submitter").post(f"/v1/{path}", json=given)
        assert (answer.status_code, "bad.mp4" in answer.json()["title"]) == (422, True)


@pytest.fixture
def ruled(tmp_path: Path, clip: MakeClip) -> Serving:
    (tmp_path / "styles").mkdir()
    styles(tmp_path / "styles", "waves.png", "night.png")
    (tmp_path / "impasto.toml").write_text(
        '[rules.paint]\ninbox = "in"\nstyle = "styles"\noutput = "made/{name}-{style}.mp4"\n'
        '[rules.copy]\ninbox = "drop"\nscorer = "identity"\noutput = "made/{name}-copy.mp4"\n'
    )
    (tmp_path / "drop").mkdir()
    made = Serving(
        tmp_path,
        config=str(tmp_path / "impasto.toml"),
        tenants={
            "acme": Scope(
                read=(str(tmp_path / "in/acme"),),
                write=(str(tmp_path / "out/acme"),),
                rules=("paint", "copy"),
            ),
            "other": Scope(read=(str(tmp_path / "in/acme"),), write=(str(tmp_path / "out"),)),
        },
    )
    (made.media / "acme").mkdir()
    (made.media / "acme/clip.mp4").write_bytes(clip(frames=6).read_bytes())
    return made


def test_an_object_in_the_inbox_of_a_rule_gets_its_ticket_once(ruled: Serving) -> None:
    client = ruled.client("submitter", "acme")
    given = {"rule": "paint", "source": str(ruled.media / "acme/clip.mp4")}
    several = client.post("/v1/jobs", json=given)
    assert (several.status_code, "several styles" in several.text) == (422, True)
    named = {**given, "params": {"style": "waves"}}
    first = client.post("/v1/jobs", json=named).json()
    assert (first["job"], first["state"]) == ("", "submitted")
    assert first["ticket"]
    assert first["output"].endswith("made/clip-waves.mp4")
    assert client.post("/v1/jobs", json=named).json() == first | {"state": "already submitted"}
    assert client.post("/v1/plan", json=named).json()["items"] == 6


def test_what_is_wrong_with_rules_is_not_told_to_submitters(ruled: Serving) -> None:
    assert ruled.context.config
    Path(ruled.context.config).write_text("[rules.copy]\nsecret = 1\n")
    given = {"rule": "copy", "source": str(ruled.media / "acme/clip.mp4")}
    answer = ruled.client("submitter", "acme").post("/v1/jobs", json=given)
    assert answer.status_code == 503
    assert answer.json()["title"] == "the rules of this service cannot be read"


def test_another_object_becomes_a_job_with_what_the_rule_says(ruled: Serving) -> None:
    client = ruled.client("submitter", "acme")
    given = {"rule": "copy", "source": str(ruled.media / "acme/clip.mp4")}
    made = client.post("/v1/jobs", json=given).json()
    assert made["output"].endswith("made/clip-copy.mp4")
    spec = Job(ruled.context.home, made["job"]).spec()
    assert (spec.rule, spec.tenant, spec.scorer) == ("copy", "acme", "identity")


def test_a_rule_says_all_and_others_do_not_see_it(ruled: Serving) -> None:
    given = {"rule": "copy", "source": str(ruled.media / "acme/clip.mp4")}
    client = ruled.client("submitter", "acme")
    _refused(client, 422, "output: is up to rule copy", {**given, "output": "/x.mp4"})
    _refused(client, 422, "options: is up to rule copy", {**given, "options": {"crf": 3}})
    _refused(client, 404, "not found", {**given, "rule": "none"})
    _refused(client, 422, "you may not read from there", {**given, "source": "/etc/passwd"})
    _refused(ruled.client("submitter", "other"), 404, "rule copy: not found", given)


def test_scorers_say_what_their_parameters_are(serving: Serving) -> None:
    found = serving.client("viewer").get("/v1/scorers").json()["scorers"]
    rows = {row["name"]: row for row in found}
    assert rows["style"]["files"] == {"style": "picture", "weights": "file"}
    assert rows["style"]["params"]["properties"]["strength"]["maximum"] == 1
    assert {name for name, row in rows.items() if row["code"]} >= {"python", "script", "onnx"}
    assert not rows["style"]["code"]


def test_no_value_of_a_submission_is_an_error_of_the_service(serving: Serving) -> None:
    client = serving.client("submitter", "acme")
    source = str(serving.media / "acme/clip.mp4")
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    wrong: tuple[dict[str, Any], ...] = (
        {"params": {"deep": deep}},
        {"options": {"items": deep}},
        {"options": {"items": ["rows"]}},
        {"options": {"items": {"rows": 1}, "frames": [1]}},
        {"options": {"\ud800": 1}},
        {"params": {"\ud800": "\udfff"}},
        {"params": {"style": 5}, "scorer": "style"},
    )
    for each in wrong:
        body = json.dumps({"source": source, "scorer": "identity", **each})
        for path in ALL:
            answer = client.post(
                f"/v1/{path}", content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 422, answer.text
