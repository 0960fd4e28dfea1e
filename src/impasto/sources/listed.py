"""The base of images and files: sources that are listed once, and can be cut anywhere."""

from __future__ import annotations

import shlex
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from impasto.schema.plan import Shard
from impasto.schema.words import first_few
from impasto.sources import selection
from impasto.sources.base import Extent, Survey
from impasto.sources.selection import natural, within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    from impasto.schema.job import JobSpec
    from impasto.schema.source import VideoFacts
    from impasto.schema.url import Url
    from impasto.sources.selection import Selected, Selection
    from impasto.storage.stores import Stores
    from impasto.tables.read.scan import Wanted


class Listed:
    """One object, or those of a folder, a pattern or a manifest.

    Attributes:
        url: the absolute URL or path.
        ACCEPTED: what the objects are, for people.
    """

    ACCEPTED: ClassVar[str]

    def __init__(
        self, stores: Stores, url: str | Url, form: Selection, *, exact: bool = False
    ) -> None:
        """Set where they are; nothing is listed until it is needed."""
        self._place = stores.locate(url)
        self._text, self.url = str(url), str(self._place)
        self._stores, self._form, self._exact = stores, form, exact

    @cached_property
    def found(self) -> Selected:
        """The objects; raises what `selection.find` does."""
        return selection.find(
            self._stores,
            self._place,
            self._form,
            self._accept,
            self.ACCEPTED,
            links=not self._exact,
        )

    @property
    def etag(self) -> str:
        """Changes whenever an object changes, appears or disappears."""
        return self.found.version

    @property
    def former_etag(self) -> str:
        """The etag in jobs that began before the content of local files was looked at."""
        return self.found.former_version

    @property
    def base(self) -> Url | None:
        """The folder that the objects' names are under, or None."""
        return self.found.objects.base

    def objects(self) -> int:
        """Count them; raises what `found` does."""
        return len(self.found.etags)

    def count(self, spec: JobSpec) -> int:
        """Count them; raises what `found` does."""
        return self.objects()

    def largest(self, spec: JobSpec) -> Extent | None:
        """Return None: what is in them is unknown."""
        return None

    def survey(self, spec: JobSpec, size: Wanted) -> Survey:
        """List the objects; raises what `found` does."""
        names = tuple(self.found.etags)

        def shard(number: int, start: int, stop: int) -> Shard:
            return Shard(index=number, start=start, stop=stop, names=names[start:stop])

        return Survey(
            0,
            len(names),
            shard,
            base=self.found.base,
            names=names,
            as_video=self._as_video(spec),
            warnings=self._warnings(spec),
        )

    @staticmethod
    def _accept(name: str) -> bool:
        """Return whether a name is that of an accepted object."""
        return bool(name)

    def _warnings(self, spec: JobSpec | None) -> tuple[str, ...]:
        """Return what the user should know about them, one line each.

        Args:
            spec: the job; None where there is none yet.
        """
        folders = sorted(self.found.folders, key=natural)
        return (folders_left_out(folders, self._place, self._text),) if folders else ()

    def _as_video(self, spec: JobSpec) -> Callable[[Fraction], VideoFacts] | None:
        """Return a function that describes them as a video of a frame rate, if they can be one."""
        return None


def folders_left_out(names: Sequence[str], place: Url, text: str = "") -> str:
    """Say which folders in a folder are not looked into, and what would take what is in them.

    Args:
        names: the folders.
        place: where they are.
        text: how the user calls it, if that is known.
    """
    # What is typed of a store may hold a signature.
    pattern = within(place) if not (text and place.local) else f"{text.rstrip('/')}/**"
    takes = f"{shlex.quote(pattern)} takes what is in them"
    return f"folders left out: {len(names):,} ({first_few(names)}); {takes}"
