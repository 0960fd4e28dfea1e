"""Which objects suit a rule's scorer and output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.media.formats import SUFFIXES, VIDEOS, is_image, is_video
from impasto.planning.decide import decide_output
from impasto.tables.formats import TABLES, is_table

if TYPE_CHECKING:
    from impasto.planning.template import Template
    from impasto.schema.job import JobSpec
    from impasto.schema.kinds import SourceKind
    from impasto.scorers.entry import Entry
    from impasto.watch.written import Written


def patterns_of(written: Written, spec: JobSpec, entry: Entry, output: Template) -> tuple[str, ...]:
    """Return the patterns of a rule: its own, else all that can become its output.

    Args:
        written: the rule.
        spec: what it says about its jobs.
        entry: its scorer.
        output: its template.

    Raises:
        BadInput: nothing that it takes can become its output.
    """
    kinds = _kinds(spec, entry)
    wrong = {kind: _refusal(kind, spec, entry, output) for kind in kinds}
    if written.patterns is not None:
        taken = {kind for each in written.patterns if (kind := _kind(each, kinds))}
    else:
        taken = set(kinds)
    errors = [error for kind, error in wrong.items() if error and kind in taken]
    if errors and len(errors) == len(taken):
        raise errors[0]
    if written.patterns is not None:
        return written.patterns
    return tuple(
        f"**/*{suffix}" if suffix else "**"
        for kind, suffixes in kinds.items()
        if not wrong[kind]
        for suffix in suffixes
    )


def _kinds(spec: JobSpec, entry: Entry) -> dict[SourceKind, tuple[str, ...]]:
    """Return the kinds of sources that a scorer takes, each with the suffixes of its names."""
    items = [spec.items] if spec.items else entry.takes
    kinds: dict[SourceKind, tuple[str, ...]] = {}
    if "pictures" in items:
        kinds |= {"video": VIDEOS, "image": SUFFIXES}
    if "rows" in items:
        kinds["table"] = TABLES
    if "files" in items:
        kinds["files"] = ("",)
    return kinds


def _kind(pattern: str, kinds: dict[SourceKind, tuple[str, ...]]) -> SourceKind | None:
    """Return what the objects of a pattern are, judged by its suffix; None if that is open."""
    tests = {"video": is_video, "image": is_image, "table": is_table}
    return next((kind for kind in kinds if kind in tests and tests[kind](pattern)), None)


def _refusal(kind: SourceKind, spec: JobSpec, entry: Entry, output: Template) -> BadInput | None:
    """Return why a kind of source cannot become a rule's output, or None."""
    if output.parts[-1][-1].field and not output.folder:
        # The suffix is up to the object.
        return None
    name = f"output{output.suffix}" + ("/" if output.folder else "")
    try:
        decide_output(
            spec.model_copy(update={"source": "inbox", "output": name}),
            kind,
            entry.gives,
            is_folder=False,
        )
    except BadInput as error:
        return error
    return None
