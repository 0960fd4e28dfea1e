"""Scoring scripts, unmodified, run by the command line from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from command import impasto

SCRIPTS = Path(__file__).parent / "scripts"


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
    done = impasto(
        *("run", source, "-o", output, "--home", tmp_path / "home"),
        *("--scorer", f"script:{SCRIPTS / 'regress_entry_script.py'}", "--args=--slope 3"),
    )
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(output)
    assert found["item"].tolist() == list(range(100))
    assert found["prediction"].tolist() == [3.0 * n + 1 for n in range(100)]


def test_what_a_script_writes_itself_is_the_output(tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = impasto(
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
    done = impasto(
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
    done = impasto(
        *("run", files(tmp_path / "in", 3), "-o", tmp_path / "o.txt", "--home", tmp_path / "home"),
        *("--scorer", f"script:{SCRIPTS / 'init_fails.py'}", "--quiet"),
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "init_fails.py" in done.stderr
