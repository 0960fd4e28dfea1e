"""What a job leaves beside its output: a list of what failed, and of an incomplete job the rest.

An incomplete job writes the records, pictures or files of the items that are done to its output,
and notes that this is its own, so that the run that completes it replaces it. A film with other
pictures in between would look finished, so none is written.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Exists, ImpastoError, Incomplete
from impasto.outputs.delivery.base import ANY_SUFFIX
from impasto.outputs.delivery.open import open_delivery
from impasto.schema.item_names import ItemNames
from impasto.storage.local import mapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.driver.ledger import Ledger
    from impasto.driver.open_job import OpenJob
    from impasto.driver.tolerance import Excess
    from impasto.outputs.delivery.base import Delivery
    from impasto.schema.outcome import Done
    from impasto.schema.plan import Shard
    from impasto.schema.url import Url

WHOLE = {"video", "image"}
"""Outputs that are one thing, of which no part is written."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What an incomplete job has left.

    Attributes:
        written: items in the partial output.
        output: where that is, or "".
        report: where the failed items are listed, or "".
        obstacle: why one of the two, or both, could not be written, or "".
    """

    written: int = 0
    output: str = ""
    report: str = ""
    obstacle: str = ""


def leave(opened: OpenJob, ledger: Ledger) -> Leftovers:
    """Write what an incomplete job has; an output of an earlier run that was complete stays."""
    if opened.job.result() is not None:
        return Leftovers()
    obstacles: list[str] = []
    report, output = "", ""
    with _noted(obstacles, "what failed is not listed beside it: "):
        report = settle_report(opened, ledger)
    good = sum(record.items - len(record.failed) for record in ledger.records)
    with _noted(obstacles):
        if good and ledger.plan.output not in WHOLE:
            _deliver(opened, ledger)
            output = opened.spec.output
    return Leftovers(good if output else 0, output, report, "; ".join(obstacles))


@contextmanager
def _noted(obstacles: list[str], what: str = "") -> Iterator[None]:
    """Note why the block could not write something; that the job is incomplete matters more."""
    try:
        yield
    except ImpastoError as error:
        obstacles.append(f"{what}{error.fact}")


def too_many(opened: OpenJob, ledger: Ledger, why: Excess) -> Incomplete:
    """Leave what a job has of which more failed than the user allows; return the error to raise."""
    left = leave(opened, ledger)
    job, of = opened.job.id, f"of {ledger.total:,} {ledger.plan.noun}"
    see = f", see {_name(left.report)}" if left.report else ""
    if left.output:
        fact = f"{left.written:,} {of} written to {_name(left.output)}; {why.failed:,} failed{see}"
    else:
        fact = f"{why.failed:,} {of} failed{see}"
    fact += f"; {left.obstacle}" if left.obstacle else ""
    fact += f"; {ledger.open_items:,} are still open" if ledger.open_items else ""
    them = "them" if why.failed > 1 else "it"
    remedy = f"`impasto retry {job}` tries {them} again, {why.accepts} accepts {them}"
    if ledger.plan.output not in {"records", "arrays", "files"}:
        remedy += " with the source's picture"
    if ledger.open_items:
        remedy += f", `impasto resume {job}` goes on with the open ones"
    return Incomplete(
        f"job {job}: {fact}",
        remedy,
        job=job,
        output=left.output,
        report=left.report,
        failed=why.failed,
        aside=why.first,
    )


def with_leftovers(opened: OpenJob, ledger: Ledger, error: Incomplete) -> Incomplete:
    """Leave what an incomplete job has; return its error with where that is."""
    left = leave(opened, ledger)
    fact = error.fact
    if left.output:
        fact += f"; {left.written:,} {ledger.plan.noun} written to {_name(left.output)}"
    if left.report:
        fact += f"; {_name(left.report)} lists what failed"
    fact += f"; {left.obstacle}" if left.obstacle else ""
    return Incomplete(
        fact,
        error.remedy,
        job=error.job,
        output=left.output,
        report=left.report,
        failed=ledger.tally.failed,
    )


def _name(place: str) -> str:
    """Return the name of a file or folder: the user has just said, or can be shown, where it is."""
    return PurePath(place).name or place


def settle_report(opened: OpenJob, ledger: Ledger) -> str:
    """List the failed items beside the output; without any, remove an earlier list.

    Returns:
        Where the list is; "" if nothing failed, or nobody could tell it from another's file there.

    Raises:
        BadInput: another's file is there, or it cannot be written.
        Unavailable: the place does not answer, or is full.
    """
    lines = [*_lines(ledger)]
    places = _report_places(opened)
    for place in places:
        delivery = open_delivery(opened.stores, opened.job, place)
        if not lines:
            delivery.withdraw()
            if opened.spec.overwrite:
                _remove_stale(place)
            continue
        if not delivery.visible():
            break
        try:
            _write(delivery, "".join(lines), overwrite=opened.spec.overwrite)
        except Exists:
            if place == places[-1]:
                raise
            continue
        return str(place)
    return ""


def _write(delivery: Delivery, text: str, *, overwrite: bool) -> None:
    delivery.check(ANY_SUFFIX if overwrite else None, folder=False)
    with delivery.file(overwrite=overwrite, partial=True) as path, mapped(str(path)):
        path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _remove_stale(place: Url) -> None:
    """Remove the list that another job has left beside an output that has been replaced."""
    if not place.local or not place.path.is_file():
        return
    with mapped(str(place.path)), suppress(ValueError):
        found = [json.loads(line) for line in place.path.read_text("utf-8").splitlines()]
        known = {"item", "reason", "attempts"}
        if found and all(isinstance(line, dict) and known <= line.keys() for line in found):
            place.path.unlink()


def _report_places(opened: OpenJob) -> list[Url]:
    """Return where failed items may be listed, the preferred first.

    `NAME.csv` and `NAME.parquet` of two jobs share `NAME.failed.jsonl`; the second of them to fail
    has its whole name in the list's. None where the list would be read as an item.
    """
    output = opened.output
    if opened.source.kind == "files" and opened.source.base == output.parent:
        return []
    stem = output.name if opened.makes_folder else PurePath(output.name).stem
    stems = dict.fromkeys(name for name in (stem, output.name) if name)
    places = [output.parent.child(f"{name}.failed.jsonl") for name in stems]
    # A job that has a list replaces that, and leaves no second one.
    return sorted(places, key=lambda place: opened.job.notes.delivery(str(place)) is None)


def _lines(ledger: Ledger) -> Iterator[str]:
    """Yield a line of JSON for each failed item: of done shards, and of those that never end."""
    names = ItemNames.of(ledger.plan)
    for shard, error in ledger.failed_items:
        line: dict[str, object] = {
            "item": shard.names[error.item - shard.start] if shard.names else error.item
        }
        line |= names.facts(shard, error.item)
        line |= {"name": error.key or names.name(shard, error.item)}
        line |= {"reason": error.error, "attempts": error.attempts}
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _deliver(opened: OpenJob, ledger: Ledger) -> None:
    """Write the items that are done to the output.

    Raises:
        BadInput: something is there that must stay, or later runs could not tell whose it is.
        Unavailable: the place does not answer, or is full.
    """
    from impasto.outputs.open import write

    delivery, plan, job = opened.delivery, ledger.plan, opened.job
    overwrite = opened.spec.overwrite
    if not delivery.visible():
        raise BadInput(f"nothing is written to {opened.spec.output}, which cannot be read back")
    if plan.output == "records":
        with delivery.file(overwrite=overwrite, partial=True) as path:
            source = (opened.stores, opened.source_url)
            write(path, *source, job, opened.spec, plan, ledger.records)
        return
    shards = {shard.index: shard for shard in plan.shards}
    good = [_good(record, shards[record.shard]) for record in ledger.records]
    with delivery.folder(good, overwrite=overwrite, partial=True):
        pass


def _good(record: Done, shard: Shard) -> Done:
    """Return a record without the source's pictures that stand in for failed ones."""
    if not shard.outputs:
        return record
    failed = {shard.outputs[error.item - shard.start] for error in record.failed}
    names = tuple(name for name in record.names if name not in failed)
    return record.model_copy(update={"names": names})
