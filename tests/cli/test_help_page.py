"""Help pages: what stands where, and that all of it fits a terminal of 80 columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_group

from impasto.cli.help_page import COMMANDS, EXAMPLES, GROUPS, REST
from impasto.cli.main import app
from support.command import call, impasto

CLASS = '''
class Up:
    """Larger pictures.

    Args:
        factor: how many times as large.
    """

    def __init__(self, factor: int = 2):
        pass

    def score(self, batch):
        return batch
'''


def page(*words: object) -> str:
    """The help that a command prints."""
    done = call(*words, inline=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def section(text: str, title: str) -> str:
    """A part of a page, by its title."""
    return text.partition(f"\n{title}:\n")[2].partition("\n\n")[0]


@pytest.mark.parametrize("words", [(), ("cluster",)], ids=["impasto", "cluster"])
def test_a_bare_command_prints_its_help(words: tuple[str, ...]) -> None:
    done = impasto(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == impasto(*words, "--help").stdout
    assert done.stdout.startswith(f"Usage: {' '.join(('impasto', *words))} [OPTIONS] COMMAND")


def test_commands_are_in_groups_and_none_is_forgotten() -> None:
    listed = [name for names in COMMANDS.values() for name in names]
    assert sorted(listed) == sorted(get_group(app).commands)
    text = page("--help")
    assert "\n  run " in f"\n{section(text, 'Score')}"
    assert "\n  cp " in f"\n{section(text, 'Stores')}"


def test_options_are_in_groups_and_the_painting_is_among_them() -> None:
    text = page("run", "--help")
    assert [f"\n{title}:\n" in text for title in GROUPS] == [True] * len(GROUPS)
    assert "--style FILE" in section(text, "How it looks (scorer style)")
    assert "--speculate" in section(text, "A cluster")
    assert "--crf" in section(text, "What comes out")
    assert REST not in text


@pytest.mark.parametrize("command", EXAMPLES)
def test_examples_end_a_page(command: str) -> None:
    text = page(command, "--help")
    assert section(text, "Examples").startswith(f"  impasto {command} ")
    assert text.rstrip().endswith(EXAMPLES[command][-1].strip())


@pytest.mark.parametrize("command", ["run", "plan", "submit"])
def test_a_scorers_options_are_on_its_page(command: str) -> None:
    text = page(command, "--help", "--scorer", "onnx:model.onnx")
    assert "[default: nchw" not in text
    assert "--layout auto|nchw|nhwc" in section(text, "Scorer onnx:model.onnx")
    assert "--style FILE" not in text
    assert text == page(command, "--scorer", "onnx:model.onnx", "--help")


def test_run_says_that_a_style_may_be_given_several_times() -> None:
    said = "may be given several times, with {style} in the output's name. [required]"
    assert said in " ".join(page("run", "--help").split())
    assert said not in " ".join(page("plan", "--help").split())


@pytest.mark.parametrize("scorer", ["onnx", "checkpoint"])
def test_ranges_of_values_are_told_in_numbers(scorer: str) -> None:
    said = "unit (0 to 1), signed (-1 to 1), byte (0 to 255), imagenet (unit less"
    assert said in " ".join(page("scorers", scorer).split())


def test_a_class_shows_its_arguments_their_texts_and_defaults(tmp_path: Path) -> None:
    (tmp_path / "up.py").write_text(CLASS)
    scorer = f"python:{tmp_path / 'up.py'}:Up"
    shown = section(page("run", "--help", "--scorer", scorer), f"Scorer {scorer}")
    assert " ".join(shown.split()) == "--factor N How many times as large. [default: 2]"


def test_a_class_in_a_store_is_not_read_for_help() -> None:
    text = page("run", "--help", "--scorer", "python:az://control/up.py:Up")
    assert "--NAME VALUE" in text


def test_a_wrong_option_does_not_hide_the_help() -> None:
    assert page("run", "--strenght", "1", "--help") == page("run", "--help")


@pytest.mark.parametrize("command", sorted(get_group(app).commands))
def test_no_line_is_wider_than_a_terminal(command: str) -> None:
    text = page(command, "--help")
    assert max(map(len, text.splitlines())) <= 80
    assert "<str>" not in text
    assert "<int>" not in text
