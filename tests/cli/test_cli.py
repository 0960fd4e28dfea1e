"""The command line as a user meets it: exit codes, one-line errors, JSON on stdout."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from typer.main import get_group
from typer.testing import CliRunner

from impasto.cli.main import app
from impasto.errors import BadInput
from support import inprocess
from support.clips import real_clip
from support.command import call, impasto

if TYPE_CHECKING:
    from conftest import MakeClip

COMMANDS = [
    "run",
    "plan",
    "resume",
    "retry",
    "jobs",
    "show",
    "logs",
    "cancel",
    "gc",
    "probe",
    "verify",
    "compare",
    "metrics",
    "demo",
    "scorers",
    "submit",
    "cluster",
]
COMMANDS += ["preview", "try"]
COMMANDS += ["ls", "cp", "rm", "sas", "doctor"]
COMMANDS += ["watch", "timings", "serve", "token"]


def test_every_command_is_listed_here() -> None:
    assert sorted(COMMANDS) == sorted(get_group(app).commands)


def test_help_names_every_command() -> None:
    done = impasto("--help")
    assert done.returncode == 0
    assert all(f"\n  {command} " in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.stdout


RUN = ["run", "{clip}", "--scorer", "identity", "-o", "o.mp4"]
BAD = {
    "a missing source": (["run", "none.mp4", "--style", "s.png", "-o", "o.mp4"], "none.mp4"),
    "a missing style": (["run", "{clip}", "-o", "o.mp4"], "--style"),
    "a style that is not there": (["run", "{clip}", "--style", "no.png", "-o", "o.mp4"], "no.png"),
    "a style that is no picture": (
        ["run", "{clip}", "--style", "{text}", "-o", "o.mp4"],
        "picture",
    ),
    "a source that is no video": (["run", "{text}", *RUN[2:]], "text"),
    "an unknown scorer": (["run", "{clip}", "--scorer", "nope", "-o", "o.mp4"], "identity"),
    "an unknown container": ([*RUN[:-1], "o.xyz"], ".mkv"),
    "an unknown preset": ([*RUN, "--preset", "x"], "preset"),
    "a crf out of range": ([*RUN, "--crf", "99"], "crf"),
    "no workers": ([*RUN, "--workers", "0"], "workers"),
    "workers that are no range": ([*RUN, "--workers", "4:2"], "workers"),
    "no engine": ([*RUN, "--engine", "x"], "--engine"),
    "a strange size of shards": ([*RUN, "--shard-frames", "some"], "'auto'"),
    "no items a shard": (["plan", *RUN[1:], "--shard-frames", "0"], "--shard-frames 0"),
    "planning nothing": (["plan", "none.mp4", *RUN[2:]], "none.mp4"),
    "a cluster's option without one": (
        ["resume", "abcdef", "--gpus-per-worker", "0.5"],
        "--engine ray",
    ),
    "a strange time": ([*RUN, "--start", "noon"], "--start"),
    "an unknown option": (["run", "{clip}", "--nope"], "--nope"),
    "no output": (["run", "{clip}"], "name the output: -o out.mp4"),
    "an unknown command": (["nope"], "nope"),
    "an unknown job": (["show", "abcdef"], "abcdef"),
    "an unknown job to resume": (["resume", "abcdef"], "abcdef"),
    "probing nothing": (["probe", "none.mp4"], "none.mp4"),
    "verifying nothing": (["verify", "{clip}", "none.mp4"], "none.mp4"),
    "a cloud store": (["run", "az://c/x.mp4", *RUN[2:]], "az://"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_clear_line_and_exit_code_2(
    case: str, tmp_path: Path, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("text\n" * 99)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    words, hint = BAD[case]
    done = call(*(word.format(clip=clip(), text=text) for word in words), inline=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("job ")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("impasto: ")
    assert hint in lines[0]
    assert not list(tmp_path.glob("o.*"))


def test_a_partly_failed_job_exits_3_and_says_how_to_accept_it(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (32, 32)).save(folder / "good.png")
    (folder / "bad.png").write_text("no picture")
    words = ["run", folder, "--scorer", "identity", "-o", tmp_path / "out"]
    done = impasto(*words, "--home", tmp_path / "home")
    assert done.returncode == 3
    assert "--max-failed 1" in done.stderr.splitlines()[-1]
    told = call(*words, "--home", tmp_path / "home", "--json")
    assert json.loads(told.stdout) | {
        "job": "",
        "error": "",
    } == {
        "job": "",
        "output": None,
        "items": 2,
        "total": 2,
        "error": "",
        "exit_code": 3,
        "partial": str(tmp_path / "out"),
        "report": str(tmp_path / "out.failed.jsonl"),
    }
    assert "impasto: " not in told.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


@pytest.mark.parametrize(
    ("command", "field"),
    [("resume", "timeout"), ("retry", "max_failed_batches"), ("retry", "timeout")],
)
def test_a_value_that_no_new_job_may_have_is_refused_for_an_old_one(
    command: str, field: str, tmp_path: Path
) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "in.png")
    home = ["--home", tmp_path / "home"]
    words = ["run", tmp_path / "in.png", "--scorer", "identity", "-o", tmp_path / "out.png"]
    assert call(*words, *home).returncode == 0
    (job,) = (tmp_path / "home/jobs").iterdir()
    done = call(command, job.name, f"--{field.replace('_', '-')}", "-7", *home)
    assert done.returncode == 2
    assert done.stderr.startswith(f"impasto: --{field.replace('_', '-')} -7: must be ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_exits_4(tmp_path: Path, clip: MakeClip) -> None:
    words = ["run", clip(), "--scorer", "identity", "-o", tmp_path / "o.mp4", "--device", "cuda"]
    done = call(*words, "--home", tmp_path / "home", inline=False)
    assert done.returncode == 4
    assert "--device cpu" in done.stderr.splitlines()[-1]


REFUSED = {
    "an output in the way": ["--scorer", "identity", "-o", "{text}"],
    "an empty range": ["--scorer", "identity", "-o", "o.mp4", "--start", "99"],
    "a style that is no picture": ["--style", "{text}", "-o", "o.mp4"],
    "a container that cannot carry the sound": ["--scorer", "identity", "-o", "o.webm"],
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_command_leaves_no_job(
    case: str, tmp_path: Path, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = tmp_path / "text.mp4"
    text.write_text("mine")
    words = [word.format(text=text) for word in REFUSED[case]]
    done = call("run", clip(frames=24, audio=("aac",)), *words, "--home", tmp_path / "home")
    assert done.returncode == 2, done.stderr
    assert not (tmp_path / "home").exists()
    assert text.read_text() == "mine"


def test_debug_shows_the_traceback() -> None:
    done = impasto("--debug", "probe", "none.mp4")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory, clip: MakeClip) -> tuple[Path, dict[str, object]]:
    """A finished job's folder and the JSON line that it printed."""
    folder = tmp_path_factory.mktemp("job")
    source = clip(frames=30, audio=("aac",))
    words = ["run", source, "--scorer", "identity", "-o", folder / "out.mp4", "--shard-frames", 12]
    done = impasto(*words, "--home", folder / "home", "--json")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_json_is_one_line_that_a_program_can_use(job: tuple[Path, dict[str, object]]) -> None:
    folder, line = job
    assert {"job", "output", "items", "failed", "seconds", "fps"} <= set(line)
    assert line["items"] == 30
    assert line["failed"] == 0
    assert Path(str(line["output"])) == folder / "out.mp4"
    assert line["done_already"] is False


def test_jobs_show_and_logs_tell_of_a_job(job: tuple[Path, dict[str, object]]) -> None:
    folder, line = job
    home = ["--home", str(folder / "home")]
    name = str(line["job"])
    runner = CliRunner()
    table = runner.invoke(app, ["jobs", *home])
    assert name[:6] in table.stdout
    assert "done" in table.stdout
    shown = json.loads(runner.invoke(app, ["show", name[:5], "--json", *home]).stdout)
    assert (shown["state"], shown["items_done"], shown["shards_done"]) == ("done", 30, 3)
    assert set(shown["seconds"]) == {"read", "score", "write"}
    logs = runner.invoke(app, ["logs", name, "--json", *home]).stdout.splitlines()
    events = [json.loads(entry)["event"] for entry in logs]
    assert events.count("item") == 30
    assert events[-1] == "finished"
    assert "frame 30 at 0:01.16: " in runner.invoke(app, ["logs", name, *home]).stdout


def test_timings_tell_how_long_everything_took(
    job: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    folder, line = job
    words = ["timings", str(line["job"]), "--home", str(folder / "home")]
    said = call(*words).stdout
    assert ", 30 items, finished" in said
    assert "30 items, each scored in at most: " in said
    assert said.count("frame ") == 5
    rows = {}
    for of, count in (("items", 30), ("shards", 3), ("job", 1)):
        made = tmp_path / f"{of}.csv"
        done = call(*words, "--of", of, "-o", made)
        assert done.returncode == 0, done.stderr
        rows[of] = list(csv.DictReader(made.open()))
        assert len(rows[of]) == count
    assert {row["worker"] for row in rows["items"]} <= {row["worker"] for row in rows["shards"]}
    assert sum(int(row["items"]) for row in rows["shards"]) == int(rows["job"][0]["items"]) == 30
    again = call(*words, "-o", tmp_path / "items.csv")
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True)
    assert call(*words, "-o", tmp_path / "items.xml").returncode == 2
    assert call(*words, "-o", "-").stdout == (tmp_path / "items.csv").read_text()
    lines = call(*words, "--of", "shards", "-o", "-", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(row)["shard"] for row in lines] == [0, 1, 2]


def test_a_filter_that_nothing_in_a_log_matches_is_said_so(
    job: tuple[Path, dict[str, object]],
) -> None:
    folder, line = job
    done = call("logs", str(line["job"]), "--home", str(folder / "home"), "--text", "no such")
    assert (done.returncode, done.stdout, "no event" in done.stderr) == (0, "", True)


def test_quiet_prints_nothing(tmp_path: Path, clip: MakeClip) -> None:
    words = ["run", clip(frames=3), "--scorer", "identity", "-o", tmp_path / "o.mp4", "--quiet"]
    done = impasto(*words, "--home", tmp_path / "home")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_finished_job_cannot_be_cancelled(job: tuple[Path, dict[str, object]]) -> None:
    folder, line = job
    done = call("cancel", line["job"], "--home", folder / "home")
    assert done.returncode == 2
    assert "done already" in done.stderr


def test_cancel_stops_a_job_that_runs_elsewhere(
    tmp_path: Path, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.driver import api, stopping
    from impasto.errors import Interrupted
    from impasto.jobs import find
    from impasto.schema.job import JobSpec
    from impasto.settings import Settings
    from impasto.storage.stores import Stores

    inprocess.install(monkeypatch)
    monkeypatch.setattr(stopping, "POLL", 0.0)
    spec = JobSpec(
        source=str(clip(frames=48)),
        output=str(tmp_path / "o.mp4"),
        scorer="identity",
        shard_frames=12,
    )
    settings = Settings(home=str(tmp_path / "home"))

    def on_progress(event: object) -> None:
        (found,) = find.jobs(Stores({}).open(str(tmp_path / "home")))
        if len(found.listing().done) == 1:
            CliRunner().invoke(app, ["cancel", found.id, "--home", str(tmp_path / "home")])

    with pytest.raises(Interrupted, match="cancelled"):
        api.run(spec, settings=settings, on_progress=on_progress)


def test_probe_tells_the_facts_of_a_real_clip() -> None:
    done = CliRunner().invoke(app, ["probe", str(real_clip("bigbuckbunny")), "--json"])
    facts = json.loads(done.stdout)
    assert facts["frames"] == 132
    assert (facts["width"], facts["height"]) == (1280, 720)
    assert facts["shardable"] is True
    assert any("aac" in stream for stream in facts["streams"])
    assert facts["timestamps"] == "constant"


def test_probe_tells_the_rotation_that_a_player_applies(clip: MakeClip) -> None:
    facts = json.loads(
        CliRunner().invoke(app, ["probe", str(clip(rotation=90, frames=3)), "--json"]).stdout
    )
    assert facts["rotation"] == 270


def test_verify_passes_the_output_and_fails_a_stranger(
    job: tuple[Path, dict[str, object]], clip: MakeClip
) -> None:
    folder, _ = job
    source = str(clip(frames=30, audio=("aac",)))
    good = CliRunner().invoke(app, ["verify", source, str(folder / "out.mp4")])
    assert good.exit_code == 0, good.stdout
    bad = CliRunner().invoke(app, ["verify", str(clip(frames=29)), str(folder / "out.mp4")])
    assert bad.exit_code == 1
    assert "LOST" in bad.stdout


def test_settings_come_from_flags_then_environment_then_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.settings import load

    monkeypatch.chdir(tmp_path)
    (tmp_path / "impasto.toml").write_text('home = "file"\nworkers = 3\ndevice = "cpu"\n')
    monkeypatch.setenv("IMPASTO_HOME", "environment")
    monkeypatch.setenv("IMPASTO_WORKERS", "2")
    settings = load(workers=1)
    assert (settings.home, settings.workers.most, settings.device) == (
        str(tmp_path / "environment"),
        1,
        "cpu",
    )


def test_a_home_in_a_config_file_is_relative_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.settings import load

    monkeypatch.delenv("IMPASTO_HOME", raising=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = tmp_path / "impasto.toml"
    for written, read in (("jobs", tmp_path / "jobs"), ("../jobs", tmp_path.parent / "jobs")):
        config.write_text(f'home = "{written}"\n')
        assert load("../impasto.toml").home == str(read)
    config.write_text('home = "~/jobs"\n')
    assert load(str(config)).home == str(Path("~/jobs").expanduser())
    config.write_text('home = "az://control/impasto"\n')
    assert load(str(config)).home == "az://control/impasto"


CLUSTERS = [["--address", "auto"], ["--cpus-per-worker", "2"], ["--speculate"]]


@pytest.mark.parametrize("words", CLUSTERS, ids=lambda words: words[0])
def test_options_of_a_cluster_are_refused_where_there_is_none(
    words: list[str], tmp_path: Path
) -> None:
    done = CliRunner().invoke(
        app, ["demo", "-o", "az://media/demo", "--home", str(tmp_path), *words]
    )
    assert isinstance(done.exception, BadInput)
    assert f"{words[0]}: is for workers of a cluster" in str(done.exception)


def test_a_config_file_may_name_a_cluster_that_is_not_used(tmp_path: Path) -> None:
    config = tmp_path / "impasto.toml"
    config.write_text('address = "head:6379"\nspeculate = true\n')
    words = ["demo", "-o", "az://media/demo", "--config", str(config), "--workers", "1:2"]
    done = CliRunner().invoke(app, words)
    assert "writes to this machine" in str(done.exception)


def test_the_demo_is_not_written_to_a_folder_called_az(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["demo", "-o", "az://media/demo", "--home", "home"])
    assert isinstance(done.exception, BadInput)
    assert "writes to this machine" in str(done.exception)
    assert not (tmp_path / "az:").exists()
