"""What the documents show: files to write, sessions of a terminal, commands."""

from __future__ import annotations

import re
import shlex
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from impasto.scorers import plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w*)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A block: its language, the name of its file, its text."""
VARYING = re.compile(r"\d+(\.\d+)? ?m?s\b|\d+\.\d+e-\d+ ms")
LINE = re.compile(
    r"""^\s*(?:\$\ )?(?:[\d*/,-]+\ +){0,5}      # a prompt, a time of cron's
    (?:[A-Z_]+=\S*\ )*(?:\S*/|\S+\ -m\ )?       # variables, a path, an interpreter
    impasto\ +([a-z-].*)$""",
    re.VERBOSE | re.MULTILINE,
)
QUOTED = re.compile(r"(?<=')impasto ([a-z-][^']*)(?=')")
INLINE = re.compile(r"(?<!`)`impasto ([^`]+)`(?!`)")
FOREIGN = {"python", "toml", "json", "yaml"}
"""Languages of blocks that hold no commands."""


class Command(NamedTuple):
    """A command of a document.

    Attributes:
        line: its number in the document.
        words: what follows ``impasto``.
        whole: whether it can be typed as it stands; in prose, arguments are left out.
    """

    line: int
    words: list[str]
    whole: bool


def files(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file that a guide shows."""
    for _, name, content in BLOCK.findall(text):
        if name:
            yield name, content


def write(name: str, text: str) -> None:
    """Write a file that a guide shows into the working folder."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def write_package(folder: Path) -> None:
    """Let Python believe that the package which the guide to models describes is installed."""
    # Another test may have looked already.
    plugins.offered.cache_clear()
    info = folder / "impasto_dim-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: impasto-dim\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[impasto.scorers]\ndim = impasto_dim:DIM\n")


def sessions(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each command of a console, what is typed into it, and the lines that it shows."""
    for session in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *lines = session.replace("\\\n", "").splitlines()
        typed = [line.removeprefix("(Pdb) ") for line in lines if line.startswith("(Pdb) ")]
        # A breakpoint stops in the second call, too.
        yield command, "\n".join([*typed, *typed, ""]), lines


def matches(shown: list[str], printed: str) -> bool:
    """Return whether output is as a guide shows it: times vary, ``...`` stands for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else _line(line) + r"\n" for line in shown
    )
    return re.fullmatch(pattern, printed) is not None


def commands(text: str) -> Iterator[Command]:
    """Yield each command of a document: of its blocks, of messages in them, and of its prose."""
    for block in BLOCK.finditer(text):
        if block[1] in FOREIGN:
            continue
        inside = block[3].replace("\\\n", "  ")
        for pattern, whole in ((LINE, True), (QUOTED, False)):
            for found in pattern.finditer(inside):
                at = block.start(3) + found.start(1)
                yield _command(text, at, found[1], whole=whole)
    prose = BLOCK.sub(lambda block: "\n" * block[0].count("\n"), text)
    for found in INLINE.finditer(prose):
        yield _command(prose, found.start(), found[1], whole=False)


def _command(text: str, at: int, line: str, *, whole: bool) -> Command:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(takewhile(lambda word: not re.fullmatch("[|&;<>()]+", word), lexer))
    given = [word for word in words if word != "..."]
    return Command(text.count("\n", 0, at) + 1, given, whole and given == words)


def _line(line: str) -> str:
    return VARYING.sub("TIME", re.escape(line).replace(r"\ ", " ").replace(r"\.", ".")).replace(
        "TIME", r"[\d.e-]+ ?m?s"
    )
