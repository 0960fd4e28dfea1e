"""What is not the picture survives assembly, or its loss is told."""

from __future__ import annotations

from contextlib import nullcontext
from fractions import Fraction
from io import FileIO
from typing import TYPE_CHECKING, Any

import av
import pytest
from av.stream import Disposition

from impasto.errors import BadInput
from impasto.media.join.assemble import HEAD, rehearse
from impasto.media.read.index import scan
from impasto.media.write.target import changes, target
from impasto.schema.source import Colour
from support.clips import Clip, make_clip
from support.remake import remake, subtitles

if TYPE_CHECKING:
    from pathlib import Path

    from av.container.core import Chapter

    from conftest import MakeClip

MS = Fraction(1, 1000)

RICH: dict[str, Any] = {
    "audio": ("aac", "ac3"),
    "languages": ("deu", "fra"),
    "subtitles": ((0, 1, "one"), (1, 2, "two")),
    "chapters": ((0, 1, "first"), (1, 2, "second")),
    "metadata": {"title": "A title", "artist": "Somebody", "comment": "said"},
    "titles": {1: "Director"},
    "rotation": 90,
    "sample_aspect": Fraction(16, 11),
    "colour": Colour(matrix=9, full_range=True, primaries=9, transfer=14),
}


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        (".mp4", ".mp4", {"cover": True}),
        (".mp4", ".mov", {}),
        (".mp4", ".mkv", {"cover": True}),
        (".mkv", ".mkv", {"attachment": True}),
        (".mkv", ".mp4", {}),
        (".mkv", ".mov", {}),
    ],
)
def test_labels_and_side_streams_are_kept(
    clip: MakeClip, tmp_path: Path, before: str, after: str, more: dict[str, Any]
) -> None:
    output = remake(clip(before, **RICH, **more), tmp_path / f"output{after}")
    assert output.notes == []
    found = scan(str(output.path), "output").facts
    matrix = output.index.facts.display_matrix
    assert matrix is not None
    assert found.display_matrix == matrix
    assert found.sample_aspect == Fraction(16, 11)
    assert found.colour == RICH["colour"]
    with av.open(str(output.path)) as container:
        tags = {name.lower(): value for name, value in container.metadata.items()}
        assert RICH["metadata"].items() <= tags.items()
        assert [s.language for s in container.streams.audio] in (["deu", "fra"], ["ger", "fra"])
        first = container.streams.audio[0].metadata
        assert first.get("title", first.get("name")) == "Director"
        assert [_chapter(c) for c in container.chapters()] == [(0, "first"), (1, "second")]
        covers = [s for s in container.streams if Disposition.attached_pic in s.disposition]
        assert len(covers) == ("cover" in more)
        attached = [s.data for s in container.streams.attachments]
        assert attached == ([b"attached"] if "attachment" in more else [])
    assert subtitles(output.path) == [(0, b"one"), (1, b"two")]


def _chapter(chapter: Chapter) -> tuple[int, str]:
    """Its start in whole seconds, once moved back by the 21 ms of sound before it."""
    unit = chapter["time_base"] or Fraction(1)
    start = chapter["start"] * unit
    assert min(start % 1, -start % 1) <= 22 * MS
    return round(start), chapter["metadata"]["title"]


def test_flags_are_kept_as_far_as_the_container_has_them(tmp_path: Path) -> None:
    source = _flagged(make_clip(tmp_path / "a.mkv", Clip(audio=("aac", "aac"))))
    kept = remake(source, tmp_path / "output.mkv")
    lost = remake(source, tmp_path / "output.mov")
    with av.open(str(kept.path)) as container:
        flags = [s.disposition for s in container.streams.audio]
    assert flags == [Disposition.default, Disposition.comment]
    assert lost.notes == ["sound track 2 loses its flag 'comment'"]


def _flagged(path: Path) -> Path:
    flagged = path.with_stem("flagged")
    with (
        av.open(str(path)) as before,
        av.open(str(flagged), "w", container_options={"default_mode": "passthrough"}) as after,
    ):
        streams = {s.index: after.add_stream_from_template(s, opaque=True) for s in before.streams}
        streams[1].disposition = Disposition.default
        streams[2].disposition = Disposition.comment
        for packet in before.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                after.mux(packet)
    return flagged


def test_markup_that_mp4_would_show_goes(clip: MakeClip, tmp_path: Path) -> None:
    source = clip(".mkv", subtitles=((0, 1, r"{\i1}slanted{\i0}"),))
    output = remake(source, tmp_path / "output.mp4")
    assert subtitles(output.path) == [(0, b"slanted")]


def test_what_the_container_cannot_keep_is_told(clip: MakeClip, tmp_path: Path) -> None:
    fields = {"metadata": {"title": "A title", "mood": "calm"}, "attachment": True}
    output = remake(clip(".mkv", **fields, size=(96, 64)), tmp_path / "output.mp4")
    assert output.notes == [
        "tags dropped, which MP4 cannot store: mood",
        "attachment track 1 is dropped: MP4 cannot carry it",
    ]


def test_what_pictures_cannot_stay_is_told(clip: MakeClip) -> None:
    facts = scan(str(clip(".mp4")), "a").facts
    hdr = Colour(matrix=9, full_range=False, primaries=9, transfer=16)
    odd = facts.model_copy(
        update={"pixel_format": "yuv422p10le", "interlaced": True, "width": 97, "colour": hdr}
    )
    assert changes(facts, target(facts, ".mp4", 96, 64)) == []
    assert changes(odd, target(odd, ".mp4", 97, 64)) == [
        "4:2:2 colour becomes 4:2:0",
        "interlaced pictures become progressive",
        "pictures of 97x64 are padded to 98x64",
    ]
    assert changes(odd, target(odd, ".webm", 97, 64))[0] == "10-bit pictures become 8-bit"


@pytest.mark.parametrize(
    ("pixel_format", "said"),
    [
        ("yuv420p", []),
        ("gray", []),
        ("yuv444p", ["4:4:4 colour becomes 4:2:0"]),
        ("yuyv422", ["4:2:2 colour becomes 4:2:0"]),
        ("gbrp", ["RGB colour becomes 4:2:0"]),
        ("gbrp12le", ["12-bit pictures become 10-bit", "RGB colour becomes 4:2:0"]),
    ],
)
def test_colour_that_is_reduced_is_named_by_its_sampling(
    clip: MakeClip, pixel_format: str, said: list[str]
) -> None:
    facts = scan(str(clip(".mp4")), "a").facts.model_copy(update={"pixel_format": pixel_format})
    assert changes(facts, target(facts, ".mp4", 96, 64)) == said


def test_transparency_that_is_lost_is_named_beside_the_colour(clip: MakeClip) -> None:
    changed = {"pixel_format": "yuva444p10le", "alpha": True}
    facts = scan(str(clip(".mp4")), "a").facts.model_copy(update=changed)
    lost = ["4:4:4 colour becomes 4:2:0", "transparent pictures become opaque"]
    assert changes(facts, target(facts, ".mp4", 96, 64)) == lost


def test_packets_that_the_container_refuses_are_refused_at_a_rehearsal(tmp_path: Path) -> None:
    """FFmpeg looks for a header in AAC that begins as one does, and here finds none."""
    whole = make_clip(tmp_path / "whole.mkv", Clip(audio=("aac",)))
    data = bytearray(whole.read_bytes())
    with av.open(str(whole)) as container:
        for packet in container.demux(audio=0):
            if packet.size:
                start = data.index(bytes(packet))
                data[start : start + packet.size] = b"\xff" * packet.size
    (spoilt := tmp_path / "spoilt.mkv").write_bytes(data)
    for source, refused in ((whole, False), (spoilt, True)):
        index = scan(str(source), "clip")
        aim = target(index.facts, ".mp4", 96, 64)
        with pytest.raises(BadInput, match="the output was refused") if refused else nullcontext():
            rehearse(str(source), "clip", index.facts, aim, index.pts[0])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_rehearsal_reads_little(clip: MakeClip, suffix: str) -> None:
    source = clip(suffix, size=(640, 480), noise=30.0, audio=("aac",), frames=96, gop=4)
    size = source.stat().st_size
    index = scan(str(source), "clip")
    aim = target(index.facts, suffix, 640, 480)
    with Counting(source) as file:
        rehearse(file, "clip", index.facts, aim, index.pts[0])
    assert size > 3 * HEAD
    assert file.taken < HEAD * 3 // 2


class Counting(FileIO):
    """A file that counts the bytes that are read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


@pytest.mark.parametrize(
    ("audio", "suffix", "message"),
    [
        ("aac", ".webm", "is AAC, which WebM cannot carry"),
        ("flac", ".mov", "is FLAC, which QuickTime cannot carry"),
    ],
)
def test_sound_is_never_dropped_or_encoded_again(
    clip: MakeClip, tmp_path: Path, audio: str, suffix: str, message: str
) -> None:
    with pytest.raises(BadInput, match=rf"sound track 1 {message}.*\.mkv"):
        remake(clip(".mkv", audio=(audio,)), tmp_path / f"output{suffix}")
