"""Manifests: files that name what to score.

    .txt .lst         one URL or path per line; blank lines and those that begin with # do not count
    .csv .tsv         the column called url, path, image, file or name, else the first one. The
                      first record names the columns, unless its first field is named like a file
    .jsonl .ndjson    one string per line, or an object with one of these names

Paths are relative to the manifest's own folder. A manifest on this machine may name anything. One
in a store may have been written by others, so it may name only objects in its own container.
"""

from __future__ import annotations

import csv
import json
import posixpath
import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Missing
from impasto.schema.url import check_key, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.url import Url
    from impasto.storage.stores import Stores

SUFFIXES = (".txt", ".lst", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
NAMES = ("url", "path", "image", "file", "name")


def is_manifest(name: str) -> bool:
    """Return whether a file's name is that of a manifest."""
    return name.lower().endswith(SUFFIXES)


def read(stores: Stores, url: str | Url) -> list[Url]:
    """Return what a manifest names, in its order.

    Raises:
        Missing: nothing that it names exists.
        BadInput: there is no such manifest, it is malformed or empty, or a line names something
            twice or something it may not; the message says which line.
        Unavailable: its store does not answer.
    """
    place = stores.locate(url)
    home = None if place.local else stores.open_parent(place)[0].root
    seen: dict[Url, int] = {}
    first = ""
    for line, text in _entries(place, stores.read(place)):
        where = f"{place}: line {line}"
        named = _at_home(text, place, home, where) if home else _anywhere(text, place, where)
        if not named.name:
            raise BadInput(f"{where}: does not name a file or object", "give its full name")
        if named in seen:
            raise BadInput(f"{where}: names the same as line {seen[named]}", "remove one of them")
        seen[named] = line
        first = first or f"{place} line {line}: {text!r} is not a file"
    if seen and all(named.local and not named.path.exists() for named in seen):
        # A text that is no list is taken for one.
        suffix = PurePath(place.name).suffix.lower()
        raise Missing(first, f"a {suffix} is read as a list of paths")
    if not seen:
        raise BadInput(f"{place}: names no items", "write one URL or path per line")
    return list(seen)


def _entries(place: Url, data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the entries of a manifest, each after the number of its line."""
    suffix = PurePath(place.name).suffix.lower()
    if suffix == ".parquet":
        raise BadInput(f"{place}: is not a manifest", "write one as .txt, .csv or .jsonl")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{place}: line {line}: is not UTF-8", "save it as UTF-8") from None
    if suffix in {".csv", ".tsv"}:
        yield from _column(place, text, "\t" if suffix == ".tsv" else ",")
        return
    for number, content in enumerate(map(str.strip, text.split("\n")), 1):
        if suffix in {".txt", ".lst"}:
            if content and not content.startswith("#"):
                yield number, content
        elif content:
            yield number, _field(content, f"{place}: line {number}")


def _column(place: Url, text: str, delimiter: str) -> Iterator[tuple[int, str]]:
    rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    column, fresh = 0, True
    columns: list[str] = []
    try:
        for row in rows:
            if not row:
                continue
            names = [field.strip().lower() for field in row]
            known = [names.index(name) for name in NAMES if name in names] if fresh else []
            header = fresh and (bool(known) or not PurePath(row[0]).suffix)
            if header:
                columns = [] if known else names
            column, fresh = (known[0] if known else column), False
            if not header:
                if len(row) <= column or not row[column].strip():
                    raise BadInput(f"{place}: line {rows.line_num}: names no item", "correct it")
                if columns and not re.search(r"[/.]", row[column]):
                    raise BadInput(
                        f"{place}: has no column {' or '.join(NAMES)}, only {', '.join(columns)}",
                        "rename the one that names the items",
                    )
                yield rows.line_num, row[column].strip()
    except csv.Error as error:
        raise BadInput(f"{place}: line {rows.line_num}: {error}", "correct it") from None


def _field(line: str, where: str) -> str:
    try:
        value = json.loads(line)
    except ValueError:
        raise BadInput(f"{where}: is not JSON", "correct it") from None
    if isinstance(value, dict):
        value = next((value[name] for name in NAMES if name in value), None)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{where}: names no item", f"give a string, or one of {', '.join(NAMES)}")
    return value


def _anywhere(text: str, place: Url, where: str) -> Url:
    """Return what a manifest on this machine names."""
    _refuse_signature(text, where)
    if "://" in text or text.startswith(("~", "file:")):
        return _parsed(text, where)
    return _parsed(str(place.parent.path / text), where)


def _at_home(text: str, place: Url, home: tuple[str, str, str], where: str) -> Url:
    """Return what a manifest in a store names: an object of the same container.

    Args:
        text: the entry.
        place: the manifest.
        home: kind, endpoint and name of the container that the manifest is in.
        where: the line's name, for people.

    Raises:
        BadInput: the object is elsewhere, or has no proper name.
    """
    _refuse_signature(text, where)
    if "://" not in text:
        key = posixpath.normpath(posixpath.join(place.parent.key, text))
        if text.startswith("/") or key.startswith(".."):
            raise BadInput(f"{where}: leads out of its container", "name something inside it")
        return place.at(check_key(key, where))
    named = _parsed(text, where)
    own = (named.scheme, named.endpoint or home[1], named.container)
    if own != home:
        raise BadInput(
            f"{where}: is in another place", "name objects of the manifest's own container"
        )
    return place.at(named.key)


def _parsed(text: str, where: str) -> Url:
    try:
        return parse(text)
    except BadInput as error:
        raise BadInput(f"{where}: {error.fact}", error.remedy) from None


def _refuse_signature(text: str, where: str) -> None:
    if "?" in text and text.lower().startswith(("https://", "http://")):
        raise BadInput(
            f"{where}: has a signature", "leave it out and use a store that has a profile"
        )
