"""What to type instead of more arguments than a command takes."""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

_OUTPUT = {"-o", "--output", "--out"}
SHOWN = 2
"""How many sources a message begins with."""
NAMED = 20
"""How many sources a command that can be pasted names one by one."""


def surplus(
    command: str, args: Sequence[str], given: Sequence[str], name: str, output: str
) -> BadInput:
    """Return the error for several arguments of a command that takes one.

    Args:
        command: the command, as it is typed.
        args: all words after it.
        given: those of them that are arguments.
        name: what the command calls its argument.
        output: the value of --output, or "".
    """
    rest = others(args, given)
    if all(Path(each).exists() for each in given):
        return _several(command, rest, given, output)
    return spaced(command, rest, given) or BadInput(
        f"{given[1]}: is one too many; the command takes one {name}", f"see '{command} --help'"
    )


def spaced(command: str, rest: Sequence[str], given: Sequence[str]) -> BadInput | None:
    """Return the error for the words of one name that was not quoted; None if they are not that.

    Args:
        command: the command, as it is typed.
        rest: all words after it but these.
        given: these.
    """
    joined = " ".join(given)
    if Path(joined).exists():
        fixed = shlex.join([joined, *rest])
        return BadInput(f"{given[0]}: no such file", f"quote the name: {command} {fixed}")
    parts = not any(Path(each).exists() or Path(each).suffix for each in given[:-1])
    if parts and Path(given[-1]).suffix:
        remedy = f"quote a name with spaces: {shlex.quote(joined)}"
        return BadInput(f"{given[0]}: no such file", remedy)
    return None


def refuse_missing(command: str, args: Sequence[str], given: Sequence[str]) -> None:
    """Refuse several sources of which one is not there.

    Args:
        command: the command, as it is typed.
        args: all words after it.
        given: those of them that are sources.

    Raises:
        BadInput: a local one is missing.
    """
    from impasto.schema.url import is_local
    from impasto.sources.selection import WILD

    local = [each for each in given if is_local(each) and not WILD.search(each)]
    missing = [each for each in local if not Path(each).exists()]
    if missing and len(given) > 1:
        unquoted = spaced(command, others(args, given), given)
        raise unquoted or BadInput(f"{missing[0]}: no such file", "check the path")


def others(args: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return all words after a command but its arguments."""
    left = Counter(given)
    return [word for word in args if not left[word] or left.subtract([word])]


def no_output(command: str, given: Sequence[str]) -> BadInput:
    """Return the error for a command without --output.

    Args:
        command: the command, as it is typed.
        given: its arguments.
    """
    from impasto.media.formats import is_image
    from impasto.tables.formats import is_table

    fact, takes = "--output: is missing", 2 if command.endswith("compare") else 1
    if len(given) > takes and not Path(given[-1]).exists():
        return BadInput(fact, f"write -o {shlex.quote(given[-1])}")
    source = given[0] if given else ""
    name = "out.mp4"
    if command.endswith("preview"):
        name = "sheet.png"
    elif any(wild in source for wild in "*?[") or Path(source).is_dir() or source.endswith("/"):
        name = "out/"
    elif is_image(source):
        name = "out.jpg"
    elif is_table(source):
        name = "out.jsonl"
    return BadInput(fact, f"name the output: -o {name}")


def _several(command: str, rest: Sequence[str], given: Sequence[str], output: str) -> BadInput:
    """Return the error for several sources that exist, with a command that takes them all."""
    from impasto.media.formats import is_image

    more = ", ..." if len(given) > SHOWN else ""
    fact = f"{len(given)} sources ({', '.join(given[:SHOWN])}{more}): a command takes one"
    pattern = pattern_of(given)
    images = [is_image(each) for each in given]
    if all(images) and pattern:
        return BadInput(fact, f"quote the pattern: {command} {shlex.join([pattern, *rest])}")
    if len(given) > NAMED and not pattern:
        return BadInput(fact, "name a folder, a quoted pattern or a list of them")
    if all(images):
        return BadInput(fact, a_list(command, rest, given))
    if any(images) or not all(Path(each).is_file() for each in given):
        return BadInput(fact, "give each to a command of its own")
    # Unquoted, since a shell is to expand it, so that it must not need quotes for more.
    plain = pattern.replace("*", "")
    names = pattern if pattern and shlex.quote(plain) == plain else shlex.join(given)
    alone = len({Path(each).with_suffix("") for each in given}) == len(given)
    stem, name = "${f%.*}" if alone else "$f", Path(output).name
    own = f'"{stem}-{name}"' if shlex.quote(name) == name else f'"{stem}-"{shlex.quote(name)}'
    words = ['"$f"', *_each(rest, output, own)]
    loop = f"for f in {names}; do {command} {' '.join(words)}; done"
    return BadInput(fact, f"give them one at a time: {loop}")


def a_list(command: str, rest: Sequence[str], given: Sequence[str]) -> str:
    """Return the remedy of a list of sources that are one.

    Args:
        command: the command, as it is typed.
        rest: all words after it but the sources.
        given: the sources.
    """
    free = (f"sources{n or ''}.txt" for n in itertools.count())
    listed = next(each for each in free if not Path(each).exists())
    names, whole = shlex.join(given), shlex.join([listed, *rest])
    return rf"give a list of them: printf '%s\n' {names} > {listed}; {command} {whole}"


def pattern_of(given: Sequence[str]) -> str:
    """Return a pattern that names these files and no others, or ""."""
    from impasto.sources.selection import WILD

    folders = {str(Path(each).parent) for each in given}
    suffixes = {Path(each).suffix for each in given}
    # The name of a folder such as "film [1]" would itself be a pattern.
    if len(folders) > 1 or len(suffixes) > 1 or any(map(WILD.search, folders)):
        return ""
    name = f"*{suffixes.pop()}"
    folder = Path(folders.pop())
    found = {each for each in folder.glob(name) if each.name[0] != "."}
    return str(folder / name) if found == set(map(Path, given)) else ""


def _each(rest: Sequence[str], output: str, own: str) -> list[str]:
    """Return words as a shell reads them, with another output."""
    words = []
    for before, word in itertools.pairwise(["", *rest]):
        name, _, value = word.partition("=")
        if output and word == output and before in _OUTPUT:
            words.append(own)
        elif output and name in _OUTPUT and value == output:
            words.append(f"{name}={own}")
        elif output and word == f"-o{output}":
            words.append(f"-o {own}")
        else:
            words.append(shlex.quote(word))
    return words
