"""Submission of a job: what is refused, and the first object in the job's store."""

from __future__ import annotations

import os

from impasto.driver.open_job import OpenJob
from impasto.errors import BadInput
from impasto.jobs.job import Job
from impasto.media import images
from impasto.media.formats import is_video
from impasto.outputs.delivery.base import replaceable
from impasto.schema.job import JobSpec
from impasto.schema.url import Url, parse
from impasto.scorers.params import Role


def submit(opened: OpenJob) -> Job:
    """Write a job's spec into its store, unless it is there already, and return the job.

    Raises:
        BadInput: the request or the source is wrong.
    """
    _protect(opened)
    if opened.job.result() is None:
        _refuse(opened)
    opened.new = opened.job.record(opened.spec)
    if not opened.new:
        _name(opened)
    return opened.job


def _name(opened: OpenJob) -> None:
    """Give a job the labels and the rule of a later submission; without any, it keeps its own."""
    stored = opened.job.folder.load_if_whole("spec.json", JobSpec)
    if stored is None:
        return
    names = {
        name: getattr(opened.spec, name) or getattr(stored, name) for name in ("rule", "labels")
    }
    opened.spec = opened.spec.model_copy(update=names)
    named = stored.model_copy(update=names)
    if named != stored:
        opened.job.replace_spec(named)


def _refuse(opened: OpenJob) -> None:
    """Refuse an existing output and unreadable pictures, before there is a job."""
    opened.check_output(replaceable(opened.makes, overwrite=opened.spec.overwrite))
    for file in opened.entry.files(opened.spec.params, Role.PICTURE):
        name = file.name.removesuffix(f".{file.url}")
        images.size(opened.pictures[file.name], f"`{name}={file.url}`")
    mask = opened.spec.mask
    if mask and not is_video(parse(mask).name):
        images.size(opened.stores.read(mask), f"`mask={mask}`")


def _protect(opened: OpenJob) -> None:
    """Refuse an output that would replace what the job reads."""
    spec, source, makes_folder = opened.spec, opened.source, opened.makes_folder
    pictures = opened.entry.files(spec.params, Role.PICTURE)
    named = [file.url for file in pictures] + ([spec.mask] if spec.mask else [])
    read = [opened.source_url, *map(parse, named)]
    base, output = source.base and _real(source.base), _real(opened.output)
    if any(_same(opened.output, each) for each in read) or (makes_folder and output == base):
        raise BadInput(f"{spec.output}: is also what the job reads", "choose another output")
    kept = [*map(_real, read), *([base] if base else []), _real(opened.home_url)]
    if makes_folder and any(each.startswith(f"{output}/") for each in kept):
        raise BadInput(
            f"{spec.output}: contains what the job reads, or its home, and would be replaced",
            "choose another output",
        )
    inside = _real(opened.output.parent)
    if source.kind == "files" and opened.makes == "records" and inside == base:
        raise BadInput(
            f"{spec.output}: is among the files that are scored, and would be scored itself "
            "next time",
            "choose another output",
        )
    if base and "**" in source.url and f"{output}/".startswith(f"{base}/"):
        raise BadInput(
            f"{spec.output}: is where {source.url} looks, and would be read next time",
            "choose another output",
        )


def _same(output: Url, read: Url) -> bool:
    """Return whether two places are one, by whatever names."""
    if _real(output) == _real(read):
        return True
    there = output.local and read.local and output.path.exists() and read.path.exists()
    return there and output.path.samefile(read.path)


def _real(place: Url) -> str:
    return os.path.realpath(place.path) if place.local else str(place)
