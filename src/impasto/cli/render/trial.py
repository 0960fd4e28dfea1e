"""The results of single items: text on stdout, what was assumed on stderr."""

from __future__ import annotations

import json
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from impasto.cli.render import traces
from impasto.cli.render.text import console, fact_lines, json_line, note, roughly, say
from impasto.errors import BadInput, ImpastoError
from impasto.media import images
from impasto.media.formats import WRITABLE as PICTURES
from impasto.schema.words import counted, plain
from impasto.scorers.user.loading import ScriptError, brief
from impasto.secrecy import redact
from impasto.storage.local import mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from impasto.driver.sheet import Preview
    from impasto.driver.trial import Attempt
    from impasto.scorers.base import Record

WRITABLE = (*PICTURES, ".jsonl")
"""Suffixes of what `attempt` writes."""
LONGEST = 400
"""Characters of a value that are shown."""
RECORDS = 20
"""Records of an item that are shown."""


@contextmanager
def scoring(rows: int) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far a sheet is.

    Args:
        rows: how many rows it has.
    """
    if not console(stderr=True).is_terminal:
        yield lambda done, total: None
        return
    what = "loading the model" if rows == 1 else f"loading the model for {rows} rows"
    with console(stderr=True).status(what) as status:
        yield lambda done, total: status.update(f"scoring: {done} of {total}")


class Drawn(NamedTuple):
    """A sheet that was drawn.

    Attributes:
        path: where it is.
        styles: how many styles it has.
        settings: how many settings of each.
        command: the command for the whole job, as in its first row.
    """

    path: str
    styles: int
    settings: int
    command: str


def preview(made: Preview, drawn: Drawn, *, as_json: bool) -> None:
    """Print where a sheet is and what the whole job would take, or a JSON line."""
    moved = made.motion.rows if made.motion else ()
    failed = sum(isinstance(cell, str) for row in made.rows for cell in row.cells)
    failed += sum(isinstance(each, str) for each in moved)
    if as_json:
        json_line(
            {
                "output": drawn.path,
                "rows": len(made.rows),
                "items": [each.name for each in made.chosen],
                "failed": failed,
                "job_items": made.count,
                "job_seconds": round(made.seconds, 1),
                "workers": made.workers,
                "command": drawn.command,
            }
        )
        return
    for line in made.notes:
        note(line)
    called = counted(len(made.chosen), made.noun)
    kinds = [(drawn.styles, "styles"), (drawn.settings, "settings")]
    several = [counted(count, noun) for count, noun in kinds if count > 1]
    styles = f" in {' and '.join(several)}" if several else ""
    aside = f", {failed} failed" if failed else ""
    say(f"{drawn.path}: {called}{styles}{aside}")
    whole = f"{counted(made.count, made.noun)} with {counted(made.workers, 'workers')}"
    each = " per style" if drawn.styles > 1 else ""
    first = " in the first setting" if drawn.settings > 1 else ""
    say(f"all of it: about {roughly(made.seconds)}{each}{first} for {whole}:")
    say(f"  {drawn.command}")


def attempt(done: Attempt, scorer: str, target: Path | None, *, as_json: bool) -> None:
    """Print one item's result and times, or a JSON line; write the result if a file is named.

    Raises:
        BadInput: the result cannot be written into such a file.
    """
    result = done.result
    if target:
        _write(done, target)
    seconds = {"load": done.load, "first": done.first, "second": result.seconds}
    size = None if result.picture is None else [result.picture.shape[1], result.picture.shape[0]]
    if as_json:
        json_line(
            {
                "item": done.chosen.name,
                "records": list(result.records),
                "picture": size,
                "files": list(done.files),
                "seconds": {name: round(value, 4) for name, value in seconds.items()},
                "notes": list(done.notes),
                "output": str(target) if target else None,
            }
        )
        return
    for line in done.notes:
        note(line)
    facts: dict[str, Any] = {"item": plain(done.chosen.name)}
    if size:
        facts["result"] = f"a picture of {size[0]}x{size[1]}"
        facts["result"] += f", in {target}" if target else "; -o FILE.png writes it"
    fact_lines(facts, as_json=False)
    if not size:
        _records(result.records)
    times = ", ".join(f"{name} {_short(value)}" for name, value in seconds.items())
    written = f", in {target}" if target and not size else ""
    fact_lines({"files": ", ".join(done.files), "time": times + written}, as_json=False)


@contextmanager
def own_traceback(scorer: str) -> Iterator[None]:
    """Print the traceback of a scorer that fails, without Impasto's own lines.

    Raises:
        BadInput: it failed.
    """
    try:
        yield
    except ImpastoError as error:
        if error.__cause__ and not isinstance(error.__cause__, ImpastoError):
            _explain(error.__cause__)
        raise
    except Exception as error:
        # What tried to end this process is the cause of a ScriptError.
        broken = isinstance(error, ScriptError)
        told = _explain((broken and error.__cause__) or error)
        # Without a line of the user's own it is Impasto that judged a result or a cell.
        said = broken or (isinstance(error, ValueError) and not told)
        fact = " ".join(str(error).split()) if said else brief(error)
        remedy = "its traceback is above" if told else "" if said else "--debug shows where"
        raise BadInput(f"scorer {scorer}: {fact}", remedy) from error


def _explain(error: BaseException) -> bool:
    """Print what a traceback shows of the user's own code; returns whether that is anything."""
    told = traceback.TracebackException.from_exception(error)
    each = _cut(told)
    if each:
        sys.stderr.write(redact("".join(each.format())))
    return each is not None


def _cut(told: traceback.TracebackException) -> traceback.TracebackException | None:
    """Leave the frames from the user's first on, without Impasto's; None if there are none."""
    files = [frame.filename for frame in told.stack]
    if not any(map(traces.is_own, files)):
        return None
    told.stack = traceback.StackSummary.from_list(
        [frame for frame in told.stack if not _ours(frame.filename)]
    )
    told.__cause__ = _cut(told.__cause__) if told.__cause__ else None
    told.__context__ = _cut(told.__context__) if told.__context__ else None
    return told


def _ours(file: str) -> bool:
    """Return whether a frame is of no use to a scorer's author."""
    return file.startswith(("<frozen importlib", str(Path(__file__).parents[2])))


def _records(records: Sequence[Record]) -> None:
    """Print the records of one item: the fields of a single one below each other."""
    if len(records) == 1:
        for n, (name, value) in enumerate(records[0].items()):
            say(f"{'' if n else 'result':<16} {plain(str(name))}: {_value(value)}")
        return
    for n, record in enumerate(records[:RECORDS]):
        say(f"{'' if n else 'result':<16} {_value(record)}")
    if not records:
        say(f"{'result':<16} no records")
    if len(records) > RECORDS:
        say(f"{'':<16} and {len(records) - RECORDS:,} more; --json prints all")


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    shown = plain(text)
    if len(shown) <= LONGEST:
        return shown
    held = f"{len(value):,} values" if isinstance(value, list) else f"{len(shown):,} characters"
    return f"{shown[:LONGEST]}... ({held}; --json prints all)"


def _short(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def _write(done: Attempt, target: Path) -> None:
    picture, suffix = done.result.picture, target.suffix.lower()
    if (picture is None) == (suffix in PICTURES):
        what = "records" if picture is None else "a picture"
        choices = ".jsonl" if picture is None else ", ".join(PICTURES)
        raise BadInput(f"{target}: the scorer made {what}", f"choose {choices}")
    if picture is not None:
        data = images.write(picture, None, suffix)
    else:
        data = "".join(json.dumps(record) + "\n" for record in done.result.records).encode()
    with mapped(str(target)):
        target.write_bytes(data)
