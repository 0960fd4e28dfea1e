"""Decisions about what a job reads its source as, and what it makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.media import formats
from impasto.media.codecs import check_asked
from impasto.media.formats import FAMILIES
from impasto.schema.job import Items, JobSpec
from impasto.schema.plan import OutputKind
from impasto.tables.formats import ARRAYS, RECORDS, TABLES, is_table

if TYPE_CHECKING:
    from impasto.schema.kinds import SourceKind

_REMEDIES = {
    "pictures": "a video, an image or a folder",
    "records": ", ".join(RECORDS),
    "arrays": "a folder with `frames=npy`",
    "files": "a folder",
}


def decide_items(spec: JobSpec, takes: Sequence[Items]) -> Items:
    """Decide what a source is read as: what is asked for, else what it and the scorer suggest.

    For a scorer that takes rows, a table is its rows; for any other, it names what to score.

    Args:
        spec: the job.
        takes: what its scorer can score, the most common first.

    Raises:
        BadInput: the scorer does not take such items.
    """
    others = [items for items in takes if items != "rows"]
    table = is_table(PurePath(spec.source).name)
    items = spec.items or ("rows" if "rows" in takes and (table or not others) else others[0])
    if items not in takes:
        raise BadInput(f"scorer {spec.scorer}: does not take {items}", f"choose {', '.join(takes)}")
    if items == "rows" and not table:
        raise BadInput(f"{spec.source}: is not a table", f"rows come from {', '.join(TABLES)}")
    return items


def decide_output(
    spec: JobSpec, source: SourceKind, gives: Sequence[str], *, is_folder: bool
) -> OutputKind:
    """Decide what to make, from what the source is and how the output is named.

    Args:
        spec: the job.
        source: what the source is.
        gives: what the scorer can make: pictures, records, arrays, files.
        is_folder: whether a folder is at the output already.

    Raises:
        BadInput: that source or scorer cannot produce that output, or the options contradict each
            other.
    """
    suffix = PurePath(spec.output).suffix.lower()
    folder = is_folder or not suffix or spec.output.endswith("/")
    if spec.fps is not None and (source == "video" or suffix not in FAMILIES):
        raise BadInput(f"{spec.source}: `fps` is for videos made from images", "leave it out")
    if suffix in RECORDS and not spec.frames and (is_folder or spec.output.endswith("/")):
        raise BadInput(
            f"{spec.output}: is a folder, but is named like a file of records", "rename it"
        )
    if suffix in RECORDS and spec.frames:
        raise BadInput(f"{spec.output}: is a file of records", "`frames` needs a folder")
    if suffix in RECORDS:
        made: OutputKind = "records"
    elif spec.frames in ARRAYS:
        made = _arrays_kind(spec, suffix)
    elif source in {"files", "table"}:
        made = _files_kind(spec, source, gives, folder=folder)
    else:
        made = _picture_kind(spec, source, suffix, gives, is_folder=is_folder)
    _check_given(spec, made, gives)
    check_asked(spec, video=made == "video")
    return made


def _check_given(spec: JobSpec, made: OutputKind, gives: Sequence[str]) -> None:
    """Refuse an output of a kind that the scorer does not make."""
    needed = made if made in {"records", "arrays", "files"} else "pictures"
    if needed in gives:
        return
    choices = [_REMEDIES[each] for each in gives]
    raise BadInput(
        f"{spec.output}: scorer {spec.scorer} does not make {needed}",
        f"choose {' or '.join(choices)}",
    )


def _arrays_kind(spec: JobSpec, suffix: str) -> OutputKind:
    """Return what becomes of items whose arrays are wanted."""
    if suffix in {*FAMILIES, *formats.WRITABLE}:
        raise BadInput(
            f"{spec.output}: is named like a file, but arrays need a folder", "name a folder"
        )
    return "arrays"


def _files_kind(
    spec: JobSpec, source: SourceKind, gives: Sequence[str], *, folder: bool
) -> OutputKind:
    """Return what becomes of files or rows when the output is not a file of records."""
    if source == "table":
        choices = ", ".join(RECORDS)
        arrays = " or, for arrays, a folder with `frames=npy`" if "arrays" in gives else ""
        raise BadInput(f"{spec.output}: rows become records", f"choose {choices}{arrays}")
    if not folder or spec.frames:
        raise BadInput(
            f"{spec.output}: files cannot become pictures",
            _choice(gives, files=("a folder",)),
        )
    return "files"


def _choice(gives: Sequence[str], **others: Sequence[str]) -> str:
    """Advise what to make instead, of all that the scorer makes.

    Args:
        gives: what it makes.
        others: names of outputs besides records, by what they hold.
    """
    named = {"records": RECORDS, **others}
    names = [name for each in sorted(gives) for name in named.get(each, ())]
    if len(names) < 2:
        return f"choose {names[0]}" if names else "choose another scorer"
    return f"choose {', '.join(names[:-1])} or {names[-1]}"


def _picture_kind(
    spec: JobSpec, source: SourceKind, suffix: str, gives: Sequence[str], *, is_folder: bool
) -> OutputKind:
    """Return what becomes of pictures when the output is not a file of records."""
    named = suffix in FAMILIES or suffix in formats.WRITABLE
    if named and (is_folder or spec.frames or spec.output.endswith("/")):
        raise BadInput(
            f"{spec.output}: is named like a file, but images need a folder", "rename it"
        )
    if source == "image" and suffix in formats.WRITABLE:
        return "image"
    if is_folder or spec.frames or not suffix or spec.output.endswith("/"):
        return "folder"
    if source != "image" and suffix in FAMILIES:
        return "video"
    if source == "video" and suffix in formats.WRITABLE:
        if spec.source.lower().endswith(formats.STILLS):
            kind = PurePath(spec.source).suffix
            raise BadInput(
                f"{spec.source}: pictures of the kind {kind} are not read",
                "convert it to PNG, TIFF or JPEG",
            )
        start = float(spec.start or 0)
        raise BadInput(
            f"{spec.output}: a video cannot become a single image",
            "for stills, name a folder as output, and a short range: `frames=png` "
            f"`start={start:g}` `end={start + 0.1:g}`",
        )
    kinds = formats.WRITABLE if source == "image" else FAMILIES
    what = {"image": "an image", "folder": "a folder of images", "video": "a video"}[source]
    raise BadInput(
        f"{spec.output}: {what} cannot become {suffix}",
        _choice(gives, pictures=(*kinds, "a folder")),
    )
