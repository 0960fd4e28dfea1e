"""Where a job's source and output are, and whether what is there is what the job read and made.

Only what a job names is ever opened. Others may write beside it: on this machine, no link is
followed below the places that the job's tenant may use.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Changed, Missing
from impasto.media.formats import is_image
from impasto.outputs.delivery.digest import file_names
from impasto.planning.template import below
from impasto.schema.url import normal, parse
from impasto.server.content import Content, of_object, open_content
from impasto.server.problems import Refused, unknown
from impasto.storage.content import LARGE, is_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from impasto.schema.outcome import Done, Result
    from impasto.schema.plan import Plan
    from impasto.schema.url import Url
    from impasto.server.context import Context
    from impasto.server.planned import Planned

FOLDERS = {"folder", "arrays", "files"}
"""Outputs that are folders."""


def result(context: Context, planned: Planned) -> Content:
    """Open the one file that a job has made, also as far as an incomplete one has left it.

    Raises:
        Refused: there is none.
        Changed: something else is there by now.
        Unavailable: its store does not answer.
    """
    if planned.plan.output in FOLDERS:
        raise Refused(404, f"job {planned.job.id}: its output is a folder", "see its files")
    made = planned.job.result()
    place = output(context, planned, made)
    content = _opened(context, planned, place)
    if not _is_result(planned, place, made, content):
        content.close()
        if made is None:
            raise unknown(f"the result of job {planned.job.id}")
        raise Changed(f"{place}: is no longer what job {made.job} made", "run the job again")
    return content


def source(context: Context, planned: Planned) -> Content:
    """Open a job's source, if that is one video or image.

    Raises:
        Refused: it is something else, or is gone.
        Changed: it is another version by now.
        Unavailable: its store does not answer.
    """
    place = context.stores.locate(planned.spec.source)
    if not is_one(planned.plan, place):
        raise Refused(
            404, f"job {planned.job.id}: its source is not one video or image", "see its items"
        )
    content = _opened(context, planned, place)
    if not _is_source(planned.plan, place, content):
        content.close()
        raise Changed(f"{place}: has changed since the job began", "submit it again")
    return content


def is_one(plan: Plan, place: Url) -> bool:
    """Return whether a source is one video or image, by its plan and its place."""
    return plan.source == "video" or (
        plan.source == "images" and plan.count == 1 and is_image(place.name)
    )


def files(context: Context, planned: Planned, done: Iterable[Done]) -> Mapping[str, str]:
    """Name the files of an output that is a folder, in order; with their keys within the job.

    Raises:
        Refused: the output is no folder.
    """
    if planned.plan.output not in FOLDERS:
        raise Refused(404, f"job {planned.job.id}: its output is no folder", "see its result")
    return dict(sorted((name, key) for key, name in file_names([*done]).items()))


def file(context: Context, planned: Planned, name: str, key: str) -> Content:
    """Open a file of an output that is a folder.

    Args:
        context: the service's.
        planned: the job.
        name: the file's name in the output.
        key: its key within the job, where it is until it is delivered.

    Raises:
        Refused: it is gone.
        Unavailable: its store does not answer.
    """
    job, made = planned.job, planned.job.result()
    if made is None:
        try:
            return replace(of_object(job.home, f"jobs/{job.id}/{key}"), name=name)
        except Missing:
            raise unknown(f"{name} of job {job.id}") from None
    return _opened(context, planned, output(context, planned, made).child(name))


def root_of(context: Context, planned: Planned, place: Url) -> Url:
    """Return the folder below which a place must be without following a link."""
    tenant = planned.spec.tenant
    scope = context.serve.tenants.get(tenant) if tenant else context.serve
    given = (*scope.read, *scope.write) if scope else ()
    around = [base for each in given if below(base := parse(normal(each)), place)]
    widest = min(around, key=lambda base: len(base.key), default=place.parent)
    return context.stores.locate(widest)


def _opened(context: Context, planned: Planned, place: Url) -> Content:
    root = root_of(context, planned, place) if place.local else place.parent
    key = below(root, place) or place.name
    try:
        return open_content(context.stores, root, key)
    except BadInput as error:
        # A link, or a folder in its place: nothing is said about where it leads.
        raise unknown(str(place)) from error


def output(context: Context, planned: Planned, made: Result | None) -> Url:
    """Return where a job's output is, or will be."""
    return context.stores.locate(made.output if made else planned.spec.output)


def _is_result(planned: Planned, place: Url, made: Result | None, content: Content) -> bool:
    """Return whether what is at a job's output is what the job put there."""
    noted = planned.job.notes.delivery(str(place))
    if place.local:
        # A digest of each file for each of its ranges would take far too long.
        if made:
            return content.size == made.bytes
        return bool(noted and noted.partial and noted.fingerprint.startswith(f"{content.size}-"))
    return bool(noted and noted.fingerprint == content.version)


def _is_source(plan: Plan, place: Url, content: Content) -> bool:
    if not plan.etag:
        return True
    return is_version(place.path, plan.etag, LARGE) if place.local else plan.etag == content.version
