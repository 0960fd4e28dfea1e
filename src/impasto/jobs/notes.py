"""Notes that drivers and workers of a job leave for each other, beside its records.

deliveries/<digest of the output's URL>.json  changes/00001.json  cancel  prepared.json  size.json
trace
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from impasto.jobs.journal import Journal
from impasto.schema.base import read
from impasto.schema.change import Change
from impasto.schema.events import Cancelled
from impasto.schema.outcome import Delivered
from impasto.schema.plan import PictureSize, Prepared

if TYPE_CHECKING:
    from impasto.jobs.folder import JobFolder

CANCEL = "cancel"
PREPARED = "prepared.json"
SIZE = "size.json"
TRACE = "trace"
CHANGES = re.compile(r"changes/\d{5}\.json")

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Notes:
    """A job's notes; every method raises Unavailable when the store does not answer."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder

    def delivery(self, output: str) -> Delivered | None:
        """Return what is noted for a delivery to an output, or None when it never began.

        Its fingerprint is "" when the delivery began and did not end.
        """
        data = self._folder.find(_delivery_key(output))
        if data is None:
            return None
        noted = read(Delivered, data)
        whole = noted is not None and noted.output == output
        return noted if whole else Delivered(output=output, fingerprint="")

    def begin_delivery(self, output: str) -> bool:
        """Note that a delivery to an output begins; returns whether this call noted it first."""
        key = _delivery_key(output)
        if self._folder.create(key, _delivery(output, "", partial=False)):
            return True
        # The other run may find what this one writes before it has written its own.
        noted = Delivered(output=output, fingerprint="", shared=True)
        self._folder.put(key, noted.model_dump_json().encode())
        return False

    def end_delivery(self, output: str, fingerprint: str, *, partial: bool = False) -> None:
        """Note the fingerprint of what a delivery to an output left there.

        Args:
            output: where.
            fingerprint: digest of what is there.
            partial: whether the job is incomplete.
        """
        self._folder.put(_delivery_key(output), _delivery(output, fingerprint, partial=partial))

    def forget_delivery(self, output: str) -> None:
        """Forget a delivery to an output, as if it had never begun."""
        self._folder.delete(_delivery_key(output))

    def changes(self) -> list[Change]:
        """Return the changes of the job's files that were accepted, oldest first."""
        keys = [key for key, _ in self._folder.list_all("changes") if CHANGES.fullmatch(key)]
        found = (self._folder.load_if_whole(key, Change) for key in sorted(keys))
        return [each for each in found if each]

    def accept(self, change: Change) -> None:
        """Note an accepted change; what the scorer prepared before it is prepared again."""
        number = len(self._folder.list_all("changes")) + 1
        data = change.model_dump_json(indent=1).encode()
        while not self._folder.create(f"changes/{number:05d}.json", data):
            number += 1
        self._folder.delete(PREPARED)

    def cancel(self) -> None:
        """Ask every driver of the job to stop."""
        Journal(self._folder).write(Cancelled())
        self._folder.create(CANCEL, b"")

    def uncancel(self) -> None:
        """Withdraw a cancellation, because the user asked for the job again."""
        self._folder.delete(CANCEL)

    def cancelled(self) -> bool:
        """Return whether the job was cancelled."""
        return self._folder.stat(CANCEL) is not None

    def trace(self) -> str:
        """Return the context of the job's last trace, a W3C ``traceparent``; "" if it has none."""
        text = (self._folder.find(TRACE) or b"")[:100].decode(errors="replace")
        return text if _TRACEPARENT.fullmatch(text) else ""

    def note_trace(self, context: str) -> None:
        """Note the context of the job's newest trace, to which the next one is linked."""
        if _TRACEPARENT.fullmatch(context):
            self._folder.put(TRACE, context.encode())

    def prepared(self) -> Prepared | None:
        """Return what the first worker prepared for this job, or None if nothing is yet."""
        data = self._folder.find(PREPARED)
        if data is None:
            return None
        noted = read(Prepared, data)
        if noted is None:
            # Torn, as after a power failure; it is made again.
            self._folder.delete(PREPARED)
        return noted

    def settle_prepared(self, prepared: Prepared) -> Prepared:
        """Note what a worker prepared unless something is noted; returns what is noted."""
        if self._folder.create(PREPARED, prepared.model_dump_json().encode()):
            return prepared
        return self.prepared() or prepared

    def picture_size(self) -> PictureSize | None:
        """Return the size of a video's pictures after scoring, or None if it is not known yet."""
        return self._folder.load(SIZE, PictureSize)

    def settle_picture_size(self, size: PictureSize) -> PictureSize:
        """Note the pictures' size unless one is noted; returns the one that is noted."""
        if self._folder.create(SIZE, size.model_dump_json().encode()):
            return size
        return self.picture_size() or size


def _delivery_key(output: str) -> str:
    return f"deliveries/{hashlib.sha256(output.rstrip('/').encode()).hexdigest()[:16]}.json"


def _delivery(output: str, fingerprint: str, *, partial: bool) -> bytes:
    noted = Delivered(output=output, fingerprint=fingerprint, partial=partial)
    return noted.model_dump_json().encode()
