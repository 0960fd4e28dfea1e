"""Objects read by ranges give the same bytes and frames as files, in few requests."""

from __future__ import annotations

import hashlib
import io
import os
import random
import threading
import tracemalloc
from datetime import timedelta
from itertools import count, islice
from typing import TYPE_CHECKING

import av
import pytest

from impasto.errors import Changed, Missing, Unavailable
from impasto.media.frame import Frame
from impasto.schema.job import JobSpec
from impasto.sources.open import open_source
from impasto.storage import clients
from impasto.storage.named_file import File
from impasto.storage.ranges import BLOCK, WINDOW, RangeReader, open_object
from support import stores as places
from support.clips import make_clip
from support.faults import CutBody, Fault, LoseReply, Proxy, Refuse, Reset
from support.planned import planned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from impasto.schema.plan import Plan
    from impasto.sources.base import Source
    from impasto.storage.store import Stat, Store
    from support.cloud import Authority, Azurite
    from support.stores import Backend

FILMS = ("index_last.mp4", "index_first.mp4", "film.mkv")
SHARD = 250
MOST_REQUESTS = 12
MOST_BYTES = 1.3
"""Requests, and bytes in units of what its packets span, of a shard."""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 23 MB, with sound, in three containers."""
    folder = tmp_path_factory.mktemp("films")
    rate = {"b": "6M", "maxrate": "6M", "bufsize": "1M", "x264-params": "nal-hrd=cbr"}
    options = {"preset": "ultrafast", **rate}
    first = folder / FILMS[0]
    make_clip(first, frames=3 * SHARD, gop=50, options=options, audio=("aac",))
    for name, muxing in ((FILMS[1], {"movflags": "+faststart"}), (FILMS[2], {})):
        with av.open(str(first)) as source, av.open(str(folder / name), "w", options=muxing) as to:
            streams = [to.add_stream_from_template(stream) for stream in source.streams]
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    to.mux(packet)
    return folder


@pytest.fixture
def proxy(azurite: Azurite, authority: Authority) -> Iterator[Proxy]:
    with Proxy(azurite.endpoint(), authority) as proxy:
        yield proxy


@pytest.fixture
def far(proxy: Proxy, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """A container behind the proxy, whose client waits for little."""
    waits = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=5)}
    monkeypatch.setattr(clients, "RETRY", {**clients.RETRY, "backoff": waits})
    monkeypatch.setattr("impasto.storage.requests.WAITS", (0.001,) * 5)
    return places.azure(monkeypatch, azurite, proxy=proxy)


def put(store: Store, size: int) -> tuple[bytes, Stat]:
    data = random.Random(size).randbytes(size)
    store.put("a", data)
    stat = store.stat("a")
    assert stat
    return data, stat


def plan_of(source: Source, etag: str = "", shard: int = SHARD) -> Plan:
    """Plan to read a source, as the version of an etag."""
    spec = JobSpec(source=source.url, output="frames/", shard_frames=shard)
    return planned(source, spec).model_copy(update={"etag": etag})


def digests(frames: Iterable[object]) -> list[str]:
    """What tells frames apart."""
    return [
        hashlib.sha256(b"".join(plane.tobytes() for plane in frame.planes)).hexdigest()
        for frame in frames
        if isinstance(frame, Frame)
    ]


# Bytes.


@pytest.mark.parametrize("expected", [None, (0, 3_000_000), (700_000, 2_000_001)])
def test_any_seeks_and_reads_give_the_bytes_of_the_object(
    far: Backend, expected: tuple[int, int] | None
) -> None:
    store = far.open()
    data, stat = put(store, 3_000_000)
    twin = io.BytesIO(data)
    dice = random.Random(1)
    with RangeReader(store, stat) as reader:
        if expected:
            reader.will_read(*expected)
        for _ in range(150):
            if dice.random() < 0.5:
                place = dice.choice((dice.randrange(len(data) + 100_000), len(data), 0))
                assert reader.seek(place) == twin.seek(place)
            elif dice.random() < 0.2:
                assert reader.seek(-100, io.SEEK_END) == twin.seek(-100, io.SEEK_END)
                assert reader.seek(7, io.SEEK_CUR) == twin.seek(7, io.SEEK_CUR)
            wanted = dice.choice((0, 1, 100, BLOCK, BLOCK + 1, 500_000))
            got = reader.read(wanted)
            assert got is not None
            assert got == twin.read(len(got))
            # Less than was wanted comes only where what was expected, or the object, ends.
            assert len(got) == wanted or reader.tell() >= len(data) or reader.tell() % BLOCK == 0
            assert got or not wanted or reader.tell() >= len(data)
            assert reader.tell() == twin.tell()


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, WINDOW * BLOCK + 1])
def test_an_object_of_any_size_is_read_to_its_end(far: Backend, size: int) -> None:
    store = far.open()
    data, stat = put(store, size)
    with RangeReader(store, stat) as reader:
        assert reader.readall() == data
    with open_object(store, stat) as expecting:
        assert expecting.read() == data


def test_reading_on_takes_ever_longer_requests(far: Backend, proxy: Proxy) -> None:
    store = far.open()
    data, stat = put(store, 20_000_000)
    proxy.clear()
    with RangeReader(store, stat) as reader:
        assert reader.readall() == data
    lengths = [record.down for record in proxy.records]
    assert lengths[0] <= 2 * BLOCK
    assert lengths[:-1] == sorted(lengths[:-1])
    assert len(lengths) <= 10
    assert sum(lengths) == len(data)


def test_what_is_expected_is_fetched_once_and_no_more(far: Backend, proxy: Proxy) -> None:
    store = far.open()
    data, stat = put(store, 20_000_000)
    proxy.clear()
    with open_object(store, stat, (1_000_000, 18_000_000)) as reader:
        reader.seek(1_000_000)
        got = b"".join(iter(lambda: reader.read(BLOCK) if reader.tell() < 18_000_000 else b"", b""))
    assert got[:17_000_000] == data[1_000_000:18_000_000]
    assert len(proxy.records) == 3
    assert sum(record.down for record in proxy.records) <= 17_000_000 + 2 * BLOCK


def test_a_small_read_fetches_little(far: Backend, proxy: Proxy) -> None:
    store = far.open()
    data, stat = put(store, 20_000_000)
    proxy.clear()
    with RangeReader(store, stat) as reader:
        reader.seek(10_000_000)
        assert reader.read(10) == data[10_000_000:10_000_010]
        assert reader.read(10) == data[10_000_010:10_000_020]
        assert (reader.requests, reader.fetched) == (1, proxy.records[0].down)
        assert reader.fetched <= 2 * BLOCK
        reader.seek(-10, io.SEEK_END)
        assert reader.read(10) == data[-10:]
        reader.seek(-500_000, io.SEEK_END)
        assert reader.read(10) == data[-500_000:-499_990]
    assert proxy.count() == 3


def test_memory_does_not_grow_with_the_object(far: Backend, tmp_path: Path) -> None:
    store = far.open()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(64 << 20)
    store.put_file("a", tmp_path / "large")
    stat = store.stat("a")
    assert stat
    buffer = bytearray(BLOCK)
    with open_object(store, stat) as reader:
        tracemalloc.start()
        try:
            done = 0
            while count := reader.readinto(buffer):  # type: ignore[attr-defined]
                done += count
            assert done == 64 << 20
            assert tracemalloc.get_traced_memory()[1] < 48 << 20
        finally:
            tracemalloc.stop()


def test_a_closed_reader_is_closed_for_good(far: Backend, proxy: Proxy) -> None:
    store = far.open()
    _, stat = put(store, 20_000_000)
    reader = open_object(store, stat)
    reader.read(1)
    reader.close()
    reader.close()
    for act in (lambda: reader.read(1), lambda: reader.seek(0), reader.tell):
        with pytest.raises(ValueError, match="closed file"):
            act()


def test_a_reader_that_is_left_behind_leaves_no_thread(far: Backend) -> None:
    store = far.open()
    _, stat = put(store, 20_000_000)
    for _ in range(3):
        open_object(store, stat).read(1)
    threads = [each for each in threading.enumerate() if each.name.startswith("ahead")]
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_another_version_is_never_mixed_in(far: Backend) -> None:
    store = far.open()
    _, stat = put(store, 2_000_000)
    with RangeReader(store, stat) as reader:
        reader.read(10)
        store.put("a", os.urandom(2_000_000))
        with pytest.raises(Changed, match="/a: has changed in the meantime"):
            reader.readall()


def test_a_file_is_looked_up_once(far: Backend, proxy: Proxy) -> None:
    store = far.open("box")
    data, _ = put(store, 1000)
    proxy.clear()
    file = File(far.stores, f"{far.url}/box/a")
    assert (file.url, file.name) == (f"{far.url}/box/a", "a")
    opened = file.open()
    assert not isinstance(opened, str)
    with opened:
        assert opened.read() == data
    assert [record.method for record in proxy.records] == ["HEAD", "GET"]
    file.require_version(file.etag)
    with pytest.raises(Changed, match="has changed since the job began"):
        file.require_version("another")
    with pytest.raises(Missing, match="/box/none: no such object"):
        File(far.stores, f"{far.url}/box/none")


# Frames.


@pytest.fixture
def uploaded(
    far: Backend, films: Path, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Source]:
    def upload(name: str) -> Source:
        near = places.azure(monkeypatch, azurite, far.url.removeprefix("az://"))
        near.open("film").put_file(name, films / name)
        return open_source(far.stores, f"{far.url}/film/{name}")

    return upload


def nearby(films: Path, name: str) -> Source:
    """The same film as a file."""
    return open_source(places.folder(films).stores, str(films / name))


@pytest.mark.parametrize("name", FILMS)
def test_a_shard_of_a_film_costs_little_more_than_its_packets(
    uploaded: Callable[[str], Source], proxy: Proxy, films: Path, name: str
) -> None:
    source, local = uploaded(name), nearby(films, name)
    plan = plan_of(source)
    assert plan == plan_of(local)
    shard = plan.shards[1]
    assert shard.cut
    assert shard.cut.span
    assert (len(plan.shards), len(shard)) == (3, SHARD)
    proxy.clear()
    frames = digests(source.read(plan, shard, 1))
    assert frames == digests(local.read(plan, shard, 1))
    assert len(set(frames)) == SHARD
    payload = shard.cut.span[1] - shard.cut.span[0]
    assert payload > 7_000_000
    assert proxy.count() <= MOST_REQUESTS
    assert sum(record.down for record in proxy.records) <= MOST_BYTES * payload


@pytest.mark.parametrize("name", FILMS)
def test_a_film_replaced_while_it_is_read_ends_the_reading(
    far: Backend, uploaded: Callable[[str], Source], films: Path, name: str
) -> None:
    source, local = uploaded(name), nearby(films, name)
    plan = plan_of(local, source.etag, 3 * SHARD)
    (shard,) = plan.shards
    frames = source.read(plan, shard, 2)
    seen = [next(frames)]
    uploaded(name)
    with pytest.raises(Changed, match=f"{name}: has changed in the meantime; "):
        seen.extend(frames)
    assert 0 < len(seen) < 3 * SHARD
    same = local.read(plan.model_copy(update={"etag": ""}), shard, 2)
    assert digests(seen) == digests(islice(same, len(seen)))
    with pytest.raises(Changed, match="since the job began"):
        next(open_source(far.stores, source.url).read(plan, shard, 1))


@pytest.mark.parametrize("fault", [CutBody(), Reset(), Refuse(), LoseReply()], ids=repr)
def test_trouble_on_the_way_changes_no_frame(
    uploaded: Callable[[str], Source], proxy: Proxy, films: Path, fault: Fault
) -> None:
    source, local = uploaded(FILMS[0]), nearby(films, FILMS[0])
    plan = plan_of(local)
    number = count()
    proxy.clear()
    proxy.fault = lambda _: None if next(number) % 2 else fault
    frames = digests(source.read(plan, plan.shards[1], 1))
    assert any(record.fault for record in proxy.records)
    assert frames == digests(local.read(plan, plan.shards[1], 1))


def test_lasting_trouble_ends_the_reading_in_one_line(
    uploaded: Callable[[str], Source], proxy: Proxy, films: Path
) -> None:
    source = uploaded(FILMS[2])
    plan = plan_of(nearby(films, FILMS[2]))
    proxy.fault = lambda _: Refuse()
    with pytest.raises(Unavailable, match=f"{FILMS[2]}: .* answers 503"):
        digests(source.read(plan, plan.shards[1], 1))
