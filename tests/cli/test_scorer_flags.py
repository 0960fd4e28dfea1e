"""Parameters of scorers as options of the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from impasto.cli.main import app
from impasto.cli.scorer_flags import describe
from impasto.errors import BadInput
from impasto.scorers.registry import SCORERS
from support.command import call, parsed

CLASS = '''
class Up:
    """Larger pictures."""

    def __init__(self, factor: int = 2, smooth: bool = False, kind: str = "a"):
        pass

    def score(self, batch):
        return batch
'''


def test_a_scorers_parameters_may_stand_anywhere_among_the_options() -> None:
    words = ("--style", "p.jpg", "in.mp4", "--preserve-colour", "-o", "o.mp4", "--strength=0.5")
    own, given = parsed(*words)
    assert (own["source"], own["output"]) == (["in.mp4"], "o.mp4")
    assert given == {"style": "p.jpg", "preserve_colour": True, "strength": "0.5"}


def test_a_class_tells_its_parameters_by_its_own_arguments(tmp_path: Path) -> None:
    path = tmp_path / "up.py"
    path.write_text(CLASS)
    scorer = f"python:{path}:Up"
    about, flags = describe(scorer)
    assert about == "Larger pictures."
    assert [(it.flag, it.type, it.default) for it in flags] == [
        ("--factor", "int", "2"),
        ("--smooth", "bool", "False"),
        ("--kind", "str", "a"),
    ]
    own, given = parsed("--smooth", "in.mp4", "--scorer", scorer, "--factor", "3", "-o", "o.mp4")
    assert (own["source"], given) == (["in.mp4"], {"smooth": True, "factor": "3"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stile", "p.jpg"), "--stile: unknown option; did you mean --style?"),
        (("--scorer", "identity", "--style", "x"), "--style: is not an option of scorer identity"),
        (("--num-steps", "9"), "it is one of gatys: add --scorer"),
        (("--scorer", "identity", "--num-steps", "9"), "leave it out: it is one of gatys"),
        (
            ("--scorer", "mlflow:m", "--columns", "age"),
            "not an option of scorer mlflow:m; leave it out; the model's signature names its",
        ),
        (("--strength", "1", "--strength", "0"), "--strength: is given twice; leave one out"),
        (("--strength",), "--strength: needs a value"),
        (("--strength", "--crf", "3"), "--strength: needs a value"),
        (("--scorer", "python", "--factor", "2"), "needs a class; write python:FILE.py:CLASS"),
        (("--scorer", "nothing", "--style", "x"), "scorer 'nothing' is unknown"),
    ],
)
def test_what_is_no_parameter_is_one_clear_line(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parsed("in.mp4", "-o", "o.mp4", *words)


def test_every_parameter_of_every_scorer_says_what_it_is() -> None:
    for name in SCORERS:
        about, flags = describe(name)
        assert about
        assert all(flag.about for flag in flags), name
        assert not any("Annotated" in flag.type for flag in flags)


@pytest.mark.parametrize("scorer", ["style", "gatys"])
def test_a_missing_parameter_is_named_by_its_flag(scorer: str) -> None:
    done = CliRunner().invoke(app, ["run", "in.mp4", "-o", "o.mp4", "--scorer", scorer])
    assert isinstance(done.exception, BadInput)
    assert str(done.exception) == (
        "--style: is missing (URL or path of the painting to take the style from); "
        f"see 'impasto scorers {scorer}'"
    )


def test_no_scorers_parameter_hides_behind_an_option_of_run() -> None:
    from typer.main import get_command

    command = get_command(app).commands["run"]  # type: ignore[attr-defined]
    own = {name for param in command.params for name in param.opts}
    assert not own & {flag.flag for name in SCORERS for flag in describe(name)[1]}


def test_the_scorers_are_listed_for_people_and_for_programs() -> None:
    listed = CliRunner().invoke(app, ["scorers"]).stdout
    assert all(name in listed for name in SCORERS)
    assert "--strength" in listed
    (line,) = CliRunner().invoke(app, ["scorers", "onnx", "--json"]).stdout.splitlines()
    names = [parameter["name"] for parameter in json.loads(line)["parameters"]]
    assert {"layout", "range", "fit"} <= set(names)
    assert "model" not in names


MODEL = """
from typing import Literal

class Model:
    def __init__(self, sizes: list[int] = [1, 2], names: list[str] | None = None,
                 mode: Literal["one of the first", "one of the second", "one of the third"] = ""):
        self.sizes = sizes

    def score(self, batch):
        return [{"sum": sum(self.sizes)} for picture in batch]
"""


@pytest.mark.parametrize("scorer", ["", "python", "python:model.py:Model"])
def test_the_list_of_scorers_fits_a_terminal_and_cuts_nothing(
    scorer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL)
    listed = CliRunner().invoke(app, ["scorers", *filter(None, [scorer])]).stdout.splitlines()
    assert not [line for line in listed if len(line) > 80 or line != line.rstrip() or "…" in line]
    whole = "\n".join(listed)
    assert not re.search(r"\bstr\b|\[\]|\[\[|\('|list\[", whole)
    if not scorer:
        assert "--range auto|unit|signed|byte|imagenet" in whole
    elif scorer == "python":
        assert "'impasto scorers" in whole
        assert "python:FILE.py:CLASS' lists them" in whole
    else:
        assert [line.split(maxsplit=2)[:2] for line in listed[1:4]] == [
            ["--sizes", "N,..."],
            ["--names", "TEXT,..."],
            ["--mode", "CHOICE"],
        ]


def test_a_list_of_numbers_is_an_option_with_commas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL)
    Image.new("RGB", (8, 8)).save("a.png")
    words = ("try", "python:model.py:Model", "a.png", "--sizes")
    assert "sum: 12" in call(*words, "3, 4,5").stdout
    assert "`sizes`" not in (said := call(*words, "3,x").stderr)
    assert said.startswith("impasto: --sizes: 'x' is not a whole number; see 'impasto scorers")


def test_an_argument_that_an_option_hides_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    head = "class Up:\n    def __init__(self, device{}): ...\n    def score(self, b): return b"
    Image.new("RGB", (8, 8)).save("a.png")
    said = (
        "--device is an option of 'impasto try', so it does not set the class's argument 'device'"
    )
    for default, code in ((": str = 'cpu'", 0), ("", 2)):
        Path("up.py").write_text(head.format(default))
        done = call("try", "python:up.py:Up", "a.png")
        assert done.returncode == code
        assert f"python:up.py:Up: {said}; rename the argument" in " ".join(done.stderr.split())


@pytest.mark.parametrize("command", ["run", "preview", "plan"])
def test_help_states_limits_in_words(command: str) -> None:
    page = CliRunner().invoke(app, [command, "--help"]).stdout
    assert not re.search(r"x[<>]=|<=x", page)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scorer", "identity", "--plot", "x.png"), "reports no losses"),
        (("--scorer", "gatys", "--style", "p.jpg", "--plot", "no/x.png"), "cannot be written"),
    ],
)
def test_a_plot_that_cannot_be_drawn_is_refused_first(words: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(app, ["run", "in.mp4", "-o", "o.mp4", *words])
    assert isinstance(done.exception, BadInput)
    assert said in str(done.exception)
