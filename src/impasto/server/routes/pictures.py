"""Pictures of single items: those that workers leave while they score, and any other on demand."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from impasto.jobs.keys import Which, preview_key, previewed
from impasto.media.formats import is_image
from impasto.server import places
from impasto.server.access.guard import Viewer
from impasto.server.context import Here
from impasto.server.models.items import SHOWN, PreviewList, PreviewPair
from impasto.server.problems import Refused, unknown

if TYPE_CHECKING:
    from impasto.schema.plan import Shard
    from impasto.server.context import Context
    from impasto.server.planned import Planned

router = APIRouter(tags=["pictures"])

Item = Annotated[int, Path(ge=0, le=1 << 53)]
JPEG = "image/jpeg"
SEE = "see the job's files"
LATER = "ask again when its shard is done"
LARGEST = 4 << 20
"""Bytes of the largest preview that is sent."""
_BEGIN, _END = b"\xff\xd8\xff", b"\xff\xd9"
"""What a JPEG file begins and ends with."""
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {JPEG: {}}, "description": "the picture"}
}


@router.get("/jobs/{job}/previews")
def previews(job: str, caller: Viewer, context: Here) -> PreviewList:
    """List the items whose source and result can be shown at once."""
    found, _ = context.job(caller, job)
    listed = [previewed(key) for key, _ in found.folder.list_all("previews")]
    whole = {item for item, which in filter(None, listed) if which == "source"} & {
        item for item, which in filter(None, listed) if which == "scored"
    }
    return PreviewList(pairs=[PreviewPair(item=item) for item in sorted(whole)[:SHOWN]])


@router.get("/jobs/{job}/previews/{item}/{which}.jpg", responses=_PICTURE, response_class=Response)
def preview(
    job: str, item: Item, which: Which, request: Request, caller: Viewer, context: Here
) -> Response:
    """Return a picture that a worker left while it scored."""
    found, _ = context.job(caller, job)
    key = preview_key(item, which)
    stat = found.folder.stat(key)
    if stat is None:
        raise unknown(f"preview {item} of job {job}")
    if stat.size > LARGEST:
        raise Refused(404, f"preview {item} of job {job}: is too large", SEE)
    etag = _etag(stat.etag, str(stat.modified))
    headers = _headers(etag, "private, max-age=31536000, immutable")
    if _has(request, etag):
        return Response(status_code=304, headers=headers)
    data = found.folder.find(key) or b""
    _check(data, f"preview {item} of job {job}")
    return Response(data, headers=headers, media_type=JPEG)


@router.get("/jobs/{job}/items/{item}/{which}.jpg", responses=_PICTURE, response_class=Response)
async def picture(
    job: str,
    item: Item,
    which: Which,
    request: Request,
    caller: Viewer,
    context: Here,
    side: Annotated[int, Query(ge=16, le=2048)] = 512,
) -> Response:
    """Return a picture of an item of the source, or of what was made of it."""
    planned = await run_in_threadpool(context.planned, caller, job)
    shard = planned.shard(item)
    scored = which == "scored"
    version, root = await run_in_threadpool(_look, context, planned, shard, item, scored=scored)
    etag = _etag(planned.job.id, planned.version, version, which, str(item), str(side))
    headers = _headers(etag, "private, max-age=60")
    if _has(request, etag):
        return Response(status_code=304, headers=headers)
    data = await context.decoders.ask(
        request.is_disconnected,
        caller.party,
        job=planned.job.id,
        version=planned.version,
        shard=shard.index,
        item=item,
        side=side,
        scored=scored,
        root=root,
    )
    _check(data, f"item {item} of job {job}")
    return Response(data, headers=headers, media_type=JPEG)


def _look(
    context: Context, planned: Planned, shard: Shard, item: int, *, scored: bool
) -> tuple[str, str]:
    """Return the version of a picture, and where no link is followed."""
    return _version(planned, shard, item, scored=scored), _root(context, planned, scored=scored)


def _version(planned: Planned, shard: Shard, item: int, *, scored: bool) -> str:
    """Return what tells apart versions of a picture; raises Refused if there can be none."""
    plan = planned.plan
    if not scored:
        if not shows_source(planned, shard, item):
            raise Refused(404, f"item {item} of job {planned.job.id}: is no picture", SEE)
        return plan.etag
    if plan.output not in {"video", "folder", "image"}:
        raise Refused(404, f"job {planned.job.id}: makes no pictures", "see its result")
    done = planned.job.find_done(shard, plan)
    if done is None:
        raise Refused(404, f"item {item} of job {planned.job.id}: is not scored yet", LATER)
    return done.segment


def shows_source(planned: Planned, shard: Shard, item: int) -> bool:
    """Return whether the source of an item can be shown as a picture."""
    plan = planned.plan
    name = shard.names[item - shard.start] if shard.names else ""
    return plan.source == "video" or (plan.source in {"images", "files"} and is_image(name))


def _root(context: Context, planned: Planned, *, scored: bool) -> str:
    """Return the folder below which no link is followed; "" if it is the operator's own job."""
    if scored:
        place = places.output(context, planned, planned.job.result())
        return str(places.root_of(context, planned, place))
    if not planned.spec.exact and not planned.spec.tenant:
        return ""
    place = context.stores.locate(planned.spec.source)
    return str(places.root_of(context, planned, place))


def _etag(*parts: str) -> str:
    return f'"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"'


def _has(request: Request, etag: str) -> bool:
    return etag in re.findall(r'"[^"]*"', request.headers.get("if-none-match", ""))


def _headers(etag: str, cached: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": cached, "X-Content-Type-Options": "nosniff"}


def _check(data: bytes, what: str) -> None:
    """Refuse what is no JPEG file, as far as its ends tell."""
    if not (data.startswith(_BEGIN) and data.endswith(_END)):
        raise Refused(404, f"{what}: is no picture", SEE)
