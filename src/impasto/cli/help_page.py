"""Help pages: options and commands in groups, examples, 80 columns at most."""

from __future__ import annotations

import re
import textwrap
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GROUPS = {
    "Options": [
        *("output", "against", "scorer", "style", "at", "number", "motion", "items", "sample"),
        *("every", "start", "end", "stream", "overwrite"),
    ],
    "What comes out": [
        *("mask", "mask_side", "mask_feather"),
        "temporal",
        "temporal_speed",
        "max_size",
        "frames",
        "fps",
        "deinterlace",
        "audio",
        "codec",
        "pix_fmt",
        "quality",
        "crf",
        "preset",
        "keep",
    ],
    "How it runs": [
        *("engine", "device", "workers", "jobs", "memory", "mini_batch", "shard_frames", "timeout"),
        *("max_failed", "max_failed_batches", "accept_changes", "as_submitted", "label", "home"),
        "config",
    ],
    "A cluster": [
        *("detach", "address", "gpus_per_worker", "cpus_per_worker", "speculate", "requirements"),
    ],
    "Output of the command": ["plot", "as_json", "verbose", "quiet", "help"],
}
"""The options of large commands, by group; smaller commands have a single group."""
FEW = 12
"""Maximum number of options in a single group."""
REST = "Other options"

COMMANDS = {
    "Score": ["run", "plan", "resume", "retry", "demo"],
    "Look": ["preview", "try", "probe", "verify", "compare", "metrics", "scorers"],
    "Jobs": ["jobs", "show", "logs", "timings", "cancel", "gc"],
    "By itself": ["watch", "serve", "token"],
    "Stores": ["ls", "cp", "rm", "sas", "doctor"],
    "Cluster": ["submit", "cluster"],
}
"""All commands, by group."""

EXAMPLES = {
    "run": [
        "impasto run clip.mp4 --style painting.jpg -o out.mp4",
        "impasto run clip.mp4 --style painting.jpg --start 0:10 --end 0:15 -o part.mp4",
        "impasto run 'photos/*.jpg' --style painting.jpg --strength 0.6 -o painted/",
        "impasto run 'footage/**/*.mp4' --style painting.jpg -o painted/",
        "impasto run clip.mp4 --style a.jpg --style b.jpg -o 'out/{name}-{style}.mp4'",
    ],
    "preview": [
        "impasto preview clip.mp4 --style a.jpg --style b.jpg -o sheet.png",
        "impasto preview clip.mp4 --style a.jpg --strength 0.5,1 --motion 2s -o s.html",
    ],
    "try": ["impasto try onnx:model.onnx photo.jpg"],
    "plan": ["impasto plan clip.mp4 --style painting.jpg -o out.mp4"],
    "logs": [
        "impasto logs 3f2a --follow --level warning",
        "impasto logs 3f2a --prints stderr --worker vm-3",
    ],
    "submit": [
        "impasto submit az://media/in.mp4 --style painting.jpg -o az://media/out.mp4 \\",
        "        --address http://127.0.0.1:8265 --home az://control/impasto",
        "impasto submit clip.mp4 --style painting.jpg -o out.mp4 --detach",
    ],
}

_COLUMN = 28
"""Maximum width of the column of names."""
_TYPES = {"<str>": "TEXT", "<int>": "N", "<float>": "NUMBER", "<bool>": ""}
_LIMITS = re.compile(r"; [\d.]+<=x(?:<=[\d.]+)?(?=\])| \[x[<>]=[\d.]+\]| \[[\d.]+<=x[^\]]*\]")
"""Limits as Typer writes them; errors and texts say them in words."""
_HARD = "\N{NO-BREAK SPACE}"


def option_groups(
    params: Iterable[Any], ctx: Any, more: Mapping[str, list[tuple[str, str]]]
) -> dict[str, list[tuple[str, str]]]:
    """Sort a command's options into groups.

    Args:
        params: the command's parameters.
        ctx: its context.
        more: rows of further groups, which follow the first.

    Returns:
        The rows of each group, of a name and a text.
    """
    rows = {
        param.name: _row(param, ctx)
        for param in params
        if param.param_type_name == "option" and not param.hidden
    }
    if len(rows) <= FEW:
        return {"Options": [*rows.values()], **more}
    first, *others = GROUPS.items()
    groups = {first[0]: _taken(rows, first[1]), **more}
    groups |= {title: _taken(rows, names) for title, names in others}
    last = groups.popitem()
    groups |= {REST: [*rows.values()]} | dict([last])
    return groups


def argument_rows(params: Iterable[Any]) -> list[tuple[str, str]]:
    """Return a row for each argument that has a text."""
    return [
        (argument_name(param), " ".join(param.help.split()))
        for param in params
        if param.param_type_name == "argument" and param.help and not param.hidden
    ]


def argument_name(param: Any) -> str:
    """Return the name of an argument, as help and errors show it."""
    name: str = param.metavar or param.name.upper()
    return name


def write_groups(formatter: Any, groups: Mapping[str, Sequence[tuple[str, str]]]) -> None:
    """Write the groups that have rows; all texts begin in the same column."""
    names = [len(name) for rows in groups.values() for name, _ in rows]
    column = min(max(names, default=0), _COLUMN) + 2
    for title, rows in groups.items():
        if not rows:
            continue
        with formatter.section(title):
            for name, text in rows:
                _write_row(formatter, name, text, column)


def write_examples(formatter: Any, command: str) -> None:
    """Write the examples of a command, which may be pasted, line by line."""
    if examples := EXAMPLES.get(command):
        with formatter.section("Examples"):
            for line in examples:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def _taken(rows: dict[str, tuple[str, str]], names: Iterable[str]) -> list[tuple[str, str]]:
    return [rows.pop(name) for name in names if name in rows]


def _row(param: Any, ctx: Any) -> tuple[str, str]:
    _, text = param.get_help_record(ctx)
    names = ", ".join(sorted(param.opts, key=len))
    kind = "" if param.is_flag or param.count else param.display_type_rich(ctx=ctx)
    kind = _TYPES.get(kind, kind.strip("<>"))
    return f"{names} {kind}".rstrip(), _LIMITS.sub("", text)


def _write_row(formatter: Any, name: str, text: str, column: int) -> None:
    indent = " " * formatter.current_indent
    for line in row_lines(name, text, column, formatter.width - len(indent)):
        formatter.write(f"{indent}{line}\n")


def row_lines(name: str, text: str, column: int, width: int) -> list[str]:
    """Return the lines of a name and its text, which begins in a column."""
    room = max(width - column, 20)
    lines = textwrap.wrap(_unbroken(text, room), room)
    if lines and len(name) > column - 2:
        lines = ["", *lines]
    return [
        f"{left:<{column}}{line.replace(_HARD, ' ')}".rstrip()
        for left, line in zip_longest([name], lines, fillvalue="")
    ]


def _unbroken(text: str, width: int) -> str:
    """Return a text in which the default at its end, if it fits in a line, is not wrapped."""
    text, bracket, default = " ".join(text.split()).partition("[default")
    last = bracket + default
    return text + (last.replace(" ", _HARD) if len(last) <= width else last)
