"""A job as a driver opens it: its spec, and all that follows from it, resolved once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from impasto.driver.identity import job_id
from impasto.driver.pinning import absolute, placed, read_painting
from impasto.driver.staging import staged
from impasto.errors import BadInput, Exists
from impasto.jobs import find
from impasto.jobs.job import Job
from impasto.outputs.delivery.open import open_delivery
from impasto.planning import planner
from impasto.planning.decide import decide_items, decide_output
from impasto.planning.history import scorer_key
from impasto.schema.change import Change, Replaced
from impasto.schema.plan import Encoding
from impasto.scorers.params import Role
from impasto.sources.listed import Listed
from impasto.sources.open import open_source
from impasto.storage.local import is_folder
from impasto.storage.stores import Stores
from impasto.tables.formats import require

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from impasto.driver.pinning import Pinned
    from impasto.outputs.delivery.base import Delivery
    from impasto.planning.forecast import Forecast
    from impasto.schema.job import JobSpec
    from impasto.schema.plan import OutputKind, Plan
    from impasto.schema.url import Url
    from impasto.schema.workers import Capacity
    from impasto.settings import Settings
    from impasto.sources.base import Source
    from impasto.storage.store import Store


class OpenJob:
    """A job's spec with what follows from it, each thing resolved once, when it is first needed.

    Attributes:
        settings: how the job runs.
        stores: what may be opened.
        spec: what to do, made absolute and with its files pinned.
        entry: the scorer's line of the table.
        params: its parameters, checked.
        source_url: where the source is.
        output: where the output goes.
        new: whether this process has submitted the job.
        claimed: whether a watcher's claim says who drives the job.
    """

    new = False
    claimed = False

    def __init__(
        self, pinned: Pinned, settings: Settings, stores: Stores, job: Job | None = None
    ) -> None:
        """Hold what was pinned; nothing is opened yet.

        Args:
            pinned: the spec, made absolute.
            settings: how the job runs.
            stores: what may be opened.
            job: the job, if it is known already; it must turn out to be this spec's.
        """
        self.settings, self.stores = settings, stores
        self.spec, self.entry, self.params = pinned.spec, pinned.entry, pinned.params
        self.source_url, self.output = pinned.source, pinned.output
        self._job = job

    @cached_property
    def source(self) -> Source:
        """The source; raises what `open_source` does."""
        return self.fresh_source()

    @cached_property
    def pictures(self) -> Mapping[str, bytes]:
        """The pictures that parameters name, by parameter; raises BadInput or Unavailable."""
        return self._read_pictures()

    @cached_property
    def makes(self) -> OutputKind:
        """What is made of the source; raises BadInput when that is impossible."""
        there = self.output.local and is_folder(self.output.path)
        return decide_output(self.spec, self.source.kind, self.entry.gives, is_folder=there)

    @property
    def makes_folder(self) -> bool:
        """Whether the output is a folder; raises what `makes` does."""
        return self.makes in {"folder", "arrays", "files"}

    @cached_property
    def id(self) -> str:
        """The digest of what determines the output; raises what `job_id` does."""
        found = self._id(self.source.etag)
        if self.source.former_etag == self.source.etag:
            return found
        if found == self._job.id if self._job else self._began(found):
            return found
        former = self._id(self.source.former_etag)
        # A job that began before the content of local files was looked at goes on as it is.
        known = former == self._job.id if self._job else self._began(former)
        return former if known else found

    @cached_property
    def home_url(self) -> Url:
        """Where the jobs' home is."""
        return self.stores.locate(self.settings.home)

    @cached_property
    def home(self) -> Store:
        """The home of jobs, which is created if it is a folder on this machine."""
        return self._job.home if self._job else self.stores.open_home(self.home_url)

    @cached_property
    def job(self) -> Job:
        """The job's folder in its home."""
        return self._job or Job(self.home, self.id)

    @cached_property
    def delivery(self) -> Delivery:
        """The delivery of the job's output."""
        return open_delivery(self.stores, self.job, self.output)

    @property
    def scorer_key(self) -> str:
        """The scorer's key among the speeds of earlier jobs."""
        return scorer_key(self.spec, self.entry)

    def check_output(self, replaceable: Container[str] | None) -> None:
        """Refuse an output that cannot be delivered; see `Delivery.check`."""
        if self.makes == "records":
            require(self.output.name)
        try:
            self.delivery.check(replaceable, folder=self.makes_folder)
        except Exists:
            self._refuse_partial()
            raise

    def _refuse_partial(self) -> None:
        """Raise BadInput if what is at the output is what an incomplete job has left there."""
        output = self.spec.output
        noted = self.job.notes.delivery(str(self.output))
        if noted and noted.partial:
            raise BadInput(
                f"{output}: has been changed since job {self.job.id} left it incomplete",
                "move it away, and the job goes on, or add `overwrite` to `impasto run`",
            )
        owner = find.leaving(self.home, str(self.output))
        if owner:
            raise BadInput(
                f"{output}: holds what job {owner.id} has done so far",
                f"complete it with `impasto retry {owner.id}`, with `accept_changes` if you have "
                "corrected its files; or choose another output or add `overwrite`",
            )

    def check_source(self) -> None:
        """Raise BadInput when the source or a picture is not what the job began with."""
        if self.id != self.job.id:
            raise BadInput(self._changed, "start it again as a new job")

    def check_files(self, *, accept: bool) -> tuple[str, ...]:
        """Check that scripts, models and weights are those that the job knows.

        Args:
            accept: whether others are used from now on, and noted in the job.

        Returns:
            What was accepted, one line for each file.

        Raises:
            BadInput: one has changed, and that is not accepted; or none has, and it was to be.
        """
        known = self._versions()
        job = self.job.id
        if self.spec.pins == known[-1]:
            if accept:
                copies = ", which are copies" if self._staged else ""
                raise BadInput(
                    f"job {job}: none of its files{copies} has changed",
                    "leave `accept_changes` out, or start a new job with `impasto run`",
                )
            return ()
        self.check_version()
        change = Change(files=self._replaced(known[-1]))
        if not accept:
            files = ", ".join(each.file for each in change.files.values())
            raise BadInput(
                f"job {job}: {files} {'have' if len(change.files) > 1 else 'has'} changed since "
                "the job began",
                "`accept_changes` scores what is left with the new version, and `impasto run` "
                "starts a new job",
            )
        self.job.notes.accept(change)
        return change.news()

    def check_version(self) -> None:
        """Raise BadInput when the job has gone on with later versions of its files than these."""
        known = self._versions()
        if self.spec.pins == known[-1] or self.spec.pins not in known:
            return
        files = ", ".join(each.file for each in self._replaced(known[-1]).values())
        job = self.job.id
        raise BadInput(
            f"job {job}: a later version of {files} was accepted in it",
            f"put that version back; or remove the job with `impasto rm {job}`, and all is scored "
            "with this one",
        )

    def _versions(self) -> list[dict[str, str]]:
        """Return the digests of the job's files, as it began and after each accepted change."""
        known = [self.began]
        for change in self.job.notes.changes():
            after = {name: each.after for name, each in change.files.items()}
            known.append({**known[-1], **after})
        return known

    @cached_property
    def began(self) -> dict[str, str]:
        """The digests of the files that the job began with."""
        return self._job.spec().pins if self._job else self.spec.pins

    @property
    def _staged(self) -> bool:
        """Whether the job reads copies of the user's files."""
        files = self.entry.files(self.spec.params)
        return any(staged(file.url, self.settings.home) for file in files)

    def _replaced(self, before: Mapping[str, str]) -> dict[str, Replaced]:
        """Return the files whose digests are not these."""
        files = {file.name: file.url for file in self.entry.files(self.spec.params)}
        named = {**files, "requirements": self.spec.requirements, "mask": self.spec.mask}
        return {
            name: Replaced(
                file=str(named.get(name) or self.spec.scorer),
                before=before.get(name, ""),
                after=self.spec.pins.get(name, ""),
            )
            for name in sorted(before.keys() | self.spec.pins.keys())
            if before.get(name) != self.spec.pins.get(name)
        }

    def check_plan(self, plan: Plan) -> None:
        """Raise BadInput when a stored plan names what the source does not hold.

        Workers read whatever it names, with the rights of the user.
        """
        if not isinstance(self.source, Listed):
            return
        found = self.source.found
        names = {name for shard in plan.shards for name in shard.names}
        if plan.base != found.base or not names <= found.etags.keys():
            raise self.job.folder.damaged("plan.json")

    def fresh_source(self) -> Source:
        """Look the source up again; raises what `open_source` does."""
        items = decide_items(self.spec, self.entry.takes)
        return open_source(self.stores, self.source_url, items, exact=self.spec.exact)

    def changed(self, fresh: Source) -> str:
        """Say that the source or a picture has changed since the job began; "" if they have not.

        Args:
            fresh: the source as it is now.

        Raises:
            BadInput: one of them is missing.
            Unavailable: a store does not answer.
        """
        before = (self.source.url, self.source.etag)
        if (fresh.url, fresh.etag) == before and self._read_pictures() == self.pictures:
            return ""
        return self._changed

    def forecast(self, capacity: Capacity, home: Store | None) -> Forecast:
        """Return what to expect of the workers.

        Args:
            capacity: how many workers there may be.
            home: where speeds of earlier jobs are; None reads none.
        """
        return planner.forecast(
            self.scorer_key, self.settings, capacity, home, sequential=self.entry.sequential
        )

    def plan(self, capacity: Capacity, threads: int, home: Store | None) -> Plan:
        """Cut the source into shards for the expected workers.

        Args:
            capacity: how many workers there may be.
            threads: threads of an encoder.
            home: where speeds of earlier jobs are, which are read only where a size is chosen.

        Raises:
            BadInput: the source cannot be read, or cannot become the output.
        """
        spec = self.spec
        encoding = Encoding.of(spec, threads)
        expected = self.forecast(capacity, None if isinstance(spec.shard_frames, int) else home)
        return planner.plan(self.source, spec, self.makes, encoding, expected)

    def _id(self, etag: str) -> str:
        source = (self.source.url, etag)
        # A job keeps its id when its files are replaced.
        spec = self.spec.model_copy(update={"pins": self.began})
        return job_id(spec, self.entry, self.params, source, self.makes, self.pictures)

    def _began(self, found: str) -> bool:
        """Return whether there is a job of this id; a home that is a folder may yet be missing."""
        missing = self.home_url.local and not self.home_url.path.is_dir()
        return not missing and Job(self.home, found).exists()

    def _read_pictures(self) -> dict[str, bytes]:
        files = self.entry.files(self.spec.params, Role.PICTURE)
        return {file.name: read_painting(file.url, self.stores) for file in files}

    @property
    def _changed(self) -> str:
        return (
            f"{self.spec.source}: it, or a file that the job uses, has changed since job "
            f"{self.job.id} began"
        )


def open_job(spec: JobSpec, settings: Settings, job: Job | None = None) -> OpenJob:
    """Resolve a spec for a driver, whose workers may run on other machines.

    Args:
        spec: what to do.
        settings: how it runs.
        job: the job, if it is known already.

    Raises:
        BadInput: the request is wrong, or one of its files is missing or not to be trusted.
        Unavailable: the store does not answer.
    """
    stores = Stores.of(settings, spec)
    return OpenJob(placed(spec, stores, settings), settings, stores, job)


def open_draft(spec: JobSpec, settings: Settings) -> OpenJob:
    """Resolve a spec without copying any of its files; raises what `open_job` does."""
    stores = Stores.of(settings, spec)
    return OpenJob(absolute(spec, stores, settings.home), settings, stores)
