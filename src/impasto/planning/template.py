"""Templates of outputs: where a rule, or a command, writes what it makes of each object.

    out/{path}/{name}-{style}.mp4

    {path}     folder of the object below the inbox; left out for an object directly in it
    {name}     the object's name without its suffix
    {ext}      its suffix without the dot
    {style}    name of the style
    {sender}   first folder below the inbox; left out for an object directly in it
    {version}  8 digits that differ between versions of the object
    {rule}     the rule's name

Names come from whoever writes into the inbox. Whatever they are, an output is below the folder
before the first field.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from string import Formatter
from typing import TYPE_CHECKING

from impasto.errors import BadInput, meant
from impasto.schema.url import Url, check_key, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIELDS = ("path", "name", "ext", "style", "sender", "version", "rule")
OF_COMMANDS = ("path", "name", "ext", "style")
"""Fields that a command fills; the others are for rules."""
LONGEST_NAME = 255
"""Maximum length of a part of a path that file systems accept, in bytes."""
_OPTIONAL = ("path", "sender")
_REPORT = ".failed.jsonl"
"""How the list of items that failed is named, which a job leaves beside its output."""
_SHAPES = {"name": "[^/]+", "ext": "[^/.]*", "sender": "[^/]+", "version": "[0-9a-f]{8}"}


@dataclass(frozen=True, slots=True)
class _Token:
    """A field, or text as it is."""

    text: str
    field: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A template, checked.

    Attributes:
        base: the folder before the first field.
        parts: what follows, a part for each folder and the last for the output's own name.
        folder: whether a slash at the end asks for a folder.
    """

    base: Url
    parts: tuple[tuple[_Token, ...], ...]
    folder: bool

    @property
    def fields(self) -> set[str]:
        """The fields that it has."""
        return {token.text for part in self.parts for token in part if token.field}

    @property
    def suffix(self) -> str:
        """The suffix of its outputs, such as ``.mp4``; "" if that is up to the object."""
        last = self.parts[-1][-1]
        named = not last.field and not self.folder and "." in last.text
        return "." + last.text.rpartition(".")[2].lower() if named else ""

    def at(self, base: Url) -> Template:
        """Return the same template in another folder."""
        return Template(base, self.parts, self.folder)

    def __str__(self) -> str:
        parts = ("".join(map(_written, part)) for part in self.parts)
        base = escaped(str(self.base)).rstrip("/")
        return f"{base}/{'/'.join(parts)}" + ("/" if self.folder else "")


@cache
def parse_template(text: str) -> Template:
    """Read a template by which the outputs of any objects can be told apart.

    Args:
        text: the template, whose beginning is an absolute path or a URL.

    Raises:
        BadInput: as `read_template`, or two objects could have one output.
    """
    template = read_template(text)
    if not template.fields & {"name", "version"}:
        raise BadInput(f"output {text}: is the same for several objects", "add {name} to it")
    return template


def read_template(text: str) -> Template:
    """Read a template, whatever its fields.

    Args:
        text: the template, whose beginning is an absolute path or a URL.

    Raises:
        BadInput: a field is unknown, there is none, or there is no store.
    """
    tokens = list(_tokens(text))
    head = tokens[0].text if tokens and not tokens[0].field else ""
    if not any(token.field for token in tokens):
        raise BadInput(f"output {text}: is the same for all objects", "add {name} to it")
    above, _, rest = head.rpartition("/")
    base = parse(above or "/")
    if ("://" in head and not base.container) or base.signature:
        raise BadInput(
            f"output {text}: does not begin with a container",
            "write such as az://CONTAINER/{name}.mp4, without a signature",
        )
    following = [_Token(rest), *tokens[1:]] if head else tokens
    folder = not following[-1].field and following[-1].text.endswith("/")
    parts = _parts(following, text)
    if all(token.field and token.text in _OPTIONAL for token in parts[-1]):
        raise BadInput(f"output {text}: ends in a field that may be empty", "end it with {name}")
    return Template(base, parts, folder)


def fill(template: Template, fields: Mapping[str, str]) -> str:
    """Return the URL of the output for the values of the fields.

    A name that is too long for file systems is cut, and ends in digits that tell it from others.

    Args:
        template: the template.
        fields: the value of each field, without slashes except in ``path``.

    Raises:
        BadInput: a name cannot be used, or is too long for every store.
    """
    names: list[str] = []
    for part in template.parts:
        if part == (_Token("path", field=True),):
            names += filter(None, fields["path"].split("/"))
            continue
        name = _joined(part, fields)
        over = len(_bytes(name)) - LONGEST_NAME
        if over > 0:
            name = _joined(part, {**fields, "name": _cut(fields["name"], over)})
        names += [name] if name else []
    return place_below(template.base, "/".join(names), folder=template.folder)


def _bytes(name: str) -> bytes:
    try:
        return name.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise BadInput(f"{name!a}: is no name that a file can have", "rename it") from None


def place_below(base: Url, key: str, *, folder: bool = False) -> str:
    """Return the URL of a place below a folder.

    Raises:
        BadInput: the key leads out of it, or stores cannot hold it.
    """
    if not key:
        raise BadInput("the name is empty", "choose another")
    place = base.child(check_key(key, ascii(key[-60:])))
    above = base.key.rstrip("/")
    # What is written has to be read as the same place by whoever gets it.
    if parse(str(place)) != place or not place.key.startswith(f"{above}/" if above else ""):
        raise BadInput(f"{key[-60:]!a}: the name cannot be part of a URL", "rename it")
    return f"{place}/" if folder else str(place)


def makes(text: str, rule: str, styles: Sequence[str], place: Url) -> bool:
    """Return whether a place is, or is in, what a template gives for some object.

    Args:
        text: the template.
        rule: the rule's name.
        styles: names of its styles.
        place: the place.
    """
    template = parse_template(text)
    key = below(template.base, place)
    if key is None:
        return False
    keys = [key]
    if key.endswith(_REPORT):
        listed = key.removesuffix(_REPORT)
        keys = [listed + template.suffix, listed]
    shape = _shape(text, rule, tuple(styles))
    return any(shape.fullmatch(each) for each in keys)


def escaped(text: str) -> str:
    """Return text that a template holds as it is."""
    return text.replace("{", "{{").replace("}", "}}")


def below(base: Url, place: Url) -> str | None:
    """Return the key of a place below a folder, "" for the folder itself, or None if elsewhere.

    A URL that names no account may be in any.
    """
    mine = (base.scheme, base.container) == (place.scheme, place.container)
    same = not (base.account and place.account) or base.account == place.account
    key, above = place.key.rstrip("/"), base.key.rstrip("/")
    if not (mine and same) or not f"{key}/".startswith(f"{above}/" if above or base.local else ""):
        return None
    return key[len(above) :].lstrip("/")


def fields_of(
    key: str, version: str, style: str, rule: str, *, folder: bool = False
) -> dict[str, str]:
    """Return the values of all fields for an object.

    Args:
        key: the object, below the inbox.
        version: of the object.
        style: name of the style, or "".
        rule: the rule's name.
        folder: whether it is a folder, whose name has no suffix.
    """
    path, _, last = key.rpartition("/")
    name, suffix = (last, "") if folder else _split(last)
    digest = hashlib.sha256(version.encode(errors="surrogateescape")).hexdigest()
    return {
        "path": path,
        "name": name,
        "ext": suffix.removeprefix("."),
        "style": style,
        "sender": key.partition("/")[0] if path else "",
        "version": digest[:8],
        "rule": rule,
    }


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    try:
        pieces = list(Formatter().parse(text))
    except ValueError:
        raise BadInput(f"output {text}: has a brace of its own", "write {{ or }} for one") from None
    for literal, field, form, conversion in pieces:
        found += [_Token(literal)] if literal else []
        if field is None:
            continue
        if field not in FIELDS or form or conversion:
            likely = meant(field, FIELDS) or f"use one of {', '.join(FIELDS)}"
            raise BadInput(f"output {text}: unknown field {{{field}}}", likely)
        found.append(_Token(field, field=True))
    # Escaped braces split a text in two.
    merged: list[_Token] = []
    for token in found:
        if merged and not (token.field or merged[-1].field):
            merged[-1] = _Token(merged[-1].text + token.text)
        else:
            merged.append(token)
    return merged


def _parts(tokens: Sequence[_Token], text: str) -> tuple[tuple[_Token, ...], ...]:
    parts: list[list[_Token]] = [[]]
    for token in tokens:
        if token.field:
            parts[-1].append(token)
            continue
        first, *others = token.text.split("/")
        parts[-1] += [_Token(first)] if first else []
        parts += [[_Token(each)] if each else [] for each in others]
    if not parts[-1]:
        parts.pop()
    fixed = ["".join(token.text for token in part if not token.field) for part in parts]
    for part, literal in zip(parts, fixed, strict=True):
        if not part or part[0].text in {".", ".."}:
            raise BadInput(f"output {text}: has an empty, '.' or '..' part", "leave it out")
        if _Token("path", field=True) in part and len(part) > 1:
            raise BadInput(f"output {text}: {{path}} is folders", "put slashes around it")
        check_key(literal, f"output {text}")
    return tuple(map(tuple, parts))


@cache
def _shape(text: str, rule: str, styles: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern of all keys that a template gives, and of what is in them."""
    shapes = _SHAPES | {"rule": re.escape(rule), "style": f"(?:{'|'.join(map(re.escape, styles))})"}
    template = parse_template(text)
    pattern = ""
    for n, part in enumerate(template.parts):
        if part == (_Token("path", field=True),):
            pattern += "(?:[^/]+/)*"
            continue
        own = "".join(shapes[each.text] if each.field else re.escape(each.text) for each in part)
        optional = all(token.field and token.text in _OPTIONAL for token in part)
        # A path before it may also be empty.
        last = n == len(template.parts) - 1
        pattern += own if last else f"(?:{own}/)?" if optional else f"{own}/"
    return re.compile(rf"{pattern}(?:/.*)?", re.DOTALL)


def _joined(part: Sequence[_Token], fields: Mapping[str, str]) -> str:
    return "".join(fields[token.text] if token.field else token.text for token in part)


def _cut(name: str, over: int) -> str:
    """Cut a name by some bytes, and give it an end of its own."""
    data = name.encode(errors="surrogateescape")
    mark = f"~{hashlib.sha256(data).hexdigest()[:8]}"
    return data[: max(0, len(data) - over - len(mark))].decode(errors="ignore") + mark


def _split(name: str) -> tuple[str, str]:
    """Split a name before its suffix."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem.strip(".") and suffix else (name, "")


def _written(token: _Token) -> str:
    return f"{{{token.text}}}" if token.field else escaped(token.text)
