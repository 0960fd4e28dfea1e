"""Verification names a track whose packets are right but would be decoded wrongly."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import av
import pytest

from impasto.media.verify.setup import adts_setup, setup_of
from impasto.media.write.sink import open_output
from support.clips import make_clip
from support.remake import remake, verify

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "another rate": ("pcm_s16le", {"rate": 44100}),
    "mono as stereo": ("pcm_s16le", {"layout": "mono"}),
    "another codec": ("pcm_s16le", {"codec": "pcm_s16be"}),
    "another setup of AAC": ("aac", {"extradata": b"\x12\x10"}),
    "another setup of FLAC": ("flac", {"extradata": bytes(34)}),
    "another setup of Opus": ("libopus", {"extradata": b"OpusHead\1\1" + bytes(9)}),
}


@pytest.mark.parametrize("case", CASES)
def test_sound_with_another_label_is_named(case: str, tmp_path: Path) -> None:
    codec, label = CASES[case]
    source = make_clip(tmp_path / "source.mkv", frames=12, audio=(codec,))
    output = remake(source, tmp_path / "output.mkv").path
    assert broken(source, output) == set()
    found = relabelled(output, tmp_path / "found.mkv", **label)
    assert broken(source, found) == {"sound 1 format"}


def test_what_was_expected_is_said_only_where_something_else_was_found(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.mkv", frames=12, audio=("aac",))
    output = remake(source, tmp_path / "output.mkv").path
    kept = {check.item: check.detail for check in verify(str(source), str(output)).checks}
    assert kept["sound 1 format"] == "aac 48000 Hz stereo"
    assert "expected" not in " ".join(kept.values())
    found = relabelled(output, tmp_path / "found.mkv", extradata=b"\x12\x10")
    lost = {check.item: check.detail for check in verify(str(source), str(found)).checks}
    assert re.fullmatch("aac .* setup 1210, expected aac .* setup 11.*", lost["sound 1 format"])


@pytest.mark.parametrize(
    ("suffix", "codec", "output"),
    [
        (".ts", "aac", ".mp4"),
        (".ts", "aac", ".mkv"),
        (".ts", "mp2", ".mp4"),
        (".ts", "libopus", ".mp4"),
        (".avi", "libmp3lame", ".mp4"),
        (".avi", "pcm_s16le", ".mkv"),
        (".mov", "pcm_s16le", ".mkv"),
        (".mov", "alac", ".mkv"),
        (".mkv", "flac", ".mp4"),
        (".mkv", "pcm_s16le", ".mp4"),
        (".mkv", "libopus", ".mp4"),
    ],
)
def test_another_containers_form_of_a_label_passes(
    clip: MakeClip, tmp_path: Path, suffix: str, codec: str, output: str
) -> None:
    fields = {"codec": "mpeg4", "bframes": 0} if suffix == ".avi" else {}
    source = clip(suffix, frames=12, audio=(codec,), **fields)
    made = remake(source, tmp_path / f"o{output}").path
    assert broken(source, made) == set()


def test_an_aac_packets_header_says_what_mp4_says_of_it(clip: MakeClip) -> None:
    with av.open(str(clip(".ts", frames=12, audio=("aac",)))) as container:
        packet = next(p for p in container.demux(audio=0) if p.size)
        assert adts_setup(bytes(packet)) == b"\x11\x90"


def test_a_setup_leaves_out_what_decoding_does_not_need() -> None:
    first, last = b"\x01vorbis" + bytes(23), b"\x05vorbis-setup"
    for comments in (b"", b"\x03vorbis by another muxer"):
        laced = b"\x02\x1e" + bytes([len(comments)]) + first + comments + last
        assert setup_of("vorbis", laced) == first + last
    assert setup_of("flac", b"fLaC\x80\0\0\x22" + bytes(34)) == bytes(34)
    assert setup_of("mp3float", b"waveformat") == b""


def broken(source: Path, output: Path) -> set[str]:
    return {check.item for check in verify(str(source), str(output)).checks if check.ok is False}


def relabelled(
    path: Path,
    output: Path,
    codec: str | None = None,
    rate: int = 48000,
    layout: str = "stereo",
    extradata: bytes | None = None,
) -> Path:
    """A copy of a Matroska file, in which the sound's header is another."""
    with av.open(str(path)) as container:
        units = [s.time_base for s in container.streams if s.time_base]
        out = open_output(output, "mkv", units[0], units)
        picture = out.add_stream_from_template(container.streams.video[0], opaque=True)
        given = container.streams.audio[0]
        sound: Any = (
            out.add_stream(codec, rate=rate, layout=layout)
            if codec
            else out.add_stream_from_template(given, opaque=True)
        )
        context = sound.codec_context
        context.sample_rate, context.layout = rate, layout
        if extradata is not None:
            context.extradata = extradata
        for packet in container.demux():
            if packet.size:
                packet.stream = sound if packet.stream_index == given.index else picture
                out.mux(packet)
        out.close()
    return output
