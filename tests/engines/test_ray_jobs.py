"""Jobs handed to a running cluster, what is told of it, and following a job's log."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from subprocess import TimeoutExpired
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from impasto.cli.render.cluster import as_json, lines
from impasto.driver.cluster_jobs import ClusterJob
from impasto.driver.open_job import open_job
from impasto.driver.pinning import refuse_signatures
from impasto.driver.submit import submit
from impasto.engines.ray.status import Size, State, Submission, facts, submission
from impasto.errors import BadInput, Unavailable
from impasto.jobs.find import find
from impasto.jobs.job import Job
from impasto.schema.events import Stopped, Submitted, Unknown
from impasto.schema.job import JobSpec
from impasto.schema.profile import StoreProfile
from impasto.settings import Settings, WorkerRange, load
from impasto.storage.stores import Stores
from support.cloud import CONTROL
from support.command import call, impasto, start, wait_for
from support.raycluster import CONTROL_KEY
from support.stores import write_config
from support.watcher import Watching, drop, job_ids, squares, write_rules

if TYPE_CHECKING:
    from support.cloud import Azurite
    from support.raycluster import Cluster

SCORER = """
class Sum:
    def score(self, batch):
        return [int(a) + int(b) for a, b in zip(batch["a"], batch["b"])]
"""
REPORT = """======== Autoscaler status: 2030-01-02 03:04:05.592085 ========
Node status
---------------------------------------------------------------
Active:
 2 machine
Idle:
 1 node_00
Pending:
 machine, 1 launching
 b1b55f9c-628e-4937-b913-34fa1450723e: machine, starting ray
Recent failures:
 machine: LaunchFailed (latest_attempt: 03:04:01) - no quota

Resources
---------------------------------------------------------------
Total Usage:
 2.0/4.0 CPU
 1.5/2.0 GPU
 0B/68.41GiB memory

From request_resources:
 (none)
Pending Demands:
 {'CPU': 1.0, 'GPU': 4.0}: 2+ pending tasks/actors
"""
WARNING = (
    "No available node types can fulfill resource requests {'CPU': 1.0, 'GPU': 4.0}*2. "
    "Add suitable node types to this cluster to resolve this issue."
)


@pytest.fixture
def job(tmp_path: Path) -> list[object]:
    """The words that describe a small job, but for where it is to run."""
    rows = "".join(f"{n},{2 * n}\n" for n in range(40))
    (tmp_path / "rows.csv").write_text(f"a,b\n{rows}")
    (tmp_path / "score.py").write_text(SCORER)
    scorer = f"python:{tmp_path / 'score.py'}:Sum"
    words = [tmp_path / "rows.csv", "-o", tmp_path / "out.csv", "--scorer", scorer]
    return [*words, "--shard-frames", "10", "--home", tmp_path / "home"]


def told(cluster: Cluster, tmp_path: Path) -> dict[str, Any]:
    """What ``cluster status --json`` tells."""
    home = ("--home", tmp_path / "home")
    done = call("cluster", "status", "--json", "--address", cluster.url, *home)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_job_in_stores_is_submitted_and_runs_to_its_end(
    driven: Cluster,
    azurite: Azurite,
    job: list[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CONTROL_KEY, azurite.accounts[CONTROL])
    profile = StoreProfile(
        url=f"az://{azurite.make_container(CONTROL)}",
        role="control",
        auth="key",
        secret=CONTROL_KEY,
        account=CONTROL,
        endpoint=azurite.endpoint(CONTROL),
        ca=str(azurite.ca),
    )
    store = Stores({"it": profile}).open(profile.url)
    store.put("rows.csv", Path(str(job[0])).read_bytes())
    home, output = f"{profile.url}/home", f"{profile.url}/out.csv"
    config = ["--config", write_config(tmp_path / "impasto.toml", it=profile), "--home", home]
    words = [f"{profile.url}/rows.csv", "-o", output, *job[3:7], *config]
    words += ["--address", driven.url, "--workers", "1"]

    done = call("submit", *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = find(Stores({"it": profile}).open_home(home), "")
    assert f"submitted to {driven.url} as {found.id}-a1" in done.stdout
    assert f"'impasto show {found.id} --home {home}'" in done.stdout
    assert done.stdout.count("\n") == 1
    assert found.spec().params["module"].startswith(f"{home}/staged/")

    followed = call("logs", "-f", found.id, *config, "--json")
    assert followed.returncode == 0, followed.stderr
    events = [json.loads(line)["event"] for line in followed.stdout.splitlines()]
    assert events[:2] == ["submitted", "started"]
    assert events[-1] == "finished"
    assert events.count("done") == 4
    assert f"job {found.id}: is done" in followed.stderr
    written = store.read("out.csv").decode().splitlines()
    assert written[1:] == [f"{n},{3 * n}" for n in range(40)]
    again = call("submit", *words)
    assert again.returncode == 0
    assert again.stdout == f"{output}: done already (job {found.id})\n"


def test_a_watcher_hands_the_jobs_of_a_rule_to_a_cluster(driven: Cluster, tmp_path: Path) -> None:
    rule = {"engine": "ray", "address": driven.url, "workers": "1"}
    write_rules(tmp_path, {"rows": rule})
    drop(tmp_path / "in/a.csv", range(5))
    with Watching(tmp_path, "--once") as watching:
        assert watching.ended() == 0, watching.output
    assert squares(tmp_path / "out/a.jsonl") == [n * n for n in range(5)]
    [job] = job_ids(tmp_path)
    events = call("logs", job, "--home", tmp_path / "home", "--json").stdout.splitlines()
    assert [json.loads(line)["event"] for line in events][:2] == ["submitted", "started"]


def test_a_waiting_job_is_told_of_cancelled_and_submitted_anew(
    driven: Cluster, job: list[object], tmp_path: Path
) -> None:
    there = ["--address", driven.url, "--workers", "1", "--json"]
    first = call("submit", *job, *there, "--gpus-per-worker", "1")
    assert first.returncode == 0, first.stderr
    made = json.loads(first.stdout)
    assert made["state"] == "submitted"
    again = call("submit", *job, *there, "--gpus-per-worker", "1")
    assert again.returncode == 0
    assert json.loads(again.stdout) == made | {"state": "already submitted"}
    (tmp_path / "more.txt").write_text("somepackage\n")
    new = call("submit", *job, *there[:-1], "--requirements", tmp_path / "more.txt")
    assert new.returncode == 0
    assert (
        "ignores what has changed (requirements); to apply it, cancel the job first" in new.stderr
    )
    status = ["cluster", "status", "--address", driven.url, "--home", tmp_path / "home"]
    seen: list[str] = []

    def waits() -> bool:
        seen.append(call(*status).stdout)
        # The cluster counts what is in use every few seconds: a job before may still be in it.
        # A worker may be asked for before the job is planned.
        waits = (" 1 waiting", "in use     0 of 2 cores, 0 of 0 GPUs\n", " 0 of 4 shards done")
        return all(each in seen[-1] for each in waits)

    wait_for(waits)
    assert "machines   head, 2 with 1 core\n" in seen[-1]
    assert "workers    0 running, 1 waiting for a machine\n" in seen[-1]
    why = "no machine in the cluster has that"
    assert f"1 worker waits for a machine with 1 core and 1 GPU; {why}\n" in seen[-1]
    assert f"job        {made['job']} running, 0 of 4 shards done, 4 to do" in seen[-1]

    cancelled = call("cancel", made["job"], "--home", tmp_path / "home")
    assert cancelled.returncode == 0
    followed = call("logs", "-f", made["job"], "--home", tmp_path / "home")
    assert followed.returncode == 0
    assert f"job {made['job']}: is cancelled" in followed.stderr

    other = [tmp_path / "other.csv" if it == tmp_path / "out.csv" else it for it in job] + there
    wait_for(lambda: _submitted(other) == f"{made['job']}-a2")
    wait_for((tmp_path / "other.csv").exists)
    assert not (tmp_path / "out.csv").exists()
    ends = {it["submission"]: it for it in told(driven, tmp_path)["jobs"]}
    assert ends[f"{made['job']}-a1"]["state"] == "cancelled"
    assert ends[f"{made['job']}-a1"]["message"].startswith(f"job {made['job']}: cancelled")


def _submitted(words: list[object]) -> str:
    """Submit a job again; returns its submission if that is a new one."""
    said = call("submit", *words)
    if said.returncode == 4:
        assert "is being cancelled" in said.stderr
        return ""
    done = json.loads(said.stdout)
    return str(done["submission"]) if done["state"] == "submitted" else ""


def test_a_cluster_that_lost_a_machine_is_told_of(driven: Cluster, tmp_path: Path) -> None:
    lost = driven.add_machine(cpus=3)
    assert {"cpus": 3, "gpus": 0} in told(driven, tmp_path)["machines"]
    driven.remove_machine(lost)
    wait_for(lambda: told(driven, tmp_path)["machines"] == [{"cpus": 1, "gpus": 0}] * 2)


def test_a_dashboard_is_no_head_for_a_driver(cluster: Cluster, job: list[object]) -> None:
    address = cluster.url.removeprefix("http://")
    done = cluster.impasto("run", *job, "--engine", "ray", "--address", address, "--quiet")
    assert done.returncode == 4
    assert f"cluster {address}: is a web server" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wrong_token_is_told_in_one_line(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("0" * 64)
    for path in (tmp_path / "token", tmp_path / "none"):
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
        done = impasto("cluster", "status", "--address", cluster.url, "--home", tmp_path)
        assert done.returncode == 4
        assert done.stderr.startswith(f"impasto: cluster {cluster.url}: refuses the token")
        assert done.stderr.count("\n") == 1


def test_ray_s_own_variables_lead_to_no_other_cluster(cluster: Cluster, tmp_path: Path) -> None:
    elsewhere = dict.fromkeys(("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"), "http://127.0.0.1:9")
    words = ("cluster", "status", "--json", "--address", cluster.url, "--home", tmp_path / "home")
    done = cluster.impasto(*words, env=cluster.env | elsewhere)
    assert json.loads(done.stdout)["cluster"] == cluster.url


@pytest.mark.parametrize("token", ["", "0" * 64], ids=["no token", "a token"])
def test_a_dead_address_is_told_in_one_line(
    token: str, job: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    done = impasto("submit", *job, "--address", "http://127.0.0.1:9")
    assert done.returncode == 4
    assert done.stderr.startswith("impasto: cluster http://127.0.0.1:9: does not answer")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "home/jobs").exists()


def test_a_head_s_address_is_no_dashboard_s(job: list[object]) -> None:
    done = call("submit", *job, "--address", "127.0.0.1:6379")
    assert done.returncode == 2
    assert "is not a dashboard's URL; give http://HOST:PORT" in done.stderr


def test_the_group_alone_shows_its_help() -> None:
    done = call("cluster")
    assert (done.returncode, done.stderr) == (0, "")
    assert "status" in done.stdout


def test_paths_of_this_machine_are_refused_for_a_cluster_elsewhere(job: list[object]) -> None:
    done = call("submit", *job, "--address", "http://10.0.0.1:8265")
    assert done.returncode == 2
    assert done.stderr.startswith(f"impasto: source {job[0]}: is on this machine")
    assert "impasto cp" in done.stderr


def test_a_signature_stays_here(job: list[object], tmp_path: Path) -> None:
    url = "https://acct.blob.core.windows.net/media/x.csv"
    words = [f"{url}?sv=1&sig=abcdefghijklmnop", *job[1:]]
    done = call("submit", *words, "--address", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert done.stderr.startswith(f"impasto: source {url}: its signature stays in this process")
    assert "abcdefgh" not in done.stderr


@pytest.mark.parametrize(
    ("engine", "address", "refused"),
    [
        ("ray", "10.0.0.1:6379", True),
        ("ray", None, False),
        # It is in the config file for the sake of other commands.
        ("local", "http://10.0.0.1:8265", False),
    ],
)
def test_only_a_cluster_elsewhere_has_no_use_for_signatures(
    engine: str, address: str | None, refused: bool
) -> None:
    settings = Settings.model_validate({"engine": engine, "address": address})
    url = "https://acct.blob.core.windows.net/signed/x.csv"
    spec = JobSpec(source=f"{url}?sv=1&sig=abcdefghijklmnop", output="o.csv")
    if not refused:
        refuse_signatures(spec, settings)
        return
    with pytest.raises(BadInput, match=f"source {url}: its signature stays in this process"):
        refuse_signatures(spec, settings)


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("output", {"output": "SIGNED"}),
        ("`requirements`", {"requirements": "SIGNED"}),
        ("`style`", {"params": {"style": "SIGNED"}}),
        ("`model`", {"scorer": "onnx:SIGNED"}),
        ("`module`", {"scorer": "python:SIGNED:Paint"}),
    ],
)
def test_a_cluster_elsewhere_refuses_every_url_with_a_signature(
    what: str, fields: dict[str, object]
) -> None:
    url = "https://acct.blob.core.windows.net/signed/x"
    text = json.dumps({"source": "a.png", "output": "b.png"} | fields)
    text = text.replace("SIGNED", f"{url}?sv=1&sig=abcdefghijklmnop")
    settings = Settings(engine="ray", address="10.0.0.1:6379")
    with pytest.raises(BadInput, match=f"^{what} {url}: its signature stays in this process"):
        refuse_signatures(JobSpec.model_validate_json(text), settings)
    home = Settings(engine="ray", address="10.0.0.1:6379", home=f"{url}?sig=abcdefghijklmnop")
    with pytest.raises(BadInput, match=f"^`home` {url}: "):
        refuse_signatures(JobSpec(source="a.png", output="b.png"), home)


@pytest.mark.parametrize("until", [0, 3, 1000])
def test_a_cluster_that_has_just_started_is_given_time_to_take_jobs(
    until: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.engines.ray import submission

    asked: list[dict[str, Any]] = []

    class Starting:
        def __init__(self, _: str) -> None:
            pass

        def list_jobs(self) -> list[object]:
            return []

        def submit_job(self, **what: Any) -> None:
            asked.append(what)
            if len(asked) <= until:
                raise RuntimeError("500: No available agent to submit job, please try again later.")

    monkeypatch.setattr(submission, "_Client", Starting)
    monkeypatch.setattr(submission, "AGENT", 0.2)
    cluster = submission.Cluster("http://127.0.0.1:9")
    settings = Settings(home=str(tmp_path))
    if until > 20:
        with pytest.raises(Unavailable, match="takes no jobs"):
            cluster.submit("0123456789ab", settings)
        return
    made, new = cluster.submit("0123456789ab", settings)
    assert (made.id, new) == ("0123456789ab-a1", True)
    assert len(asked) == until + 1
    # What the head's environment says of settings is not for this job.
    assert asked[-1]["runtime_env"]["env_vars"]["IMPASTO_ENGINE"] == ""


@pytest.mark.parametrize(
    ("code", "said", "state"),
    [
        (130, "cancelled; 12 of 48 frames are done and kept", "cancelled"),
        (130, "was cancelled; 'impasto resume 0123456789ab' goes on", "cancelled"),
        # Its driver was killed.
        (130, "stopped; 12 of 48 frames are done and kept", "failed"),
        (2, "cancelled/a.png: is missing", "failed"),
        (None, "cancelled; 12 of 48 frames are done and kept", "failed"),
    ],
)
def test_a_driver_whose_job_was_cancelled_did_not_fail(
    code: int | None, said: str, state: State
) -> None:
    ended = SimpleNamespace(
        submission_id="0123456789ab-a2",
        status=SimpleNamespace(value="FAILED"),
        message=f"failed with exit code {code}, logs:\nimpasto: job 0123456789ab: {said}",
        driver_exit_code=code,
        metadata={"home": "az://control/home"},
    )
    message = f"job 0123456789ab: {said}"
    expected = Submission("0123456789ab", 2, state, "az://control/home", message)
    assert submission(ended) == expected


def test_settings_travel_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from impasto.engines.ray.submission import write_settings

    monkeypatch.setenv("THE_KEY", "a secret value")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/ca.pem").write_text("a certificate")
    profile = StoreProfile(
        url="s3://bucket",
        role="control",
        auth="key",
        secret="THE_KEY",
        key_id="THE_ID",
        endpoint="https://localhost:1234",
        ca=str(tmp_path / "here/ca.pem"),
    )
    settings = Settings(
        home="s3://bucket/jobs",
        workers=WorkerRange(least=2, most=8),
        memory="8GB",  # type: ignore[arg-type]
        address="http://10.0.0.1:8265",
        gpus_per_worker=0.5,
        speculate=True,
        stores={'a "name" of ünï': profile},
    )
    folder = tmp_path / "there"
    folder.mkdir()
    write_settings(settings, folder)
    assert "secret value" not in (folder / "impasto.toml").read_text()
    (tmp_path / "here/ca.pem").unlink()
    back = load(str(folder / "impasto.toml"))
    (store,) = back.stores.values()
    assert Path(str(store.ca)).read_text() == "a certificate"
    expected = settings.model_copy(
        update={
            "engine": "ray",
            "address": "auto",
            "stores": {'a "name" of ünï': profile.model_copy(update={"ca": store.ca})},
        }
    )
    assert back == expected


def _node(head: bool = False, **resources: float) -> dict[str, Any]:
    return {"is_head_node": head, "resources_total": resources}


def _slot(state: str, name: str = "WorkerActor", **resources: float) -> dict[str, Any]:
    return {"class_name": name, "state": state, "required_resources": resources}


def _event(time: str) -> dict[str, Any]:
    return {"severity": "WARNING", "time": f"2030-01-02 {time}", "message": WARNING}


def _seen(warned: str) -> list[str]:
    """What is said of a cluster whose autoscaler warned at that time."""
    nodes = [_node(head=True), _node(CPU=2, GPU=1), _node(CPU=2, GPU=1)]
    waits = [_slot("PENDING_CREATION", CPU=1, GPU=4)] * 2
    waits += [_slot("PENDING_CREATION", CPU=1, GPU=1)]
    actors = [*waits, _slot("ALIVE", CPU=1, GPU=0.5), _slot("ALIVE", "Other", CPU=1)]
    return [*lines("http://h:1", facts("2.60.0", nodes, actors, [_event(warned)], REPORT), [])]


def test_status_says_what_is_there_and_what_is_waited_for() -> None:
    assert _seen("03:04:01") == [
        "cluster    http://h:1, Ray 2.60.0",
        "machines   head, 2 with 2 cores and 1 GPU, 2 starting",
        "           did not start: machine: LaunchFailed (latest_attempt: 03:04:01) - no quota",
        "workers    1 running, 3 waiting for a machine",
        "           1 worker waits for a machine with 1 core and 1 GPU; 2 machines are starting",
        "           2 workers wait for a machine with 1 core and 4 GPUs; no kind of machine "
        "that the autoscaler may start has that",
        "in use     2 of 4 cores, 1.5 of 2 GPUs",
    ]


def test_status_says_how_far_each_job_is() -> None:
    def said(state: State, *shards: int, message: str = "") -> str:
        job = ClusterJob(Submission("0123456789ab", 2, state, "home", message), *shards)
        found = facts("2.60.0", [], [], [], "")
        assert as_json("http://h:1", found, [job])["jobs"] == [
            {
                "job": "0123456789ab",
                "number": 2,
                "state": state,
                "home": "home",
                "message": message,
                "submission": "0123456789ab-a2",
                "shards_done": job.shards_done,
                "shards": job.shards,
            }
        ]
        return [*lines("http://h:1", found, [job])][-1]

    assert said("running", 1, 4) == ("job        0123456789ab running, 1 of 4 shards done, 3 to do")
    assert said("done") == "job        0123456789ab done"
    assert said("cancelled", message="m") == "job        0123456789ab cancelled, as 0123456789ab-a2"
    assert said("failed", message="m") == "job        0123456789ab failed, as 0123456789ab-a2: m"


def test_an_old_warning_of_the_autoscaler_counts_no_more() -> None:
    assert "2 workers wait for a machine with 1 core and 4 GPUs; 2 machines are starting" in (
        "".join(_seen("02:59:59"))
    )


def test_a_cluster_whose_autoscaler_says_nothing_is_told_of() -> None:
    found = facts("2.60.0", [_node(CPU=2)], [], [], "")
    assert found.head is None
    assert found.machines == (Size(2),)
    assert found.total == Size(2)


def test_following_waits_for_a_driver_and_ends_quietly(job: list[object], tmp_path: Path) -> None:
    found = Job(Stores({}).open_home(str(tmp_path)), "0123456789ab")
    found.record(JobSpec(source="in.csv", output="out.csv"))
    # That an earlier driver gave up is no reason not to wait for the next one.
    found.journal.write(Stopped(time=0.0, error="it did not work"))
    found.journal.write(Submitted(time=0.0))
    following = start("logs", "-f", found.id, "--home", tmp_path)
    assert following.stdout
    assert "ended: it did not work" in following.stdout.readline()
    assert "submitted" in following.stdout.readline()
    found.journal.write(Unknown({"time": 1.0, "event": "news"}))
    assert ":01  news" in following.stdout.readline()
    with pytest.raises(TimeoutExpired):
        following.wait(0.5)
    following.send_signal(signal.SIGINT)
    _, errors = following.communicate(timeout=30)
    assert following.returncode == 130
    assert errors == ""


def test_following_ends_when_a_driver_gives_up_and_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        "class Model:\n"
        "    def __init__(self):\n"
        "        raise OSError('no weights')\n"
        "    def score(self, batch):\n"
        "        return batch\n"
    )
    rows = tmp_path / "rows.csv"
    rows.write_text("x\n1\n")
    scorer = f"python:{broken}:Model"
    spec = JobSpec(source=str(rows), output=str(tmp_path / "o.jsonl"), scorer=scorer)
    # A job that a command has just begun would be removed again.
    name = submit(open_job(spec, Settings(home=str(tmp_path)))).id
    failed = call("resume", name, "--home", tmp_path, "--quiet")
    assert failed.returncode == 2
    following = call("logs", "-f", name, "--home", tmp_path)
    assert following.returncode == 0
    assert "no weights" in following.stderr


def test_a_job_that_was_cancelled_before_its_driver_started_stays_so(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("x\n1\n")
    model = tmp_path / "model.py"
    model.write_text("class Model:\n    def score(self, batch):\n        return [1] * len(batch)\n")
    scorer = f"python:{model}:Model"
    spec = JobSpec(source=str(rows), output=str(tmp_path / "o.jsonl"), scorer=scorer)
    made = submit(open_job(spec, Settings(home=str(tmp_path))))
    made.cancel()
    driver = call("resume", made.id, "--as-submitted", "--home", tmp_path)
    assert driver.returncode == 130
    assert made.notes.cancelled()
    assert not (tmp_path / "o.jsonl").exists()
    assert call("resume", made.id, "--home", tmp_path).returncode == 0
