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

from impasto.cli.parsing import plainest, unknown
from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.fields import FieldInfo

    from impasto.scorers.roles import Roles

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
_NOT_NEEDED = {("mlflow", "--columns"): "the model's signature names its columns"}
"""Why a scorer lacks another's flag."""
REQUIRED = "required"
"""Placeholder for the default of a parameter that has none."""
SHARES = "FILE=SHARE"
"""The type of a parameter that names several files, each with a number."""
TIMES = "SECONDS=FILE"
"""The type of one that names a file for each of several times."""


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


def rows(scorer: str) -> list[tuple[str, str]]:
    """Return a name and a text for each parameter of a scorer; raises what `describe` does."""
    roles = roles_of(scorer)
    found = [row(flag, is_file=flag.name in roles.files) for flag in describe(scorer)[1]]
    return found or unread(scorer, roles)


def unread(scorer: str, roles: Roles) -> list[tuple[str, str]]:
    """Return the row for arguments of a class that is not named, or in a store."""
    if not roles.class_args or (":" in scorer and "://" not in scorer):
        return []
    page = f"'impasto scorers {scorer.partition(':')[0]}:FILE.py:CLASS'"
    return [("--NAME VALUE", f"An argument of the class, by its name; {page} lists them.")]


def roles_of(scorer: str) -> Roles:
    """Return the roles of a scorer's parameters; raises BadInput when there is no such scorer."""
    from impasto.scorers import registry

    return registry.find(scorer).roles


def row(flag: Flag, *, is_file: bool) -> tuple[str, str]:
    """Return a flag and its text, as a row of help."""
    kind = "FILE" if is_file and not flag.named else _TYPES.get(flag.type, flag.type)
    kind = "NAME=VALUE" if flag.named and flag.type not in (SHARES, TIMES) else kind
    name = (flag.flag if flag.switch else f"{flag.flag} {kind}").rstrip()
    about = flag.about[:1].upper() + flag.about[1:]
    if len(name) > _WIDEST:
        name, about = f"{flag.flag} CHOICE", f"{about} One of {kind.replace('|', ', ')}.".lstrip()
    value = f"{float(flag.default):g}" if _NUMBER.fullmatch(flag.default) else flag.default
    default = "" if flag.switch or not flag.default else f"[default: {value}]"
    last = "[required]" if flag.default == REQUIRED else default
    return name, f"{about} {last}".strip()


def find(scorer: str, name: str, own: Iterable[str], command: str) -> Flag:
    """Return a scorer's flag by the name on the command line; raises BadInput when it has none.

    The scorer's file is read only here.
    """
    if "://" in scorer:
        # The arguments of a class in a store are read, and checked, when the job is submitted.
        return Flag(name[2:].replace("-", "_"), "", "")
    if ":" not in scorer and roles_of(scorer).class_args:
        raise BadInput(f"scorer {scorer!r}: needs a class", f"write {scorer}:FILE.py:CLASS")
    flags = {flag.flag: flag for flag in describe(scorer)[1]}
    if not name.startswith("--"):
        raise unknown(name, [*own, *flags], f"{command} --help")
    for known, flag in flags.items():
        if name == known or plainest(name) == plainest(known):
            return flag
    elsewhere = [other for other in _builtin() if name in {f.flag for f in describe(other)[1]}]
    if elsewhere:
        remedy = f"it is one of {' and '.join(elsewhere)}: add --scorer"
        if scorer != "style":
            why = _NOT_NEEDED.get((scorer.partition(":")[0], name))
            remedy = "leave it out" + (f"; {why}" if why else f": it is one of {elsewhere[0]}")
        raise BadInput(f"{name}: is not an option of scorer {scorer}", remedy)
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
    from impasto.scorers.params import Role

    kind: Any = info.annotation
    if get_origin(kind) is Literal:
        shown = "|".join(get_args(kind))
    else:
        first = next((each for each in get_args(kind) if each is not type(None)), kind)
        first = get_args(first)[0] if get_origin(first) is Annotated else first
        shown = getattr(first, "__name__", str(first))
        choices = [get_args(each) for each in get_args(kind) if get_origin(each) is Literal]
        words = [word for each in choices for word in each]
        shown = "|".join([_TYPES.get(shown, shown), *words]) if words else shown
    default = REQUIRED if info.is_required() else _shown(info.default)
    named = get_origin(kind) is dict
    default = "" if named else default
    shown = SHARES if Role.PICTURES in info.metadata else shown
    shown = TIMES if Role.NAMED_PICTURES in info.metadata else shown
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
