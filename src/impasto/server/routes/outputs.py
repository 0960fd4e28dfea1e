"""What a job has made, and the video or image that it read, as files."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from impasto.server import places
from impasto.server.access.guard import Viewer
from impasto.server.context import Here
from impasto.server.models.items import OutputFile, OutputFiles
from impasto.server.problems import Refused, unknown
from impasto.server.sending import send
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from impasto.server.content import Content

router = APIRouter(tags=["outputs"])

Download = Annotated[bool, Query(description="Whether a browser is to save it.")]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "the file"},
    206: {"content": {"application/octet-stream": {}}, "description": "a range of it"},
    416: {"description": "the range is not in the file"},
}


@router.head("/jobs/{job}/result", include_in_schema=False)
@router.get("/jobs/{job}/result", responses=_FILE, response_class=Response)
def result(
    job: str, request: Request, caller: Viewer, context: Here, download: Download = False
) -> Response:
    """Return the file that the job has made, or a range of it."""
    planned = context.planned(caller, job)
    return send(request, places.result(context, planned), caller, context.limits, download=download)


@router.head("/jobs/{job}/source", include_in_schema=False)
@router.get("/jobs/{job}/source", responses=_FILE, response_class=Response)
def source(
    job: str, request: Request, caller: Viewer, context: Here, download: Download = False
) -> Response:
    """Return the video or image that the job reads, or a range of it."""
    planned = context.planned(caller, job)
    return send(request, places.source(context, planned), caller, context.limits, download=download)


@router.get("/jobs/{job}/files")
def files(
    job: str,
    caller: Viewer,
    context: Here,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
    cursor: Annotated[str, Query(max_length=1100)] = "",
) -> OutputFiles:
    """List the files of an output that is a folder, as far as they are made."""
    planned = context.planned(caller, job)
    named = places.files(context, planned, context.plans.done(planned))
    names = [*named]
    begin = bisect_right(names, cursor) if cursor else 0
    shown = names[begin : begin + limit]

    def size(name: str) -> int | None:
        try:
            content: Content = places.file(context, planned, name, named[name])
        except Refused:
            # It was removed, or is a link by now.
            return None
        content.close()
        return content.size

    sizes = in_order(size, shown, MANY)
    found = [
        OutputFile(name=name, bytes=known)
        for name, known in zip(shown, sizes, strict=True)
        if known is not None
    ]
    more = begin + limit < len(names)
    return OutputFiles(files=found, next=shown[-1] if more else "")


@router.head("/jobs/{job}/files/{name:path}", include_in_schema=False)
@router.get("/jobs/{job}/files/{name:path}", responses=_FILE, response_class=Response)
def file(
    job: str,
    name: str,
    request: Request,
    caller: Viewer,
    context: Here,
    download: Download = False,
) -> Response:
    """Return one file of an output that is a folder, or a range of it."""
    planned = context.planned(caller, job)
    named = places.files(context, planned, context.plans.done(planned))
    if name not in named:
        raise unknown(f"{name[:200]} of job {job}")
    content = places.file(context, planned, name, named[name])
    return send(request, content, caller, context.limits, download=download)
