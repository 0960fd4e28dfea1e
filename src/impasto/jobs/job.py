"""A job in its store: the paths of its objects, and its state derived from one listing.

    jobs/<id>/spec.json  plan.json  prepared.json  size.json
              segments/00007-<nonce>.mp4  done/00007.json  failed/00007-2.json
              cancel  result.json  logs/<time>-<nonce>.jsonl
              deliveries/<digest of the output's URL>.json
              bases/00007.json   a done record whose failed items are tried again
    facts/<scorer>/<id>.json     how fast the job was, for later ones

Every record is put-if-absent: of two drivers the first one's stands, and neither can harm the
other. A segment has a name that no other attempt shares. Nothing here holds a status; it is read
off what exists.
"""

from __future__ import annotations

import hashlib
import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, TypeVar
from uuid import uuid4

from pydantic import ValidationError

from impasto.errors import BadInput, Missing
from impasto.jobs.listing import Listing
from impasto.schema.base import Frozen
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Done, Failed, Result
from impasto.schema.plan import PictureSize, Plan, Prepared
from impasto.secrecy import redact, redact_all
from impasto.storage.parallel import in_order
from impasto.storage.ranges import open_object
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from impasto.storage.store import Store

Model = TypeVar("Model", bound=Frozen)
Record: TypeAlias = JobSpec | Plan | Result | Done | Failed


class Job:
    """One job's folder; every method raises Unavailable when the store does not answer."""

    def __init__(self, home: Store, job_id: str) -> None:
        self.home = home
        self.id = job_id
        self.prefix = f"jobs/{job_id}/"

    def listing(self) -> Listing:
        """List the job's objects once."""
        listing = Listing()
        for stat in self.home.list_all(self.prefix):
            key = stat.key.removeprefix(self.prefix)
            listing.sizes[key] = stat.size
            if key.startswith("failed/"):
                shard = int(key[7:12])
                listing.attempts[shard] = listing.attempts.get(shard, 0) + 1
        return listing

    def spec(self) -> JobSpec:
        """Read the spec; raises BadInput when there is no such job."""
        return self._read("spec.json", JobSpec)

    def exists(self) -> bool:
        """Tell whether the job is there; one that could not be planned is not."""
        return self.home.stat(f"{self.prefix}spec.json") is not None

    def plan(self) -> Plan | None:
        """Read the plan, or None when there is none yet."""
        return self._find("plan.json", Plan)

    def result(self) -> Result | None:
        """Read the result, or None when the job is not finished."""
        return self._find("result.json", Result)

    def replace_spec(self, spec: JobSpec) -> None:
        """Write a spec over the one of an earlier call, which differs only in how the job runs.

        For a driver elsewhere, which has nothing else to go by.
        """
        self.home.put(f"{self.prefix}spec.json", spec.model_dump_json(indent=1).encode())

    def prepared(self) -> Prepared | None:
        """Read what the first worker prepared for this job, or None when nothing is yet."""
        data = self._bytes("prepared.json")
        if data is None:
            return None
        try:
            return Prepared.model_validate_json(data)
        except ValidationError:
            # Cut short by a power failure; it is made again.
            self.home.delete(self.prefix + "prepared.json")
            return None

    def record(self, value: Record, attempt: int = 0) -> bool:
        """Write a record unless there is one; returns whether this call wrote it."""
        match value:
            case JobSpec():
                key = "spec.json"
            case Plan():
                key = "plan.json"
            case Result():
                key = "result.json"
            case Done():
                key = _done_key(value.shard)
            case Failed():
                key = f"failed/{value.shard:05d}-{attempt}.json"
        return self._create(key, _redacted(value).model_dump_json(indent=1).encode())

    def record_done(self, done: Done) -> Done:
        """Write a shard's done record unless there is one; returns the one that stands."""
        return done if self.record(done) else self.find_done(done.shard) or done

    def find_done(self, shard: int) -> Done | None:
        """Read a shard's done record, or None when it is not done."""
        return self._find(_done_key(shard), Done)

    def record_prepared(self, prepared: Prepared) -> Prepared:
        """Write what the first worker prepared, once a job; returns what stands."""
        if self._create("prepared.json", prepared.model_dump_json().encode()):
            return prepared
        return self.prepared() or prepared

    def picture_size(self) -> PictureSize | None:
        """Read how large a video's pictures are after scoring, or None when nobody knows yet."""
        return self._find("size.json", PictureSize)

    def record_picture_size(self, size: PictureSize) -> PictureSize:
        """Write the pictures' size unless it is there; returns the one that stands."""
        if self._create("size.json", size.model_dump_json().encode()):
            return size
        return self.picture_size() or size

    def done(self, listing: Listing) -> dict[int, Done]:
        """Read the done records, by shard; one that was cut short counts as absent."""
        keys = [key for key in listing.sizes if key.startswith("done/")]
        found = in_order(partial(self._find, model=Done), keys, MANY)
        records = [record for record in found if record]
        return {record.shard: record for record in sorted(records, key=lambda each: each.shard)}

    def failed(self, listing: Listing) -> list[Failed]:
        """Read the records of failed attempts; one that was cut short counts as absent."""
        keys = [key for key in listing.sizes if key.startswith("failed/")]
        found = in_order(partial(self._find, model=Failed), keys, MANY)
        return [record for record in found if record]

    def keep_base(self, done: Done) -> None:
        """Keep a done record as the base of the next attempt at its shard."""
        key = f"{self.prefix}bases/{done.shard:05d}.json"
        self.home.put(key, _redacted(done).model_dump_json(indent=1).encode())

    def bases(self, listing: Listing) -> dict[int, Done]:
        """Read the bases of shards, by shard."""
        keys = [key for key in listing.sizes if key.startswith("bases/")]
        found = in_order(partial(self._find, model=Done), keys, MANY)
        return {record.shard: record for record in found if record}

    def drop(self, shards: Iterable[int]) -> None:
        """Delete done records, so that their shards run again."""
        for shard in shards:
            self.home.delete(self.prefix + _done_key(shard))

    def new_segment(self, shard: int, suffix: str) -> str:
        """Name a segment that no other attempt writes to; a folder when the suffix is "/"."""
        return f"segments/{shard:05d}-{uuid4().hex[:8]}{suffix}"

    def reopen(self) -> None:
        """Take the result back, because items that were set aside are tried again."""
        self.home.delete(self.prefix + "result.json")

    def discard(self) -> None:
        """Delete the job."""
        self.home.delete(*(self.prefix + key for key in self.listing().sizes))

    def sweep(self, kept: Iterable[Done], listing: Listing) -> None:
        """Delete the segments that none of these records names; only once every shard is done."""
        prefixes = tuple(record.segment for record in kept)
        segments = (key for key in listing.sizes if key.startswith("segments/"))
        self.home.delete(*(self.prefix + key for key in segments if not key.startswith(prefixes)))

    def store_file(self, key: str, path: Path) -> None:
        """Write a local file into the job."""
        self.home.put_file(self.prefix + key, path)

    def store_bytes(self, key: str, data: bytes) -> None:
        """Write bytes into the job."""
        self.home.put(self.prefix + key, data)

    def local(self, key: str) -> Path | None:
        """Return the path of an object of the job if it is on this machine."""
        return self.home.local(self.prefix + key)

    def read(self, key: str) -> bytes:
        """Read an object of the job."""
        return self.home.read(self.prefix + key)

    def segment(self, key: str) -> Path | Callable[[], BinaryIO]:
        """Return a segment's path, or what opens it for reading where it is not on this machine."""
        return self.local(key) or partial(_open, self.home, self.prefix + key)

    def delivery(self, output: str) -> str | None:
        """Return what was noted of the delivery to an output, or None when it never began."""
        data = self._bytes(_delivery_key(output))
        if data is None:
            return None
        try:
            return str(json.loads(data)["fingerprint"])
        except (ValueError, KeyError):
            return ""

    def begin_delivery(self, output: str) -> bool:
        """Note that a delivery to an output begins; returns whether this call noted it first."""
        return self._create(_delivery_key(output), _delivery_note(output, ""))

    def note_delivery(self, output: str, fingerprint: str | None) -> None:
        """Note what a delivery to an output left; None forgets it."""
        key = self.prefix + _delivery_key(output)
        if fingerprint is None:
            self.home.delete(key)
            return
        self.home.put(key, _delivery_note(output, fingerprint))

    def cancel(self) -> None:
        """Ask every driver of the job to stop."""
        self.log([{"time": time.time(), "event": "cancel"}])
        self._create("cancel", b"")

    def uncancel(self) -> None:
        """Take a cancellation back, because the user asked for the job again."""
        self.home.delete(self.prefix + "cancel")

    def cancelled(self) -> bool:
        """Tell whether the job was cancelled."""
        return self.home.stat(self.prefix + "cancel") is not None

    def log(self, lines: Iterable[dict[str, Any]]) -> None:
        """Write log lines as one object that sorts by time."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f".{time.time_ns() % 10**9:09d}"
        data = "".join(json.dumps(redact_all(line)) + "\n" for line in lines).encode()
        if data:
            self._create(f"logs/{stamp}-{uuid4().hex[:8]}.jsonl", data)

    def logs(self, seen: set[str] | None = None) -> Iterable[dict[str, Any]]:
        """Read every log line, oldest object first by the store's clock.

        Args:
            seen: keys of objects that are left out; those that are read are added.
        """
        seen = set() if seen is None else seen
        stats = [it for it in self.home.list_all(self.prefix + "logs") if it.key not in seen]
        stats.sort(key=lambda stat: (stat.modified, stat.key))
        seen.update(stat.key for stat in stats)
        pages = in_order(self.home.read, (stat.key for stat in stats), MANY, len)
        for stat, page in zip(stats, pages, strict=True):
            for line in page.splitlines():
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    yield {"time": stat.modified, "event": "torn", "line": line.decode()}

    def _create(self, key: str, data: bytes) -> bool:
        return self.home.create(self.prefix + key, data)

    def _bytes(self, key: str) -> bytes | None:
        stat = self.home.stat(self.prefix + key)
        return self.home.read(stat.key) if stat else None

    def _read(self, key: str, model: type[Model]) -> Model:
        value = self._find(key, model)
        if value is None:
            raise BadInput(f"job {self.id}: not found in {self.home.place}; see 'impasto jobs'")
        return value

    def _find(self, key: str, model: type[Model]) -> Model | None:
        data = self._bytes(key)
        if data is None:
            return None
        try:
            return model.model_validate_json(data)
        except ValidationError:
            if key.startswith(("done/", "failed/", "bases/")):
                return None
            raise BadInput(
                f"{self.home.where(self.prefix + key)}: damaged or of another version; "
                "delete the job's folder and run it again"
            ) from None


def _open(home: Store, key: str) -> BinaryIO:
    stat = home.stat(key)
    if stat is None:
        raise Missing(f"{home.where(key)}: no such object; run the job again")
    return open_object(home, stat)


def _delivery_key(output: str) -> str:
    return f"deliveries/{hashlib.sha256(output.rstrip('/').encode()).hexdigest()[:16]}.json"


def _delivery_note(output: str, fingerprint: str) -> bytes:
    return json.dumps({"output": output, "fingerprint": fingerprint}).encode()


def _redacted(value: Record) -> Record:
    """Redact what others said in a record; names and URLs stay, or they would name nothing."""
    match value:
        case Failed():
            told = {"error": redact(value.error), "traceback": redact(value.traceback)}
            return value.model_copy(update=told)
        case Done():
            failed = [it.model_copy(update={"error": redact(it.error)}) for it in value.failed]
            return value.model_copy(update={"failed": tuple(failed)})
    return value


def _done_key(shard: int) -> str:
    return f"done/{shard:05d}.json"
