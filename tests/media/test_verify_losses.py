"""Whatever an output loses of its source, verification says so."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest
from av.stream import Disposition

from impasto.media.formats import family_of
from impasto.media.write.sink import open_output
from impasto.schema.source import Colour
from support.clips import Clip, make_clip
from support.remake import remake, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from av.container import OutputContainer
    from av.packet import Packet

    Packets = list[Packet[Any]]
    """One stream's, in order."""

EMPTY = 2
"""Bytes of a packet that only fills time between two subtitles of an MP4 file."""

TEXTS = ((0, 1, "one"), (1, 2, "two"), (3, 4, "three"))
FIELDS: dict[str, Any] = {
    "frames": 100,
    "audio": ("ac3",),
    "languages": ("deu",),
    "subtitles": TEXTS,
    "colour": Colour(matrix=1, full_range=False, primaries=1, transfer=1),
}


def whole(_: Packets) -> None:
    """Change nothing."""


def dropped(packets: Packets) -> None:
    del packets[30]


def moved(packets: Packets) -> None:
    packets[30].pts = (packets[30].pts or 0) + ticks(packets[30], 3)


def shifted(packets: Packets) -> None:
    for packet in packets:
        packet.pts = (packet.pts or 0) + ticks(packet, 40)
        packet.dts = packet.pts


def cut_short(packets: Packets) -> None:
    last = max(packets, key=lambda p: p.pts or 0)
    last.duration = packets[-1].duration = (last.duration or 0) // 2


def swapped(packets: Packets) -> None:
    first, second, *_ = (place for place, packet in enumerate(packets) if packet.size > EMPTY)
    pair = packets[first], packets[second]
    for place, taken, at in ((first, pair[1], pair[0]), (second, *pair)):
        packet: Packet[Any] = av.Packet(bytes(taken))
        packet.pts, packet.dts, packet.duration = at.pts, at.dts, at.duration
        packet.time_base = at.time_base
        packets[place] = packet


def shown_longer(packets: Packets) -> None:
    _, second, *_ = (packet for packet in packets if packet.size > EMPTY)
    second.duration = (second.duration or 0) + ticks(second, 500)
    packets[:] = [packet for packet in packets if packet.size > EMPTY]


def ticks(packet: Packet[Any], milliseconds: int) -> int:
    return round(Fraction(milliseconds, 1000) / packet.time_base)


def another_language(out: OutputContainer) -> None:
    out.streams.audio[0].metadata["language"] = "ita"


LOSSES: dict[str, tuple[str, Callable[[Packets], None], set[str]]] = {
    "nothing": ("video", whole, set()),
    "a frame": ("video", dropped, {"frames", "timestamps"}),
    "a frame's time": ("video", moved, {"timestamps"}),
    "the last frame's duration": ("video", cut_short, {"last frame"}),
    "the sound's time": ("audio", shifted, {"sound 1 offset"}),
    "a packet of sound": ("audio", dropped, {"sound 1 packets", "sound 1 offset"}),
    "the subtitles' order": ("subtitle", swapped, {"subtitles 1 packets"}),
    "a subtitle's duration": ("subtitle", shown_longer, {"subtitles 1 durations"}),
}


@pytest.fixture(scope="module", params=[".mp4", ".mov", ".mkv"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A source and its output, of one container."""
    folder = tmp_path_factory.mktemp("losses")
    suffix = request.param.replace("mov", "mp4")
    source = make_clip(folder / f"source{suffix}", Clip(**FIELDS))
    return source, remake(source, folder / f"output{request.param}", shard=100).path


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_named(pair: tuple[Path, Path], tmp_path: Path, loss: str) -> None:
    kind, change, items = LOSSES[loss]
    source, output = pair
    found = copied(output, tmp_path / output.name, kind, change)
    assert broken(source, found) == items


def test_another_language_is_named(pair: tuple[Path, Path], tmp_path: Path) -> None:
    source, output = pair
    found = copied(output, tmp_path / output.name, "audio", whole, another_language)
    assert broken(source, found) == {"sound 1 language"}


def a_title(out: OutputContainer) -> None:
    out.streams.audio[0].metadata["title"] = "Director"


def a_flag(out: OutputContainer) -> None:
    out.streams.subtitles[0].disposition |= Disposition.forced


def a_tracks_default(out: OutputContainer) -> None:
    out.streams.subtitles[0].disposition |= Disposition.default


@pytest.mark.parametrize(
    ("header", "items"),
    [
        (a_title, {"sound 1 title"}),
        (a_flag, {"subtitles 1 flags"}),
        (a_tracks_default, set()),
    ],
)
def test_a_label_that_the_source_has_not_is_named(
    tmp_path: Path, header: Callable[[OutputContainer], None], items: set[str]
) -> None:
    source = make_clip(tmp_path / "source.mp4", Clip(**FIELDS))
    output = remake(source, tmp_path / "output.mkv").path
    found = copied(output, tmp_path / "found.mkv", "video", whole, header)
    assert broken(source, found) == items


@pytest.mark.parametrize("flag", [Disposition.hearing_impaired, Disposition.visual_impaired])
def test_a_flag_that_mp4_reads_as_two_is_no_new_one(tmp_path: Path, flag: Disposition) -> None:
    def flagged(out: OutputContainer) -> None:
        out.streams.audio[0].disposition = flag

    plain = make_clip(tmp_path / "plain.mkv", Clip(frames=12, bframes=0, audio=("ac3",)))
    source = copied(plain, tmp_path / "source.mkv", "video", whole, flagged)
    assert broken(source, remake(source, tmp_path / "output.mp4").path) == set()


@pytest.mark.parametrize(
    ("filename", "mimetype", "item"),
    [
        ("other.txt", "text/plain", "attachment 1 filename"),
        ("note.txt", "text/html", "attachment 1 mimetype"),
    ],
)
def test_an_attachments_other_name_or_type_is_named(
    tmp_path: Path, filename: str, mimetype: str, item: str
) -> None:
    source = make_clip(tmp_path / "source.mkv", Clip(frames=12, attachment=True))
    output = remake(source, tmp_path / "output.mkv").path
    assert broken(source, output) == set()
    bare = remake(make_clip(tmp_path / "bare.mkv", Clip(frames=12)), tmp_path / "bare_output.mkv")

    def attached(out: OutputContainer) -> None:
        out.add_attachment(filename, mimetype, b"attached")

    found = copied(bare.path, tmp_path / "found.mkv", "video", whole, attached)
    assert broken(source, found) == {item}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_chapters_end_is_compared_where_the_container_keeps_it(
    tmp_path: Path, suffix: str, place: int
) -> None:
    chapters = [(0, 1, "first"), (2, 4, "second")]
    source = make_clip(tmp_path / "a.mkv", Clip(chapters=tuple(chapters)))
    whole = remake(source, tmp_path / f"whole{suffix}").path
    assert broken(source, whole) == set()
    start, end, title = chapters[place]
    chapters[place] = (start, end + 1, title)
    longer = make_clip(tmp_path / "b.mkv", Clip(chapters=tuple(chapters)))
    found = remake(longer, tmp_path / f"found{suffix}").path
    kept = place == 1 or suffix == ".mkv"
    assert broken(source, found) == ({"chapters"} if kept else set())


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_lost_colour_tags_are_named(tmp_path: Path, suffix: str) -> None:
    tagged = make_clip(tmp_path / "tagged.mkv", Clip(colour=FIELDS["colour"]))
    bare = make_clip(tmp_path / "bare.mkv", Clip())
    output = remake(bare, tmp_path / f"output{suffix}").path
    assert broken(tagged, output) == {"colour"}


def test_a_video_made_to_run_evenly_is_named(tmp_path: Path) -> None:
    """As happened when one timestamp was wrong: all others were lost."""
    times = tuple(20 * n if n < 16 else 320 + 80 * (n - 16) for n in range(48))
    unit = Fraction(1, 1000)
    source = make_clip(tmp_path / "a.mkv", Clip(pts=times, time_base=unit, bframes=0))
    evenly = make_clip(tmp_path / "b.mkv", Clip(rate=Fraction(50), bframes=0))
    output = remake(evenly, tmp_path / "output.mkv").path
    assert "timestamps" in broken(source, output)


def broken(source: Path, output: Path) -> set[str]:
    return {check.item for check in verify(str(source), str(output)).checks if check.ok is False}


def copied(
    path: Path,
    output: Path,
    kind: str,
    change: Callable[[Packets], None],
    header: Callable[[OutputContainer], None] = lambda _: None,
) -> Path:
    """A copy of a video, in which the packets of the first stream of a kind are changed."""
    with av.open(str(path)) as container:
        units = [s.time_base for s in container.streams if s.time_base]
        out = open_output(output, family_of(output.name), units[0], units)
        streams: dict[int, Any] = {}
        found: dict[int, Packets] = {}
        for stream in container.streams:
            streams[stream.index] = out.add_stream_from_template(stream, opaque=True)
            streams[stream.index].metadata.update(stream.metadata)
            streams[stream.index].disposition = stream.disposition
            found[stream.index] = []
        header(out)
        for packet in container.demux():
            if packet.size:
                found[packet.stream_index].append(packet)
        change(next(found[s.index] for s in container.streams if s.type == kind))
        for index, packets in found.items():
            for packet in packets:
                packet.stream = streams[index]
        every = [packet for packets in found.values() for packet in packets]
        for packet in sorted(every, key=lambda p: (p.dts or p.pts or 0) * p.time_base):
            out.mux(packet)
        out.close()
    return output
