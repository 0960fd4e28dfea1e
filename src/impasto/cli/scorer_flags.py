"""The parameters of scorers as flags of the command line.

The scorers are imported where they are needed, so that help appears at once.
"""

from __future__ import annotations

import inspect
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from impasto.cli.parsing import Command, next_value, plainest, unknown, value_of
from impasto.cli.render.text import note
from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic.fields import FieldInfo

    from impasto.scorers.roles import Roles

PARAMS = "impasto.params"
"""The key of the scorer's parameters in a command's context."""
SCORER = "impasto.scorer"
"""The key of the scorer's name there."""
STYLES = "impasto.styles"
"""The key of several pictures for one parameter there: the parameter, and the pictures."""
WORDS = "impasto.words"
"""The key of the words after a command there."""
_TYPES = {
    "str": "TEXT",
    "int": "N",
    "float": "NUMBER",
    "": "VALUE",
    "list[str]": "TEXT,...",
    "list[int]": "N,...",
    "list[float]": "NUMBER,...",
}
_NUMBER = re.compile(r"\d+\.\d*")
_WIDEST = 50
"""Characters of a flag and its choices, beyond which these are among its text."""
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
        named: whether its values have names, and it is given once for each, as ``NAME=VALUE``.
    """

    name: str
    type: str
    default: str
    about: str = ""
    switch: bool = False
    named: bool = False

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

    entry, behind = registry.find(scorer), scorer.partition(":")[2]
    if entry.roles.class_args:
        known = behind and "://" not in behind
        return _of_class(behind) if known else (entry.about, [])
    texts = _texts(inspect.getdoc(entry.params) or "")
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

    if class_args := registry.find(scorer).roles.class_args:
        # The arguments that a class needs are read from its file when the job is submitted.
        return {class_args: given}
    for flag in describe(scorer)[1]:
        if flag.default == REQUIRED and flag.name not in given:
            about = f" ({flag.about.rstrip('.')})" if flag.about else ""
            raise BadInput(
                f"{flag.flag}: is missing{about}",
                f"see 'impasto scorers {scorer.partition(':')[0]}'",
            )
    return given


class ScorerCommand(Command):
    """A command that takes, besides its own options, the parameters of the scorer it names."""

    def own_words(self, ctx: Any, args: Sequence[str]) -> list[str]:
        """Take the scorer's parameters out; raises BadInput when one is unknown or has no value."""
        ctx.meta[SCORER] = self.scorer(args)
        ctx.meta[PARAMS] = {}
        words = super().own_words(ctx, args)
        if not {*ctx.help_option_names} & {*args}:
            self._tell_hidden(ctx)
        return words

    def _tell_hidden(self, ctx: Any) -> None:
        """Say which arguments of the user's class no option can reach; raises BadInput."""
        scorer = ctx.meta[SCORER]
        if ":" not in scorer or "://" in scorer or not _roles(scorer).class_args:
            return
        own = self.takes_values(ctx)
        for flag in describe(scorer)[1]:
            if flag.flag not in own:
                continue
            fact = f"{scorer}: {flag.flag} is an option of '{ctx.command_path}', so it does not set"
            fact += f" the class's argument {flag.name!r}"
            if flag.default == REQUIRED:
                raise BadInput(fact, "rename the argument")
            note(f"{fact}; rename the argument to set it")

    def scorer(self, args: Sequence[str]) -> str:
        """Return the scorer that the arguments name."""
        return value_of(args, "--scorer") or "style"

    def other_option(self, ctx: Any, word: str, left: Iterator[str]) -> None:
        """Take a parameter of the scorer; raises BadInput when it is none, or is given twice."""
        name, equals, value = word.partition("=")
        own, given = self.takes_values(ctx), ctx.meta[PARAMS]
        flag = _find(ctx.meta[SCORER], name, own, ctx.command_path)
        again = flag.name in given and not (flag.switch or flag.named)
        if again and not self.takes_several(ctx.meta[SCORER], flag.name):
            raise BadInput(f"{flag.flag}: is given twice", "leave one out")
        taken: Any = value
        if not equals:
            taken = flag.switch or next_value(left, name, own, ctx.command_path)
        if flag.named:
            _add_named(flag, taken, given.setdefault(flag.name, {}))
        elif again:
            _, before = ctx.meta.get(STYLES, ("", [given[flag.name]]))
            ctx.meta[STYLES] = flag.name, [*before, taken]
        else:
            given[flag.name] = taken

    def takes_several(self, scorer: str, param: str) -> bool:
        """Return whether the command takes several values of a scorer's parameter."""
        return False

    def more_groups(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """Return the rows of the scorer's parameters."""
        scorer = ctx.meta[SCORER]
        _, flags = describe(scorer)
        paints = any(flag.name == "style" for flag in flags)
        title = f"How it looks (scorer {scorer})" if paints else f"Scorer {scorer}"
        roles = _roles(scorer)
        own = self.takes_values(ctx)
        others = [flag for flag in flags if flag.flag not in own]
        rows = [_row(flag, is_file=flag.name in roles.files) for flag in others]
        return {title: rows or _unread(scorer, roles)}


def _add_named(flag: Flag, text: str, values: dict[str, str]) -> None:
    """Add ``NAME=VALUE`` to the values of a flag; raises BadInput where it is something else."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise BadInput(f"{flag.flag} {text}: has no name and value", "write NAME=VALUE")
    if name in values:
        raise BadInput(f"{flag.flag} {name}=: is given twice", "leave one out")
    values[name] = value


class SetCommand(ScorerCommand):
    """A `ScorerCommand` that makes a job for each of several pictures of a style."""

    def own_words(self, ctx: Any, args: Sequence[str]) -> list[str]:
        """Take the scorer's parameters out; raises what `ScorerCommand.own_words` does."""
        ctx.meta[WORDS] = [*args]
        return super().own_words(ctx, args)

    def takes_several(self, scorer: str, param: str) -> bool:
        """Return whether a parameter is a picture, such as the painting of a style."""
        from impasto.scorers.params import Role

        return _roles(scorer).files.get(param) is Role.PICTURE


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


def rows(scorer: str) -> list[tuple[str, str]]:
    """Return a name and a text for each parameter of a scorer; raises what `describe` does."""
    roles = _roles(scorer)
    found = [_row(flag, is_file=flag.name in roles.files) for flag in describe(scorer)[1]]
    return found or _unread(scorer, roles)


def _unread(scorer: str, roles: Roles) -> list[tuple[str, str]]:
    """Return the row for arguments of a class that is not named, or in a store."""
    if not roles.class_args or (":" in scorer and "://" not in scorer):
        return []
    page = f"'impasto scorers {scorer.partition(':')[0]}:FILE.py:CLASS'"
    return [("--NAME VALUE", f"An argument of the class, by its name; {page} lists them.")]


def _roles(scorer: str) -> Roles:
    """Return the roles of a scorer's parameters; raises BadInput when there is no such scorer."""
    from impasto.scorers import registry

    return registry.find(scorer).roles


def _row(flag: Flag, *, is_file: bool) -> tuple[str, str]:
    """Return a flag and its text, as a row of help."""
    kind = "FILE" if is_file else _TYPES.get(flag.type, flag.type)
    kind = "NAME=VALUE" if flag.named else kind
    name = (flag.flag if flag.switch else f"{flag.flag} {kind}").rstrip()
    about = flag.about[:1].upper() + flag.about[1:]
    if len(name) > _WIDEST:
        name, about = f"{flag.flag} CHOICE", f"{about} One of {kind.replace('|', ', ')}.".lstrip()
    value = f"{float(flag.default):g}" if _NUMBER.fullmatch(flag.default) else flag.default
    default = "" if flag.switch or not flag.default else f"[default: {value}]"
    last = "[required]" if flag.default == REQUIRED else default
    return name, f"{about} {last}".strip()


def _find(scorer: str, name: str, own: Iterable[str], command: str) -> Flag:
    """Return a scorer's flag by the name on the command line; raises BadInput when it has none.

    The scorer's file is read only here.
    """
    if "://" in scorer:
        # The arguments of a class in a store are read, and checked, when the job is submitted.
        return Flag(name[2:].replace("-", "_"), "", "")
    if ":" not in scorer and _roles(scorer).class_args:
        raise BadInput(f"scorer {scorer!r}: needs a class", f"write {scorer}:FILE.py:CLASS")
    flags = {flag.flag: flag for flag in describe(scorer)[1]}
    if not name.startswith("--"):
        raise unknown(name, [*own, *flags], f"{command} --help")
    for known, flag in flags.items():
        if name == known or plainest(name) == plainest(known):
            return flag
    elsewhere = [other for other in _builtin() if name in {f.flag for f in describe(other)[1]}]
    if elsewhere:
        raise BadInput(
            f"{name}: is not an option of scorer {scorer}",
            f"it is one of {' and '.join(elsewhere)}: add --scorer",
        )
    named = "" if scorer == "style" else f" --scorer {shlex.quote(scorer)}"
    raise unknown(name, [*own, *flags], f"{command}{named} --help")


def _builtin() -> Iterable[str]:
    from impasto.scorers.registry import SCORERS

    return SCORERS


def _of_class(behind: str) -> tuple[str, list[Flag]]:
    from impasto.scorers.user import signature
    from impasto.scorers.user.declared import Default

    module, name = signature.split(behind)
    path = Path(signature.locate(module))
    source = path.read_bytes()
    texts = _texts(signature.text(source, name, str(path)))
    flags = [
        Flag(
            argument.name,
            "|".join(map(str, argument.choices)) or argument.type,
            argument.default.value
            if isinstance(argument.default, Default)
            else _shown(argument.default),
            texts.get(argument.name, ""),
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
    named = get_origin(kind) is dict
    default = "" if named else default
    return Flag(name, shown, default, about, switch=kind is bool, named=named)


def _shown(default: object) -> str:
    if isinstance(default, (list, tuple)):
        return ",".join(map(str, default))
    return "" if default is None else str(default)


def _texts(docstring: str) -> dict[str, str]:
    """Read the description of each attribute or argument from a docstring in Google's style."""
    texts: dict[str, str] = {}
    last = ""
    section = re.split(r"^(?:Attributes|Args):\n", docstring, maxsplit=1, flags=re.MULTILINE)[1:]
    for line in "".join(section).splitlines():
        match = re.match(r"    (\w+)(?: \(.*?\))?: (.*)", line)
        if match:
            last = match[1]
            texts[last] = match[2]
        elif re.match(r"\S", line):
            break
        elif last and line.strip():
            texts[last] += f" {line.strip()}"
    return texts
