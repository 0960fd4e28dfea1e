"""The parameters of scorers as flags of the command line.

The scorers are imported where they are needed, so that help appears at once.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from typer.core import TyperCommand

from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydantic.fields import FieldInfo

PARAMS = "impasto.params"
"""The key of the scorer's parameters in a command's context."""
REQUIRED = "required"
"""Placeholder for the default of a parameter that has none."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A parameter of a scorer.

    Attributes:
        name: as in Python.
        type: its allowed values, for people.
        default: its default, for people; `REQUIRED` when it has none.
        about: what it is.
        switch: whether it is used alone, without a value.
    """

    name: str
    type: str
    default: str
    about: str = ""
    switch: bool = False

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--{self.name.replace('_', '-')}"


def describe(scorer: str) -> tuple[str, list[Flag]]:
    """Describe a scorer in one line, and list its parameters.

    Args:
        scorer: a name from the table, with or without a model after a colon.

    Raises:
        BadInput: there is no such scorer, or no such class in the user's file.
    """
    from impasto.scorers import registry

    name, _, behind = scorer.partition(":")
    entry = registry.find(name)
    if entry.roles.class_args:
        return _of_class(behind) if behind else (entry.about, [])
    texts = _texts(entry.params)
    fields = entry.params.model_fields.items()
    return entry.about, [
        _of_field(field, info, texts.get(field, ""))
        for field, info in fields
        if field != entry.roles.argument
    ]


def spec_params(scorer: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return a spec's parameters.

    Args:
        scorer: as for `describe`.
        given: those on the command line, by name.

    Raises:
        BadInput: there is no such scorer, or a parameter without a default is missing.
    """
    from impasto.scorers import registry

    name = scorer.partition(":")[0]
    class_args = registry.find(name).roles.class_args
    if class_args:
        # The arguments that a class needs are read from its file when the job is submitted.
        return {class_args: given}
    for flag in describe(scorer)[1]:
        if flag.default == REQUIRED and flag.name not in given:
            about = f" ({flag.about.rstrip('.')})" if flag.about else ""
            raise BadInput(f"{flag.flag}: is missing{about}", f"see 'impasto scorers {name}'")
    return given


class ScorerCommand(TyperCommand):
    """A command that takes, besides its own options, the parameters of the scorer it names."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the scorer's parameters out; raises BadInput when one is unknown or has no value."""
        own = {name for param in self.params for name in (*param.opts, *param.secondary_opts)}
        scorer = self.scorer(args)
        known = _lazily(scorer, ctx.command_path)
        rest, given = _split(args, own | set(ctx.help_option_names), known)
        ctx.meta[PARAMS] = given
        parsed: list[str] = super().parse_args(ctx, rest)
        return parsed

    def scorer(self, args: Sequence[str]) -> str:
        """Return the scorer that the arguments name."""
        return _value(args, "--scorer") or "style"


class FirstArgumentCommand(ScorerCommand):
    """A `ScorerCommand` whose first argument is the scorer."""

    def scorer(self, args: Sequence[str]) -> str:
        """Return the first word that is neither an option nor the value of one of the command's."""
        valued = {
            name
            for param in self.params
            if not getattr(param, "is_flag", False)
            for name in param.opts
            if name.startswith("-")
        }
        left = iter(args)
        for word in left:
            if not word.startswith("-"):
                return word
            if word in valued:
                next(left, None)
        return "style"


def _split(
    args: Sequence[str], own: set[str], known: Callable[[str], Flag]
) -> tuple[list[str], dict[str, Any]]:
    """Separate a command's own arguments from a scorer's parameters, which `known` looks up."""
    rest: list[str] = []
    given: dict[str, Any] = {}
    left = iter(args)
    for word in left:
        name, equals, value = word.partition("=")
        if word == "--":
            return [*rest, word, *left], given
        if name in own or not re.match("--[a-z]", name):
            rest.append(word)
            continue
        flag = known(name)
        if equals:
            given[flag.name] = value
        else:
            given[flag.name] = True if flag.switch else _next(left, name, own)
    return rest, given


def _lazily(scorer: str, command: str) -> Callable[[str], Flag]:
    """Return a function that looks a flag up; the scorer's file is read only when it is called.

    Args:
        scorer: as for `describe`.
        command: the command, as users type it.
    """

    def known(name: str) -> Flag:
        if "://" in scorer:
            # The arguments of a class in a store are read, and checked, when the job is submitted.
            return Flag(name[2:].replace("-", "_"), "", "")
        flags = {flag.flag: flag for flag in describe(scorer)[1]}
        if name not in flags:
            has = f"takes {', '.join(flags)}" if flags else "takes no options"
            raise BadInput(
                f"{name}: unknown option; scorer {scorer} {has}",
                f"'{command} --help' lists the others",
            )
        return flags[name]

    return known


def _next(left: Iterator[str], name: str, own: set[str]) -> str:
    value = next(left, None)
    if value is None or value.partition("=")[0] in own:
        raise BadInput(f"{name}: needs a value", "see 'impasto scorers'")
    return value


def _value(args: Sequence[str], name: str) -> str | None:
    """Return the last value of an option."""
    found = None
    for n, word in enumerate(args):
        if word.startswith(f"{name}="):
            found = word.partition("=")[2]
        elif word == name:
            found = next(iter(args[n + 1 :]), None)
    return found


def _of_class(behind: str) -> tuple[str, list[Flag]]:
    from impasto.scorers.user import signature
    from impasto.scorers.user.declared import Default

    module, name = signature.split(behind)
    path = Path(signature.locate(module))
    source = path.read_bytes()
    flags = [
        Flag(
            argument.name,
            "|".join(map(str, argument.choices)) or argument.type,
            argument.default.value
            if isinstance(argument.default, Default)
            else _shown(argument.default),
            switch=argument.type == "bool",
        )
        for argument in signature.arguments(source, name, str(path))
    ]
    return signature.about(source, name, str(path)), flags


def _of_field(name: str, info: FieldInfo, about: str) -> Flag:
    kind: Any = info.annotation
    if get_origin(kind) is Literal:
        shown = "|".join(get_args(kind))
    else:
        first = next((each for each in get_args(kind) if each is not type(None)), kind)
        first = get_args(first)[0] if get_origin(first) is Annotated else first
        shown = getattr(first, "__name__", str(first))
    default = REQUIRED if info.is_required() else _shown(info.default)
    return Flag(name, shown, default, about, switch=kind is bool)


def _shown(default: object) -> str:
    return "" if default is None else str(default)


def _texts(params: type) -> dict[str, str]:
    """Read the description of each attribute from the class's docstring."""
    texts: dict[str, str] = {}
    last = ""
    _, _, attributes = (inspect.getdoc(params) or "").partition("Attributes:\n")
    for line in attributes.splitlines():
        match = re.match(r"    (\w+): (.*)", line)
        if match:
            last = match[1]
            texts[last] = match[2]
        elif last and line.strip():
            texts[last] += f" {line.strip()}"
    return texts
