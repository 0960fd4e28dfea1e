"""Whole jobs on a real blob service over TLS, with two accounts and the least rights that do."""

from __future__ import annotations

import hashlib
import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote

import numpy as np
import pytest
from PIL import Image

from impasto.driver import api
from impasto.errors import BadInput, Denied, Incomplete, Interrupted, Unavailable
from impasto.jobs import find
from impasto.jobs import job as jobs
from impasto.jobs.notes import Notes
from impasto.outputs.delivery.digest import digest
from impasto.outputs.delivery.to_store import ToStore
from impasto.schema import progress
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Result
from impasto.schema.profile import StoreProfile
from impasto.schema.url import parse
from impasto.settings import Settings, WorkerRange, load
from impasto.storage.store import Store
from impasto.storage.stores import Stores
from support import inprocess
from support.clips import picture
from support.cloud import CONTROL, DATA
from support.command import call, impasto, kill_tree, start, wait_for
from support.faults import (
    CutBody,
    Delay,
    Fault,
    LoseReply,
    Proxy,
    Record,
    Refuse,
    Reset,
    random_faults,
)

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip
    from support.cloud import Authority, Azurite, MotoS3

SHARDS = 4
FRAMES = 12 * SHARDS


@dataclass
class Place:
    """Two accounts: data, with containers ``inbox`` and ``outbox``, and control.

    Attributes:
        azurite: the service.
        env: where secrets are planted.
        inbox, outbox, control: names of containers.
        config: the profile file.
        endpoint: where the profile says that the service answers: itself, or a proxy before it.
    """

    azurite: Azurite
    env: pytest.MonkeyPatch
    inbox: str
    outbox: str
    control: str
    config: Path
    endpoint: str

    def profile(self, container: str, role: str, account: str, auth: str, secret: str) -> str:
        return f"""
[stores.{container}]
url = "az://{container}"
role = "{role}"
account = "{account}"
endpoint = "{self.endpoint}/{account}"
auth = "{auth}"
secret = "{secret}"
ca = "{self.azurite.ca}"
"""

    def write_config(self) -> None:
        """Give the source `rl`, the output `cw` and the control store everything."""
        self.config.write_text(
            f'home = "az://{self.control}/impasto"\n'
            + self.profile(self.inbox, "data", DATA, "sas", "INBOX_SAS")
            + self.profile(self.outbox, "data", DATA, "sas", "OUTBOX_SAS")
            + self.profile(self.control, "control", CONTROL, "key", "CONTROL_KEY")
        )

    def grant(self, variable: str, container: str, permission: str, hours: float = 1) -> None:
        sas = self.azurite.container_sas(DATA, container, permission, hours=hours)
        self.env.setenv(variable, sas)

    def admin(self, container: str, account: str = DATA) -> Store:
        """The container with the account's key, straight at the service."""
        self.env.setenv("ADMIN_KEY", self.azurite.accounts[account])
        profile = StoreProfile(
            url=f"az://{container}",
            account=account,
            endpoint=self.azurite.endpoint(account),
            auth="key",
            secret="ADMIN_KEY",
            ca=str(self.azurite.ca),
        )
        return Store(parse(f"az://{container}"), profile)

    @property
    def settings(self) -> Settings:
        return load()

    def job(self) -> jobs.Job:
        (job,) = find.jobs(Stores(self.settings.stores).open(self.settings.home))
        return job


@pytest.fixture(scope="session")
def source(clip: MakeClip) -> Path:
    return clip(frames=FRAMES, size=(192, 128), gop=12, audio=("aac",))


@pytest.fixture(scope="session")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("style") / "a painting#1.png"
    Image.fromarray(np.moveaxis(picture(7, 256, 256), 0, 2)).save(path)
    return path


@pytest.fixture
def place(
    azurite: Azurite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: Path,
    painting: Path,
) -> Place:
    inbox, outbox, control = map(azurite.make_container, (DATA, DATA, CONTROL))
    config = tmp_path / "impasto.toml"
    endpoint = azurite.endpoint(DATA).removesuffix(f"/{DATA}")
    made = Place(azurite, monkeypatch, inbox, outbox, control, config, endpoint)
    made.write_config()
    monkeypatch.setenv("IMPASTO_CONFIG", str(config))
    monkeypatch.setenv("CONTROL_KEY", azurite.accounts[CONTROL])
    made.grant("INBOX_SAS", made.inbox, "rl")
    made.grant("OUTBOX_SAS", made.outbox, "cw")
    store = made.admin(inbox)
    store.put_file("new clips/clip é.mp4", source)
    store.put_file(painting.name, painting)
    for n in range(30):
        image = np.full((16, 24, 3), 8 * n, np.uint8)
        Image.fromarray(image).save(tmp_path / "image.png")
        store.put_file(f"photos/{n}.png", tmp_path / "image.png")
    return made


def video_job(place: Place, scorer: str = "moody") -> JobSpec:
    return JobSpec(
        source=f"az://{place.inbox}/new clips/clip é.mp4",
        output=f"az://{place.outbox}/done/clip é.mp4",
        scorer=scorer,
        shard_frames=12,
        preset="ultrafast",
    )


@pytest.fixture
def local_output(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What the same job gives on local folders."""
    inprocess.install(monkeypatch)
    spec = JobSpec(
        source=str(source),
        output=str(tmp_path / "local" / "clip é.mp4"),
        scorer="moody",
        shard_frames=12,
        preset="ultrafast",
    )
    api.run(spec, settings=Settings(home=str(tmp_path / "local-home")))
    inprocess.InProcess.ran = []
    return (tmp_path / "local" / "clip é.mp4").read_bytes()


def delivered(place: Place) -> bytes:
    return place.admin(place.outbox).read("done/clip é.mp4")


def test_the_command_line_paints_from_and_to_stores_as_on_local_folders(
    place: Place, source: Path, painting: Path, tmp_path: Path
) -> None:
    options = ["--shard-frames", 24, "--workers", 1, "--preset", "ultrafast"]
    output = f"az://{place.outbox}/clip.mp4"
    given = [f"az://{place.inbox}/new clips/clip é.mp4", "--style"]
    command = ["run", *given, f"az://{place.inbox}/{painting.name}", "-o", output, *options]
    done = impasto(*command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{output}: {FRAMES} frames in")
    local = ["run", source, "--style", painting, "-o", tmp_path / "out.mp4", *options]
    assert call(*local, "--home", tmp_path / "home").returncode == 0
    assert place.admin(place.outbox).read("clip.mp4") == (tmp_path / "out.mp4").read_bytes()
    again = call(*command)
    assert "done already" in again.stdout
    place.grant("OUTBOX_SAS", place.outbox, "rcw")
    assert call("verify", given[0], output).returncode == 0
    for words in (["jobs", "--json"], ["show", place.job().id], ["logs", place.job().id]):
        assert f"az://{place.outbox}/clip.mp4" in call(*words).stdout


def test_a_job_on_s3_gives_what_it_gives_on_local_folders(
    s3: MotoS3, source: Path, local_output: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_ID", s3.key_id)
    monkeypatch.setenv("S3_KEY", s3.secret)
    bucket = s3.make_bucket()
    profile = StoreProfile(
        url=f"s3://{bucket}", endpoint=s3.endpoint, auth="key", key_id="S3_ID", secret="S3_KEY"
    )
    control = s3.make_bucket()
    inner = profile.model_copy(update={"url": f"s3://{control}", "role": "control"})
    settings = Settings(home=f"s3://{control}/home", stores={"data": profile, "jobs": inner})
    store = Stores(settings.stores).open(f"s3://{bucket}")
    store.put_file("in/clip é.mp4", source)
    spec = JobSpec(
        source=f"s3://{bucket}/in/clip é.mp4",
        output=f"s3://{bucket}/out/clip é.mp4",
        scorer="moody",
        shard_frames=12,
        preset="ultrafast",
    )
    api.run(spec, settings=settings)
    assert store.read("out/clip é.mp4") == local_output
    assert api.run(spec, settings=settings).seconds == 0
    with pytest.raises(BadInput, match="store with role 'data'"):
        api.run(spec, settings=settings.model_copy(update={"home": f"s3://{bucket}/home"}))


@pytest.mark.parametrize("form", ["images", "frames", "one image"])
def test_images_go_from_and_to_stores(
    place: Place, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    source = {
        "images": f"az://{place.inbox}/photos/",
        "frames": f"az://{place.inbox}/new clips/clip é.mp4",
        "one image": f"az://{place.inbox}/photos/3.png",
    }[form]
    output = f"az://{place.outbox}/made/" + ("3.png" if form == "one image" else "")
    spec = JobSpec(source=source, output=output, scorer="moody", shard_frames=8)
    spec = spec.model_copy(update={"frames": "png" if form == "frames" else None})
    result = api.run(spec)
    assert result.items == {"images": 30, "frames": FRAMES, "one image": 1}[form]
    here = spec.model_copy(update={"output": str(tmp_path / "made" / output.rpartition("/")[2])})
    local = api.run(here)
    assert (local.sha256, local.bytes) == (result.sha256, result.bytes)
    outbox = place.admin(place.outbox)
    assert len(outbox.list_all("made")) == result.items
    assert all(
        outbox.read(f"made/{path.name}") == path.read_bytes()
        for path in (tmp_path / "made").iterdir()
    )
    inprocess.InProcess.ran = []
    assert api.run(spec).seconds == 0
    assert not inprocess.InProcess.ran


def test_what_lies_at_a_readable_output_is_not_replaced_unasked(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    place.grant("OUTBOX_SAS", place.outbox, "rcwl")
    place.admin(place.outbox).put("done/clip é.mp4", b"mine")
    with pytest.raises(BadInput, match=r"already exists.*`overwrite`"):
        api.run(video_job(place))
    assert not inprocess.InProcess.ran
    assert delivered(place) == b"mine"
    api.run(video_job(place).model_copy(update={"overwrite": True}))
    assert len(delivered(place)) > 1000


def test_what_lies_at_a_write_only_output_is_not_replaced_either(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    place.admin(place.outbox).put("done/clip é.mp4", b"mine")
    for _ in range(2):
        with pytest.raises(BadInput, match="already exists"):
            api.run(video_job(place))
        assert delivered(place) == b"mine"


def test_what_replaced_a_finished_output_is_not_replaced_by_the_same_command(
    place: Place, local_output: bytes
) -> None:
    place.grant("OUTBOX_SAS", place.outbox, "rcwl")
    api.run(video_job(place))
    place.admin(place.outbox).put("done/clip é.mp4", b"mine")
    with pytest.raises(BadInput, match="already exists"):
        api.run(video_job(place))
    assert delivered(place) == b"mine"
    place.admin(place.outbox).delete("done/clip é.mp4")
    api.run(video_job(place))
    assert delivered(place) == local_output


def test_an_image_that_lies_in_a_write_only_folder_is_not_replaced(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    outbox = place.admin(place.outbox)
    outbox.put("made/3.png", b"mine")
    spec = JobSpec(
        source=f"az://{place.inbox}/photos", output=f"az://{place.outbox}/made/", scorer="moody"
    )
    with pytest.raises(BadInput, match=r"made/3\.png: already exists"):
        api.run(spec)
    assert outbox.read("made/3.png") == b"mine"
    with pytest.raises(Unavailable, match="access is refused"):
        api.run(spec.model_copy(update={"overwrite": True}))
    place.grant("OUTBOX_SAS", place.outbox, "rcwld")
    outbox.put("made/old.png", b"old")
    api.run(spec.model_copy(update={"overwrite": True}))
    assert {stat.key for stat in outbox.list_all("made")} == {f"made/{n}.png" for n in range(30)}


def test_a_large_output_is_not_written_over_what_cannot_be_seen(
    place: Place, local_output: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.storage.upload.ONE_PUT", 100)
    place.admin(place.outbox).put("done/clip é.mp4", b"mine")
    with pytest.raises(BadInput, match="already exists"):
        api.run(video_job(place))
    assert delivered(place) == b"mine"
    place.admin(place.outbox).delete("done/clip é.mp4")
    api.run(video_job(place))
    assert delivered(place) == local_output


def photos_job(place: Place, **fields: object) -> JobSpec:
    """A job that refuses one of thirty pictures."""
    return JobSpec.model_validate(
        {
            "source": f"az://{place.inbox}/photos",
            "output": f"az://{place.outbox}/made/",
            "scorer": "moody",
            "params": {"refuse": (24 / 255,)},
            **fields,
        }
    )


def test_a_partial_output_in_a_readable_store_is_completed_unless_it_was_changed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    place.grant("OUTBOX_SAS", place.outbox, "rcwld")
    outbox = place.admin(place.outbox)
    with pytest.raises(Incomplete, match="29 of 30 images written"):
        api.run(photos_job(place))
    assert outbox.stat("made/3.png") is None
    line = json.loads(outbox.read("made.failed.jsonl"))
    assert (line["item"], line["attempts"]) == ("3.png", 1)
    outbox.put("made/4.png", b"mine")
    with pytest.raises(BadInput, match="already exists"):
        api.run(photos_job(place, max_failed=1))
    assert outbox.read("made/4.png") == b"mine"


def test_a_later_run_completes_the_partial_output_in_a_store(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    place.grant("OUTBOX_SAS", place.outbox, "rcwld")
    outbox = place.admin(place.outbox)
    for _ in range(2):
        with pytest.raises(Incomplete, match="29 of 30 images written"):
            api.run(photos_job(place))
    assert json.loads(outbox.read("made.failed.jsonl"))["attempts"] == 2
    assert api.run(photos_job(place, max_failed=1)).report.endswith("made.failed.jsonl")
    assert len(outbox.list_all("made")) == 30
    again = api.run(photos_job(place, max_failed=1))
    assert (again.seconds, again.failed) == (0, 1)


def test_nothing_partial_is_written_where_it_could_not_be_told_from_anothers(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    with pytest.raises(Incomplete, match=r"1 of 30 images failed.*cannot be read back"):
        api.run(photos_job(place))
    assert place.admin(place.outbox).list_all() == []
    api.run(photos_job(place, max_failed=1))
    assert len(place.admin(place.outbox).list_all()) == 30


@pytest.mark.parametrize("rights", ["cw", "rcwl"])
def test_two_runs_of_one_job_deliver_once_and_both_end_well(
    place: Place, local_output: bytes, rights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.grant("OUTBOX_SAS", place.outbox, rights)
    assembled = threading.Barrier(2)

    def together(path: Path) -> tuple[int, str]:
        assembled.wait(60)
        return digest(path)

    monkeypatch.setattr("impasto.driver.assembling.digest", together)
    ended: list[str] = []
    threads = [
        threading.Thread(target=lambda: ended.append(api.run(video_job(place)).sha256))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [hashlib.sha256(local_output).hexdigest()] * 2
    assert delivered(place) == local_output
    assert api.run(video_job(place)).seconds == 0


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_run_that_another_overtakes_while_it_writes_ends_well_too(
    place: Place, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    inprocess.install(monkeypatch)
    folder = f"az://{place.outbox}/made/"
    photos = JobSpec(source=f"az://{place.inbox}/photos", output=folder, scorer="moody")
    spec = video_job(place) if kind == "file" else photos
    begun, written, noted = threading.Barrier(2), threading.Event(), threading.Event()
    begin, end = ToStore._begin, Notes.end_delivery

    def both(self: ToStore) -> bool:
        first = begin(self)
        begun.wait(60)
        # Whoever began first writes last, before the other has noted what it wrote.
        assert not first or written.wait(60)
        return first

    def note(self: Notes, output: str, found: str, *, partial: bool = False) -> None:
        first = not written.is_set()
        written.set()
        if first:
            noted.wait(60)
        end(self, output, found, partial=partial)
        noted.set()

    monkeypatch.setattr(ToStore, "_begin", both)
    monkeypatch.setattr(Notes, "end_delivery", note)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(api.run, [spec, spec])
    assert first.sha256 == second.sha256
    monkeypatch.setattr(ToStore, "_begin", begin)
    assert api.run(spec).seconds == 0


def test_names_that_look_like_secrets_are_files_like_any_other(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    names = [
        "flag bearer standing-in-the-wind.png",
        "sharedkey account:secret.png",
        "a;sig=abcdefghijklmnopqrstuvwxyz.png",
        "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.sIgNaTuRe.png",
        f"{'A' * 86}==.png",
    ]
    inbox = place.admin(place.inbox)
    for name in names:
        inbox.put(f"odd/{name}", inbox.read("photos/3.png"))
    spec = JobSpec(source=f"az://{place.inbox}/odd", output=str(tmp_path / "made"), scorer="moody")
    assert api.run(spec).items == len(names)
    assert {path.name for path in (tmp_path / "made").iterdir()} == set(names)


def wrong(sas: str) -> str:
    """Another signature in the place of the right one."""
    fields = dict(part.split("=", 1) for part in sas.split("&"))
    signature = unquote(fields["sig"])
    fields["sig"] = quote(("B" if signature[0] == "A" else "A") + signature[1:], safe="")
    return "&".join(f"{name}={value}" for name, value in fields.items())


@pytest.mark.parametrize("trouble", ["wrong", "expired", "narrow", "elsewhere"])
@pytest.mark.parametrize("store", ["INBOX_SAS", "OUTBOX_SAS"])
def test_a_bad_signature_is_told_clearly_and_loses_nothing(
    place: Place, trouble: str, store: str, local_output: bytes
) -> None:
    container, right = (place.inbox, "rl") if store == "INBOX_SAS" else (place.outbox, "cw")
    other = place.control if trouble == "elsewhere" else container
    permission = {"narrow": "l"}.get(trouble, right)
    place.grant(store, other, permission, hours=-0.05 if trouble == "expired" else 1)
    if trouble == "wrong":
        place.env.setenv(store, wrong(load_variable(store)))
    with pytest.raises(Unavailable, match=f"access is refused .*to the SAS in {store}") as told:
        api.run(video_job(place))
    assert told.value.exit_code == 4
    assert "\n" not in str(told.value)
    assert "sig" not in str(told.value)
    place.grant(store, container, right)
    api.run(video_job(place))
    assert delivered(place) == local_output
    assert sorted(inprocess.InProcess.ran) == list(range(SHARDS))


def load_variable(name: str) -> str:
    from impasto.settings import secret

    return secret(name)


def test_a_signature_that_ends_in_the_middle_stops_the_job_which_then_resumes(
    place: Place, authority: Authority, local_output: bytes
) -> None:
    served = 0

    def expire(record: Record) -> Fault | None:
        nonlocal served
        served += record.method == "GET" and "comp=list" not in record.query
        return Refuse(status=403, code="AuthenticationFailed") if served > 3 else None

    with Proxy(place.endpoint, authority) as proxy:
        place.endpoint = proxy.endpoint
        place.write_config()
        through = place.settings.stores[place.inbox]
        place.endpoint = place.azurite.endpoint(DATA).removesuffix(f"/{DATA}")
        place.write_config()
        stores = {**place.settings.stores, place.inbox: through}
        settings = place.settings.model_copy(update={"stores": stores})
        proxy.fault = expire
        with pytest.raises(Unavailable, match=r"access is refused.* are done and kept"):
            api.run(video_job(place), settings=settings)
    ran = list(inprocess.InProcess.ran)
    api.run(video_job(place))
    assert delivered(place) == local_output
    assert len(inprocess.InProcess.ran) <= SHARDS + 1
    assert ran


@pytest.mark.parametrize("seed", [1, 2])
def test_a_whole_job_survives_resets_lost_replies_and_busy_servers(
    place: Place, authority: Authority, local_output: bytes, seed: int
) -> None:
    kinds: list[Fault] = [Refuse(), Reset(), LoseReply(), CutBody()]
    with Proxy(place.endpoint, authority, random_faults(seed, 0.35, kinds)) as proxy:
        place.endpoint = proxy.endpoint
        place.write_config()
        api.run(video_job(place))
        hit = [record for record in proxy.records if record.fault]
        assert len(hit) > 10
        assert {type(record.fault) for record in hit} == {type(kind) for kind in kinds}
    assert delivered(place) == local_output
    assert sorted(inprocess.InProcess.ran) == list(range(SHARDS))


def test_a_source_that_changes_while_it_is_read_stops_the_job(
    place: Place, source: Path, local_output: bytes, tmp_path: Path
) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(source.read_bytes() + bytes(8))

    def change(event: progress.Progress) -> None:
        if event.done == 1:
            place.admin(place.inbox).put_file("new clips/clip é.mp4", other)

    with pytest.raises(Incomplete, match="has changed"):
        api.run(video_job(place), on_progress=change)
    assert not place.admin(place.outbox).list_all()


def test_a_stopped_job_goes_on_where_it_stopped(place: Place, local_output: bytes) -> None:
    stop = threading.Event()

    def on_progress(event: progress.Progress) -> None:
        if event.done >= 14:
            stop.set()

    with pytest.raises(Interrupted):
        api.run(video_job(place), on_progress=on_progress, stop=stop)
    api.run(video_job(place))
    assert sorted(inprocess.InProcess.ran) == list(range(SHARDS))
    assert delivered(place) == local_output


@pytest.mark.parametrize("moment", ["before the result", "before the upload", "before the note"])
def test_a_crash_around_the_upload_is_healed_by_the_next_run(
    place: Place, local_output: bytes, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        pass

    def crash(*args: object, **named: object) -> None:
        raise Crash

    place.grant("OUTBOX_SAS", place.outbox, "rcw")
    record, put = jobs.Job.record, Store.put_file
    with monkeypatch.context() as patch:
        if moment == "before the result":
            patch.setattr(
                jobs.Job,
                "record",
                lambda self, it, n=0: crash() if isinstance(it, Result) else record(self, it, n),
            )
        elif moment == "before the upload":
            patch.setattr(Store, "put_file", lambda self, *a, **k: crash() if k else put(self, *a))
        else:
            patch.setattr(Notes, "end_delivery", crash)
        with pytest.raises(Crash):
            api.run(video_job(place))
    inprocess.InProcess.ran = []
    api.run(video_job(place))
    assert not inprocess.InProcess.ran
    assert delivered(place) == local_output


@pytest.mark.parametrize("moment", ["done/", "result.json"])
def test_killing_every_process_costs_a_shard_at_most(
    place: Place, source: Path, tmp_path: Path, moment: str
) -> None:
    options = ["--scorer", "identity", "--shard-frames", 12, "--json"]
    command = ["run", f"az://{place.inbox}/new clips/clip é.mp4", *options]
    control = place.admin(place.control, CONTROL)

    def keys() -> list[str]:
        return [stat.key for stat in control.list_all() if moment in stat.key]

    running = start(*command, "-o", f"az://{place.outbox}/clip.mp4", "--workers", 2)
    wait_for(keys)
    kill_tree(running)
    before = {key: control.read(key) for key in keys() if "done/" in key}
    place.grant("OUTBOX_SAS", place.outbox, "rcw")
    done = call(*command, "-o", f"az://{place.outbox}/clip.mp4")
    assert done.returncode == 0, done.stderr
    assert all(control.read(key) == record for key, record in before.items())
    local = ["run", source, *options, "-o", tmp_path / "clip.mp4", "--home", tmp_path / "home"]
    assert call(*local).returncode == 0
    assert place.admin(place.outbox).read("clip.mp4") == (tmp_path / "clip.mp4").read_bytes()


def test_weights_come_from_the_control_store_and_never_from_where_outsiders_write(
    place: Place, painting: Path, tmp_path: Path
) -> None:
    from importlib.resources import files

    weights = files("impasto.scorers") / "data" / "style.safetensors"
    place.admin(place.inbox).put("style.safetensors", weights.read_bytes())
    place.admin(place.control, CONTROL).put("models/style.safetensors", weights.read_bytes())
    run = ["run", f"az://{place.inbox}/photos/3.png", "--style", painting, "--weights"]
    https = f"{place.endpoint}/{DATA}/{place.inbox}/style.safetensors"
    sas = load_variable("INBOX_SAS")
    for url in (f"az://{place.inbox}/style.safetensors", https, f"{https}?{sas}"):
        done = call(*run, url, "-o", tmp_path / "no.png")
        assert done.returncode == 2
        assert "weights and scripts are only read from the control store" in done.stderr
    control = f"az://{place.control}/models/style.safetensors"
    done = call(*run, control, "-o", tmp_path / "yes.png")
    assert done.returncode == 0, done.stderr
    plain = call(*run[:-1], "-o", tmp_path / "plain.png")
    assert plain.returncode == 0, plain.stderr
    assert (tmp_path / "yes.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
    place.admin(place.control, CONTROL).put("models/style.safetensors", b"torn")
    done = call(*run, control, "-o", tmp_path / "torn.png")
    assert done.returncode == 2
    assert "not a safetensors file" in done.stderr


def secrets_of(place: Place) -> list[bytes]:
    """Every spelling of the planted secrets."""
    found = [place.azurite.accounts[CONTROL], place.azurite.accounts[DATA]]
    for name in ("INBOX_SAS", "OUTBOX_SAS"):
        sas = load_variable(name)
        signature = parse_qs(sas)["sig"][0]
        quoted = next(part[4:] for part in sas.split("&") if part.startswith("sig="))
        found += [signature, quoted, unquote(quoted)]
    return [secret.encode() for secret in found]


def everything_written(place: Place, tmp_path: Path) -> dict[str, bytes]:
    control = place.admin(place.control, CONTROL)
    outbox = place.admin(place.outbox)
    written = {stat.key: control.read(stat.key) for stat in control.list_all()}
    written |= {f"out/{stat.key}": outbox.read(stat.key) for stat in outbox.list_all()}
    written |= {str(p): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    return written


def write_unsigned(place: Place) -> None:
    """Write profiles by which only URLs with signatures reach the data."""
    ca = f'ca = "{place.azurite.ca}"\n'
    place.config.write_text(
        f'home = "az://{place.control}/impasto"\n'
        + place.profile(place.control, "control", CONTROL, "key", "CONTROL_KEY")
        + "".join(
            f'[stores.{name}]\nurl = "{place.endpoint}/{DATA}/{name}"\nauth = "anonymous"\n{ca}'
            for name in (place.inbox, place.outbox)
        )
    )


def test_no_byte_that_a_job_writes_or_prints_holds_a_secret(
    place: Place, painting: Path, tmp_path: Path
) -> None:
    signed = f"{place.endpoint}/{DATA}/{place.inbox}"
    inbox_sas, outbox_sas = load_variable("INBOX_SAS"), load_variable("OUTBOX_SAS")
    clip = f"{signed}/new%20clips/clip%20%C3%A9.mp4?{inbox_sas}"
    output = f"{place.endpoint}/{DATA}/{place.outbox}/clip.mp4?{outbox_sas}"
    write_unsigned(place)
    style = f"{signed}/{painting.name.replace(' ', '%20').replace('#', '%23')}?{inbox_sas}"
    run = ["--debug", "run", clip, "--style", style, "--shard-frames", FRAMES, "--json"]
    said = [impasto(*run, "-o", output)]
    assert said[0].returncode == 0, said[0].stderr
    said.append(impasto(*run, "-o", output))
    said.append(impasto(*run, "-o", output.replace("sp=cw", "sp=cwd")))
    said.append(impasto(*run, "--start", "0:01", "-o", output.replace("sig=", "sig=A")))
    said.append(impasto(*run, "-o", output.replace("clip.mp4", "no/../clip.mp4")))
    said.append(impasto("--debug", "run", clip.replace("sp=rl", "sp=rwl"), "-o", output))
    said.append(impasto("--debug", "probe", clip.replace("mp4?", "avi?")))
    said.append(impasto("--debug", "run", clip, "--style", "x.png", "-o", output, "--crf", "99"))
    assert {each.returncode for each in said[2:]} <= {2, 4, 0}
    home = Stores(place.settings.stores).open(place.settings.home)
    job = find.find(home, json.loads(said[0].stdout)["job"])
    said += [call("jobs"), call("show", job.id), call("show", job.id, "--json")]
    said += [call("logs", job.id), impasto("--debug", "resume", job.id)]
    texts = {f"print {n}": (it.stdout + it.stderr).encode() for n, it in enumerate(said)}
    written = everything_written(place, tmp_path)
    assert len(written) > 8
    for secret in secrets_of(place):
        for where, data in {**texts, **written}.items():
            assert secret not in data, f"{secret[:4]!r}... in {where}"
    assert hashlib.sha256(written["out/clip.mp4"]).hexdigest() == job.result().sha256  # type: ignore[union-attr]


def test_a_second_ctrl_c_ends_a_command_that_waits_for_a_dead_network(
    place: Place, authority: Authority
) -> None:
    with Proxy(place.endpoint, authority, lambda _: Delay(30)) as proxy:
        place.endpoint = proxy.endpoint
        place.write_config()
        clip = f"az://{place.inbox}/new clips/clip é.mp4"
        running = start("run", clip, "--scorer", "identity", "-o", f"az://{place.outbox}/x.mp4")
        wait_for(lambda: proxy.records)
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "impasto: stopped: nothing was scored yet; run the same command" in errors


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_workers_on_this_machine_sign_with_what_came_in_urls(
    place: Place, painting: Path, tmp_path: Path, engine: str
) -> None:
    write_unsigned(place)
    boxes = {name: f"{place.endpoint}/{DATA}/{name}" for name in (place.inbox, place.outbox)}
    reads, writes = load_variable("INBOX_SAS"), load_variable("OUTBOX_SAS")
    style = painting.name.replace(" ", "%20").replace("#", "%23")
    words: list[object] = ["run", f"{boxes[place.inbox]}/photos/3.png?{reads}"]
    words += ["--style", f"{boxes[place.inbox]}/{style}?{reads}", "--engine", engine]
    words += ["-o", f"{boxes[place.outbox]}/3.png?{writes}", "--workers", 1, "--quiet"]
    done = impasto(*words)
    assert done.returncode == 0, done.stderr
    assert place.admin(place.outbox).stat("3.png")


@pytest.mark.parametrize("output", ["painted/{path}/{name}-new.mp4", "painted/"])
def test_many_videos_of_a_store_are_painted_with_what_signs_their_folder(
    place: Place, source: Path, output: str
) -> None:
    write_unsigned(place)
    store = place.admin(place.inbox)
    for key in ("set/1.mp4", "set/deep/2.mp4", "set/read.me"):
        store.put_file(key, source)
    inbox, outbox = (f"{place.endpoint}/{DATA}/{name}" for name in (place.inbox, place.outbox))
    reads, writes = load_variable("INBOX_SAS"), load_variable("OUTBOX_SAS")
    words = ["run", f"{inbox}/set/**?{reads}", "--scorer", "identity", "--workers", "1"]
    words += ["-o", f"{outbox}/{output}?{writes}", "--json"]
    done = impasto(*words)
    assert done.returncode == 0, done.stdout
    *_, summary = map(json.loads, done.stdout.splitlines())
    assert (summary["done"], summary["failed"]) == (2, 0)
    added = "-new" if "{" in output else ""
    for key in ("1", "deep/2"):
        assert place.admin(place.outbox).stat(f"painted/{key}{added}.mp4")
    assert "/set: files left out, which are no videos: 1 (read.me)" in done.stderr
    assert not any(secret in done.stderr + done.stdout for secret in (reads, writes))
    again = impasto(*words)
    assert json.loads(again.stdout.splitlines()[-1])["done_already"] == 2, again.stderr


def test_a_job_never_signs_with_what_another_in_this_process_was_given(
    place: Place, tmp_path: Path
) -> None:
    write_unsigned(place)
    url = f"{place.endpoint}/{DATA}/{place.inbox}/photos/3.png"
    signed = f"{url}?{load_variable('INBOX_SAS')}"
    settings = place.settings.model_copy(update={"workers": WorkerRange(most=1)})

    def run(source: str, name: str) -> Result:
        spec = JobSpec(source=source, output=str(tmp_path / name), scorer="identity")
        return api.run(spec, settings=settings)

    def refuse(name: str) -> None:
        with pytest.raises(Denied, match=r"access is refused .*to anonymous requests") as refused:
            run(url, name)
        assert str(refused.value).count("\n") == 0
        assert not (tmp_path / name).exists()

    JobSpec(source=signed, output="elsewhere.png")
    refuse("before.png")
    assert run(signed, "signed.png").items == 1
    refuse("after.png")


def test_without_a_signature_or_an_identity_the_error_says_what_is_lacking(place: Place) -> None:
    clip = f"{place.endpoint}/{DATA}/{place.inbox}/new%20clips/clip%20%C3%A9.mp4"
    place.config.write_text(f'[stores.trust]\nurl = "{clip}"\nca = "{place.azurite.ca}"\n')
    done = call("probe", clip)
    assert done.returncode == 4
    assert "Azure: no identity was found here" in done.stderr
    assert len(done.stderr.splitlines()) == 1
