"""The names of a job's pictures and arrays when they are written as files."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.media.formats import WRITABLE
from impasto.schema.url import parse
from impasto.tables.formats import ARRAYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.job import FrameFormat


def frame_names(start: int, stop: int, kind: FrameFormat | None) -> tuple[str, ...]:
    """Name a video's frames or a table's rows as files, counted from 1 as players do."""
    return tuple(f"{n + 1:06d}.{kind or 'png'}" for n in range(start, stop))


def tree_names(
    source: str, base: str, names: tuple[str, ...], frames: FrameFormat | None
) -> tuple[str, ...]:
    """Name the outputs of images; the tree of names stays the same.

    Args:
        source: the source, for errors.
        base: URL of the folder that all images are in, or "".
        names: the images' names below that folder, or their URLs.
        frames: the format wanted, or None for each image's own.

    Raises:
        BadInput: two of them cannot both exist.
    """
    outputs = output_names(names if base else tuple(map(_beneath, names)), frames)
    files = {output.casefold() for output in outputs}
    for output in outputs:
        folders = output.casefold().split("/")[:-1]
        for n in range(len(folders)):
            if "/".join(folders[: n + 1]) in files:
                raise BadInput(
                    f"{source}: {output} would be inside a file that is also written", "rename one"
                )
    return outputs


def output_names(names: tuple[str, ...], frames: FrameFormat | None) -> tuple[str, ...]:
    """Name the outputs of pictures: the same names and folders, in a format that can be written.

    A picture keeps its own format unless ``frames`` asks for another or it cannot be written;
    where two pictures would then share a name, their old suffix stays in it. Names that differ
    by case alone count as shared, since some file systems treat them as the same.
    """
    wanted = [_renamed(name, frames) for name in names]
    shared = Counter(new.casefold() for new in wanted)
    taken: set[str] = set()
    chosen: dict[int, str] = {}
    # Those that keep their own name come first, so that no new name takes it from them.
    for keeps in (True, False):
        for place, (name, new) in enumerate(zip(names, wanted, strict=True)):
            free = shared[new.casefold()] == 1 or (keeps and new.casefold() not in taken)
            if (new == name) == keeps and free:
                taken.add(new.casefold())
                chosen[place] = new
    numbers: dict[str, Iterator[int]] = {}
    for place, (name, new) in enumerate(zip(names, wanted, strict=True)):
        suffix, result = _suffix(new), f"{name}{_suffix(new)}"
        while place not in chosen:
            if result.casefold() not in taken:
                taken.add(result.casefold())
                chosen[place] = result
            result = f"{name}.{next(numbers.setdefault(name.casefold(), count(2)))}{suffix}"
    return tuple(chosen[place] for place in range(len(names)))


def _renamed(name: str, frames: FrameFormat | None) -> str:
    suffix = _suffix(name)
    if frames in ARRAYS:
        return f"{name.removesuffix(suffix)}{ARRAYS[frames]}"
    kind = f".{frames}" if frames else suffix.lower() if suffix.lower() in WRITABLE else ".png"
    same = WRITABLE.get(suffix.lower()) == WRITABLE[kind]
    return name if same else f"{name.removesuffix(suffix)}{kind}"


def _suffix(name: str) -> str:
    last = name.rpartition("/")[2]
    return last[last.rindex(".") :] if "." in last else ""


def _beneath(url: str) -> str:
    """Return a relative path that can hold something from any place in one folder."""
    place = parse(url)
    return place.key.lstrip("/") if place.local else f"{place.container}/{place.key}"
