"""What documents name exists: commands with their options, files and headings.

Commands are parsed by the real command line, and not run.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import Exit, TyperException

from impasto.cli.main import app
from impasto.cli.scorer_flags import describe
from impasto.errors import BadInput
from impasto.scorers.registry import SCORERS
from support.guides import BLOCK, DOCS, ROOT, commands, files, write, write_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((ROOT / "deploy").rglob("README.md")),
]
OF_THE_PROJECT = [ROOT / "CHANGELOG.md", ROOT / "BENCHMARKS.md"]
"""Documents whose commands need not exist any more, or are of others."""
COMMAND = typer.main.get_command(app)
LARGEST = 760_000
"""Bytes of all pictures in docs/ together."""
OTHERS = {"--build-arg", "--dashboard-host"}
"""Options of other programs that documents name."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with every file that the documents show, the examples, and the package."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copytree(ROOT / "examples", "examples")
    shutil.copytree(ROOT / "examples", ".", dirs_exist_ok=True)
    for document in DOCUMENTS:
        for name, text in files(document.read_text()):
            write(name, text)
    write_package(tmp_path)


def wrong(words: list[str], *, whole: bool = True) -> str:
    """Return what the command line says against a command, or ""; it is parsed, and not run."""
    command: Any = COMMAND
    path, rest = "impasto", list(words)
    while isinstance(command, TyperGroup):
        own = {name: param for param in command.params for name in param.opts}
        while rest and (rest[0].partition("=")[0] in own or rest[0] == "--help"):
            name, given, _ = rest.pop(0).partition("=")
            if name in own and not given and not getattr(own[name], "is_flag", False):
                rest.pop(0)
        if not rest:
            return ""
        if rest[0] not in command.commands:
            return f"no command {path} {rest[0]}"
        path = f"{path} {rest[0]}"
        command = command.commands[rest.pop(0)]
    try:
        command.make_context(path, rest)
    except Exit:
        return ""
    except BadInput as error:
        said = str(error)
    except TyperException as error:
        said = error.format_message()
    else:
        return ""
    return said if whole or "missing" not in said.lower() else ""


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_a_document_exists_with_its_options(document: Path) -> None:
    said = {
        f"line {command.line}: impasto {' '.join(command.words)}": fault
        for command in commands(document.read_text())
        if (fault := wrong(command.words, whole=command.whole))
    }
    assert said == {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_option_that_prose_names_exists(document: Path) -> None:
    prose = BLOCK.sub("", document.read_text())
    named = {
        option
        for code in re.findall("`([^`]+)`", prose)
        if code.startswith("--")
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", code)
    }
    assert named - known() == set()


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("run clip.mp4 --strenght 1 -o out.mp4", "--strenght"),
        ("run clip.mp4 --style a.jpg --engine roy -o out.mp4", "roy"),
        ("run --style a.jpg -o out.mp4", "missing"),
        ("paint clip.mp4", "paint"),
        ("cluster state", "state"),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(line: str, fact: str) -> None:
    assert fact in wrong(line.split()).lower()


def test_commands_are_found_wherever_documents_show_them() -> None:
    text = """Prose names `impasto show
JOB` and `impasto run ... --engine ray`.

```console
$ impasto jobs  # all
impasto: job 1: incomplete; 'impasto retry 1' tries again
```
```
0 3 * * *  impasto run a \\
    -o 'b c' >> log
```
"""
    assert [(each.line, each.words, each.whole) for each in commands(text)] == [
        (5, ["jobs"], True),
        (6, ["retry", "1"], False),
        (9, ["run", "a", "-o", "b c"], True),
        (1, ["show", "JOB"], False),
        (2, ["run", "--engine", "ray"], False),
    ]


@pytest.mark.parametrize("document", [*DOCUMENTS, *OF_THE_PROJECT], ids=lambda path: path.name)
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    prose = BLOCK.sub("", document.read_text())
    for path, heading in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", prose):
        target = (document.parent / path) if path else document
        assert target.exists(), path
        if heading:
            assert heading in anchors(target), f"{path}#{heading}"


def test_pictures_in_docs_are_small() -> None:
    pictures = [path for path in DOCS.iterdir() if path.suffix in {".jpg", ".png", ".svg"}]
    assert sum(path.stat().st_size for path in pictures) < LARGEST


def known() -> set[str]:
    """Return all options: of each command, of each scorer, of other programs."""
    own = {name for command in leaves(COMMAND) for name in names(command)}
    scorers = {flag.flag for name in SCORERS for flag in describe(name)[1]}
    return own | scorers | OTHERS | {"--help"}


def leaves(command: Any) -> Iterator[Any]:
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from leaves(each)


def names(command: Any) -> set[str]:
    return {name for param in command.params for name in (*param.opts, *param.secondary_opts)}


def anchors(document: Path) -> set[str]:
    """Return what links to the headings of a document end with."""
    headings = re.findall("^#+ (.+)$", BLOCK.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
