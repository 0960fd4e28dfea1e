"""The jobs that one command names: one for each of its sources in each of its styles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from impasto.driver.open_job import open_draft
from impasto.driver.sets.found import Found, find_sources
from impasto.errors import BadInput
from impasto.media import images
from impasto.media.codecs import suffix_for
from impasto.media.formats import FAMILIES, WRITABLE
from impasto.planning.template import (
    OF_COMMANDS,
    Template,
    escaped,
    fields_of,
    fill,
    place_below,
    read_template,
)
from impasto.schema.signatures import Signatures
from impasto.scorers import registry
from impasto.scorers.detection.trained import known_task
from impasto.scorers.onnx.params import OnnxParams
from impasto.scorers.params import Role
from impasto.storage.local import is_folder
from impasto.tables.formats import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from impasto.driver.open_job import OpenJob
    from impasto.schema.job import JobSpec, VideoCodec
    from impasto.settings import Settings
    from impasto.storage.stores import Stores

FIELD = re.compile(r"(?:\{|%7B)(?:path|name|ext|style)(?:\}|%7D)")
"""What makes an output a template; URLs of HTTPS are kept with their characters quoted."""


@dataclass(frozen=True, slots=True)
class Member:
    """A job of a set.

    Attributes:
        spec: what to do.
        source: its source, as people tell it from the others.
        style: the name of its style, where there are several.
    """

    spec: JobSpec
    source: str
    style: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.source} ({self.style})" if self.style else self.source


@dataclass(frozen=True, slots=True)
class JobSet:
    """The jobs that a command names.

    Attributes:
        members: the jobs, in order.
        notes: what the user should know about them, one line each.
        several: whether they are named as a set; False for the one job of an ordinary command.
    """

    members: tuple[Member, ...]
    notes: tuple[str, ...] = ()
    several: bool = True


class Styles(NamedTuple):
    """The pictures that a parameter is given, one for each job of a source.

    Attributes:
        param: the scorer's parameter.
        pictures: paths or URLs; empty where the spec holds the only one.
    """

    param: str = ""
    pictures: Sequence[str] = ()


ONE = Styles()
"""The style of the spec, or none."""


def name_jobs(
    spec: JobSpec, sources: Sequence[str], stores: Stores, styles: Styles = ONE
) -> JobSet:
    """Name the jobs of a command.

    Args:
        spec: what they have in common; its output is one, a folder for all, or a template.
        sources: what the command names: videos, images, tables or files; folders, patterns and
            manifests of them.
        stores: what may be opened.
        styles: the styles, where there are several.

    Returns:
        The jobs. No two have one output, and none reads what another one makes.

    Raises:
        BadInput: something is not there, or outputs could not be told apart.
        Unavailable: a store does not answer.
    """
    spec = _signed(spec)
    found, notes = find_sources(spec, sources, stores)
    template = _template(spec, stores)
    outputs = len(found) * max(1, len(styles.pictures))
    many = len(sources) > 1 or any(each.text != sources[0] for each in found)
    if outputs == 1 and not template and not (many and _is_folder(spec, stores)):
        only = spec.model_copy(update={"source": found[0].text})
        return JobSet((Member(only, found[0].key),), tuple(notes), several=False)
    naming = _Naming(spec, stores, template, styles)
    naming.check(outputs)
    made = naming.members(found)
    return JobSet(*_apart(made, notes, stores))


def check(named: JobSet, settings: Settings) -> None:
    """Refuse, before any job begins, what would make all of them fail.

    Raises:
        BadInput: a style is no picture, the scorer, its parameters or its files are wrong, or it
            makes no videos.
        Unavailable: a store does not answer.
    """
    first = open_draft(named.members[0].spec, settings)
    if first.makes in {"video", "image", "folder"} and isinstance(first.params, OnnxParams):
        _check_makes(first, first.params)
    params = {str(each.spec.params): each.spec.params for each in named.members}
    for own in params.values():
        for file in first.entry.files(own, Role.PICTURE):
            images.size(first.stores.read(file.url), f"`{file.name}={file.url}`")


def _check_makes(first: OpenJob, params: OnnxParams) -> None:
    """Refuse pictures as the outputs of a detector, which would be found out in each job anew."""
    if params.draw or not known_task(first.stores.read(params.model), params.task):
        return
    raise BadInput(
        f"{PurePosixPath(params.model).name}: makes a record for each object, and no pictures",
        "write a template such as 'found/{name}.jsonl', or set `draw` to paint what it finds",
    )


@dataclass(frozen=True, slots=True)
class _Naming:
    """How the outputs of a command are named."""

    spec: JobSpec
    stores: Stores
    template: Template | None
    styles: Styles

    def check(self, outputs: int) -> None:
        """Raise BadInput if the output cannot be that of several jobs."""
        output, several = self.spec.output, len(self.styles.pictures) > 1
        self._check_styles()
        if self.template:
            if several and "style" not in self.template.fields:
                raise BadInput(f"{output}: is the same for all styles", "add {style} to it")
            if "style" in self.template.fields and not (several or self._style):
                raise BadInput(f"{output}: there is no style", "leave {style} out")
            return
        suffix = PurePosixPath(output).suffix or ".mp4"
        example = f"'out/{{name}}{'-{style}' if several else ''}{suffix}'"
        records = suffix.lower() in RECORDS
        if not _is_folder(self.spec, self.stores):
            or_folder = "" if several or records else "a folder, or "
            raise BadInput(
                f"{output}: is one file, but {outputs:,} outputs result",
                f"write {or_folder}a template such as {example}",
            )
        if several:
            raise BadInput(
                f"{output}: is the same for all styles", f"write a template such as {example}"
            )

    def _check_styles(self) -> None:
        """Refuse styles of one name, by which outputs could not be told apart."""
        named: dict[str, str] = {}
        for picture in self.styles.pictures:
            name = _stem(picture).casefold()
            if name in named:
                twice = named[name] == picture
                raise BadInput(
                    f"`{self.styles.param}={picture}`: "
                    + ("is given twice" if twice else f"has the name of {named[name]}"),
                    "leave one out" if twice else "rename one of them",
                )
            named[name] = picture

    def members(self, found: Iterable[Found]) -> list[tuple[Found, Member]]:
        """Return the job of each source in each style."""
        pictures = self.styles.pictures
        if not pictures:
            return [(each, self._member(each, self._style, "")) for each in found]
        return [
            (each, self._member(each, _stem(picture), picture))
            for each in found
            for picture in pictures
        ]

    @property
    def _style(self) -> str:
        """The name of the only style, or ""."""
        given = self.spec.params.get(self.styles.param)
        return _stem(given) if isinstance(given, str) else ""

    def _member(self, found: Found, style: str, picture: str) -> Member:
        own = self.spec.params | ({self.styles.param: picture} if picture else {})
        update = {"source": found.text, "params": own, "output": self._output(found, style)}
        spec = self.spec.model_copy(update=update)
        if query := found.place.signature:
            # It came with the pattern, which is not above what the pattern names.
            spec = spec.signed(spec.signatures | Signatures({str(found.place): query}))
        return Member(spec, found.key, style if picture else "")

    def _output(self, found: Found, style: str) -> str:
        folder = found.kind == "folder"
        fields = fields_of(found.key, "", style, "", folder=folder)
        if self.template:
            return fill(self.template, fields)
        makes = "files" if found.kind == "files" else "pictures"
        if found.kind == "list" or makes not in registry.find(self.spec.scorer).gives:
            raise BadInput(
                f"{self.spec.output}: is a folder, which does not say what to make of {found.key}",
                "write a template such as 'out/{name}.jsonl'",
            )
        frames = found.kind == "video" and self.spec.frames is not None
        makes_folder = folder or frames or makes == "files"
        name = fields["name"] + ("" if makes_folder else _suffix(found, self.spec.codec))
        key = f"{fields['path']}/{name}".lstrip("/")
        base = self.stores.locate(self.spec.output)
        return place_below(base, key, folder=makes_folder)


def _suffix(found: Found, codec: VideoCodec) -> str:
    """Return the suffix of an output: its source's own, if that can be written so."""
    suffix = PurePosixPath(found.key).suffix
    if found.kind == "image":
        return suffix if suffix.lower() in WRITABLE else ".png"
    return suffix_for(suffix if suffix.lower() in FAMILIES else ".mkv", codec)


def _template(spec: JobSpec, stores: Stores) -> Template | None:
    """Return the template that an output is; None if it is none."""
    output = spec.output
    if not FIELD.search(output):
        return None
    if "://" not in output and not output.startswith("/"):
        output = f"{escaped(str(Path.cwd()))}/{output}"
    elif output.startswith("https://"):
        above = _above(output)
        output = above + unquote(output.removeprefix(above))
    template = read_template(output)
    if foreign := sorted(template.fields.difference(OF_COMMANDS)):
        raise BadInput(
            f"{spec.output}: {{{foreign[0]}}} is for the rules of `impasto watch`",
            f"use {', '.join(f'{{{name}}}' for name in OF_COMMANDS)}",
        )
    return template


def _signed(spec: JobSpec) -> JobSpec:
    """Return a spec of which a signature of the output holds for all that a template names."""
    query = spec.signatures.reveal().get(spec.output.rstrip("/"))
    if not query or not FIELD.search(spec.output):
        return spec
    return spec.signed(spec.signatures | Signatures({_above(spec.output): query}))


def _above(template: str) -> str:
    """Return the URL of the folder before a template's first field."""
    return FIELD.split(template)[0].rpartition("/")[0]


def _is_folder(spec: JobSpec, stores: Stores) -> bool:
    """Return whether an output names a folder, or is one."""
    place = stores.locate(spec.output)
    there = place.local and is_folder(place.path)
    return there or spec.output.endswith("/") or not PurePosixPath(spec.output).suffix


def _stem(picture: str) -> str:
    return PurePosixPath(picture).stem


def _apart(
    made: Sequence[tuple[Found, Member]], notes: Sequence[str], stores: Stores
) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """Leave out sources that are outputs of the others; raises BadInput if outputs collide."""
    outputs: dict[str, Member] = {}
    for found, member in made:
        place = stores.locate(member.spec.output)
        if place == found.place:
            raise BadInput(
                f"{member.spec.output}: is also what the job reads", "choose another output"
            )
        other = outputs.setdefault(str(place).casefold(), member)
        if other is not member:
            raise BadInput(
                f"{member.spec.output}: would be made of {other.name} and of {member.name}",
                "tell them apart in the output by {path}, {name}, {ext} and {style}",
            )
    kept = [member for found, member in made if str(found.place).casefold() not in outputs]
    if not kept:
        raise BadInput(
            f"{made[0][1].spec.output}: all sources are outputs", "choose another output"
        )
    left = dict.fromkeys(found.key for found, _ in made if str(found.place).casefold() in outputs)
    said = f"{len(left):,} left out, made by this command itself ({', '.join(left)})"
    return tuple(kept), (*notes, said) if left else tuple(notes)
