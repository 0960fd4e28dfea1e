"""Scoring scripts, unmodified, run by the command line from end to end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import psutil

from support import SCRIPTS
from support.command import call, impasto, start, wait_for, workers_of


def files(folder: Path, count: int) -> Path:
    for n in range(count):
        path = folder / f"{n:02d}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("x" * n)
    return folder


def test_a_script_on_files_appends_a_line_an_item_in_order(tmp_path: Path) -> None:
    model = tmp_path / "models" / "model"
    model.mkdir(parents=True)
    (model / "labels.txt").write_text("small\nlarge\n")
    output = tmp_path / "predictions.txt"
    done = impasto(
        *("run", files(tmp_path / "in", 30), "-o", output, "--home", tmp_path / "home"),
        *("--scorer", f"script:{SCRIPTS / 'classify_new_style.py'}", "--shard-frames", 8),
        *("--model", model.parent, "--args", "--prefix said", "--mini-batch", 3),
    )
    assert done.returncode == 0, done.stderr
    told = output.read_text().splitlines()
    assert [line.split(": ")[0] for line in told] == [f"said{n:02d}.txt" for n in range(30)]
    assert "30 files" in done.stdout


def test_a_script_of_the_old_style_scores_a_table(tmp_path: Path) -> None:
    source, output = tmp_path / "rows.parquet", tmp_path / "out" / "predictions.csv"
    pd.DataFrame({"x": [float(n) for n in range(100)]}).to_parquet(source)
    # Its logger is the process's, and would keep the standard error that it is made with.
    done = impasto(
        *("run", source, "-o", output, "--home", tmp_path / "home", "--workers", 1),
        *("--scorer", f"script:{SCRIPTS / 'regress_entry_script.py'}", "--args=--slope 3"),
    )
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(output)
    assert found["item"].tolist() == list(range(100))
    assert found["prediction"].tolist() == [3.0 * n + 1 for n in range(100)]


def test_what_a_script_writes_itself_is_the_output(tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = call(
        *("run", files(tmp_path / "in", 30), "-o", output, "--home", tmp_path / "home", "--json"),
        *("--scorer", f"script:{SCRIPTS / 'summary_with_context.py'}", "--shard-frames", 10),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["items"] == 30
    found = {path.name: path.read_text() for path in output.iterdir()}
    assert found == {f"{n:02d}.summary.txt": f"{n} bytes\n" for n in range(30)}


def test_files_of_the_same_name_from_several_shards_are_all_kept(tmp_path: Path) -> None:
    script = tmp_path / "same.py"
    script.write_text(
        "import os, pathlib\n"
        "def run(mini_batch):\n"
        "    path = pathlib.Path(os.environ['AZUREML_BI_OUTPUT_PATH'], 'log.txt')\n"
        "    with path.open('a') as file:\n"
        "        file.writelines(f'{pathlib.Path(each).name}\\n' for each in mini_batch)\n"
        "    return mini_batch\n"
    )
    done = call(
        *(
            "run",
            files(tmp_path / "in", 20),
            "-o",
            tmp_path / "out",
            "--scorer",
            f"script:{script}",
        ),
        *("--home", tmp_path / "home", "--shard-frames", 10),
    )
    assert done.returncode == 0, done.stderr
    found = {path.name: path.read_text().split() for path in (tmp_path / "out").iterdir()}
    assert sorted(found) == ["log-00001.txt", "log.txt"]
    names = [f"{n:02d}.txt" for n in range(20)]
    assert (found["log.txt"], found["log-00001.txt"]) == (names[:10], names[10:])


def test_a_script_that_cannot_start_is_one_line_with_its_own_error(tmp_path: Path) -> None:
    done = call(
        *("run", files(tmp_path / "in", 3), "-o", tmp_path / "o.txt", "--home", tmp_path / "home"),
        *("--scorer", f"script:{SCRIPTS / 'init_fails.py'}", "--quiet"),
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "init_fails.py" in done.stderr


def test_a_retry_loses_nothing_that_a_script_wrote(tmp_path: Path) -> None:
    script, bad = tmp_path / "all.py", tmp_path / "bad"
    script.write_text(
        "import os, pathlib\n"
        "def init():\n"
        "    global folder\n"
        "    folder = pathlib.Path(os.environ['AZUREML_BI_OUTPUT_PATH'], 'deep')\n"
        "    folder.mkdir()\n"
        "def run(mini_batch):\n"
        "    for each in mini_batch:\n"
        f"        if each.endswith('3.txt') and os.path.exists({str(bad)!r}):\n"
        "            raise ValueError('three')\n"
        "    with (folder / 'all.txt').open('a') as file:\n"
        "        file.writelines(pathlib.Path(each).name + ' ' for each in mini_batch)\n"
        "    return mini_batch\n"
    )
    bad.touch()
    done = call(
        *("run", files(tmp_path / "in", 6), "-o", tmp_path / "out", "--home", tmp_path / "home"),
        *("--scorer", f"script:{script}", "--mini-batch", 1, "--max-failed", 1, "--json"),
    )
    assert done.returncode == 0, done.stderr
    written = tmp_path / "out" / "deep" / "all.txt"
    assert sorted(written.read_text().split()) == [f"{n:02d}.txt" for n in (0, 1, 2, 4, 5)]
    bad.unlink()
    again = call("retry", json.loads(done.stdout)["job"], "--home", tmp_path / "home")
    assert again.returncode == 0, again.stderr
    assert sorted(written.read_text().split()) == [f"{n:02d}.txt" for n in range(6)]


def test_what_a_script_prints_is_in_the_log(tmp_path: Path) -> None:
    script = tmp_path / "say.py"
    script.write_text(
        "from azureml_user.parallel_run import EntryScript\n"
        "def run(mini_batch):\n"
        "    print('said to stdout')\n"
        "    EntryScript().logger.info('said to the logger')\n"
        "    return mini_batch\n"
    )
    home = ("--home", tmp_path / "home")
    done = impasto(
        *("run", files(tmp_path / "in", 2), "-o", tmp_path / "o.csv", "--json"),
        *("--scorer", f"script:{script}", *home, "--workers", 1),
    )
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)["job"]
    log = call("logs", job, *home).stdout
    assert "said to stdout" in log
    assert "said to the logger" in log
    lines = [json.loads(line) for line in call("logs", job, *home, "--json").stdout.splitlines()]
    told = [(line["stream"], line["text"].split()[-1]) for line in lines if "stream" in line]
    assert sorted(told) == [("stderr", "logger"), ("stdout", "stdout")]
    (by,) = {line["worker"] for line in lines if line["event"] in {"item", "printed"}}
    assert by in {line["worker"] for line in lines if line["event"] == "done"}


def _ended(pid: int) -> bool:
    """Tell whether a process has ended, though perhaps nobody has asked how."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_what_a_script_starts_ends_with_its_worker(tmp_path: Path) -> None:
    script, pid = tmp_path / "child.py", tmp_path / "pid"
    script.write_text(
        "import pathlib, subprocess\n"
        "def run(mini_batch):\n"
        "    child = subprocess.Popen(['sleep', '1000'])\n"
        f"    pathlib.Path({str(pid)!r}).write_text(str(child.pid))\n"
        "    child.wait()\n"
    )
    done = impasto(
        *("run", files(tmp_path / "in", 1), "-o", tmp_path / "o.csv", "--home", tmp_path / "home"),
        *("--scorer", f"script:{script}", "--timeout", 2, "--workers", 1),
    )
    assert done.returncode == 3
    wait_for(lambda: _ended(int(pid.read_text())))


def test_what_a_script_starts_ends_with_a_killed_driver_too(tmp_path: Path) -> None:
    script, note = tmp_path / "starts.py", tmp_path / "pid"
    script.write_text(
        "import subprocess, time\n"
        "from pathlib import Path\n"
        "def run(mini_batch):\n"
        "    helper = subprocess.Popen(['sleep', '1000'])\n"
        f"    Path({str(note)!r}).write_text(str(helper.pid))\n"
        "    time.sleep(1000)\n"
    )
    (tmp_path / "rows.csv").write_text("x\n1\n")
    words = ("run", tmp_path / "rows.csv", "--scorer", f"script:{script}")
    home = ("--home", tmp_path / "home", "--workers", 1)
    driver = start(*words, "-o", tmp_path / "o.jsonl", *home)
    wait_for(lambda: note.exists() and note.read_text())
    helper = psutil.Process(int(note.read_text()))
    # A worker that is stopped does not notice that it is alone.
    for process in workers_of(driver):
        process.suspend()
    driver.kill()
    driver.wait()
    wait_for(lambda: not helper.is_running(), 20)


def test_what_a_script_prints_is_in_the_log_while_it_scores(tmp_path: Path) -> None:
    script, go = tmp_path / "talk.py", tmp_path / "go"
    script.write_text(
        "import os, pathlib, time\n"
        "def run(mini_batch):\n"
        "    print('looking at', len(mini_batch), os.environ['A_KEY'])\n"
        f"    while not os.path.exists({str(go)!r}):\n"
        "        time.sleep(0.01)\n"
        "    return mini_batch\n"
    )
    home = tmp_path / "home"
    config = tmp_path / "impasto.toml"
    config.write_text(
        '[stores.c]\nurl = "az://con"\naccount = "abc"\nauth = "key"\nsecret = "A_KEY"\n'
    )
    os.environ["A_KEY"] = "cGxhbnRlZC1zZWNyZXQtdmFsdWU="
    try:
        running = start(
            *("run", files(tmp_path / "in", 3), "--scorer", f"script:{script}", "--home", home),
            *("-o", tmp_path / "o.jsonl", "--workers", 1, "--mini-batch", 3, "--config", config),
        )
    finally:
        del os.environ["A_KEY"]

    def told() -> str:
        return "".join(path.read_text() for path in home.glob("jobs/*/logs/*.jsonl"))

    wait_for(lambda: "looking at 3" in told())
    go.touch()
    assert running.wait(60) == 0
    (line,) = (line for line in told().splitlines() if "looking at" in line)
    event = json.loads(line)
    assert event["text"] == "looking at 3 REDACTED\n"
    assert event["item"] == "00.txt to 02.txt"
    assert event["worker"].endswith("/cpu")


def test_a_script_that_cannot_start_says_what_it_printed_before(tmp_path: Path) -> None:
    script = tmp_path / "start.py"
    script.write_text(
        "def init():\n"
        "    print('reading labels')\n"
        "    print('found', 3, 'labels')\n"
        "    raise ValueError('too few')\n"
        "def run(mini_batch):\n"
        "    return mini_batch\n"
    )
    home = tmp_path / "home"
    done = impasto(
        *("run", files(tmp_path / "in", 3), "--scorer", f"script:{script}", "--home", home),
        *("-o", tmp_path / "o.jsonl", "--workers", 1),
    )
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert "init() failed (line 4): ValueError: too few" in line
    assert "it printed: reading labels / found 3 labels; correct it" in line
