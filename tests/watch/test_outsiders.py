"""Whoever may write into an inbox reads and writes nothing outside it, whatever is dropped there.

What is dropped goes the way of a watcher: a decision, a look at where it really is, and a job.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from impasto import run
from impasto.errors import BadInput, ImpastoError
from impasto.settings import Settings
from impasto.storage.stores import Stores
from impasto.watch.inside import check_inside
from impasto.watch.matching import Passed, decide
from impasto.watch.trigger import read_trigger
from support import stores as places
from support.rules import arrival, the_rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.schema.watch import Ticket
    from impasto.watch.rule import Rule

RULE = """
[rules.copy]
inbox = "in"
scorer = "identity"
patterns = ["**"]
output = "out/{path}/{name}%s"
"""
GREY = 77


class Place:
    """An inbox that takes everything, with a secret picture and a secret clip beside it."""

    def __init__(self, folder: Path, clip: Path, suffix: str = ".mp4") -> None:
        self.folder, self.inbox, self.out = folder, folder / "in", folder / "out"
        self.secret, self.film = folder / "secret.png", folder / "secret.mp4"
        (self.inbox / "alice").mkdir(parents=True)
        Image.new("RGB", (32, 32), (GREY,) * 3).save(self.secret)
        shutil.copy(clip, self.film)
        self.rule: Rule = the_rule(folder, RULE % suffix)
        self.settings = Settings(home=str(folder / "home"), engine="inline")

    def drop(self, key: str, content: bytes) -> str:
        path = self.inbox / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return key

    def tickets(self, key: str) -> tuple[Ticket, ...]:
        """What a watcher makes of a key; raises BadInput where it makes nothing of it."""
        size = max(1, (self.inbox / key).lstat().st_size)
        found = decide(self.rule, (self.rule,), arrival(key, size=size))
        if isinstance(found, Passed) and found.kind == "trigger":
            content = (self.inbox / key).read_bytes()
            return read_trigger(self.rule, (self.rule,), arrival(key), content)
        if isinstance(found, Passed):
            raise BadInput(found.reason)
        return found

    def score(self, key: str, before: Callable[[], object] = lambda: None) -> None:
        """Drive the jobs of a key, as a watcher does.

        Args:
            key: the object.
            before: called right before a job, after the look at its files.
        """
        for ticket in self.tickets(key):
            check_inside(self.rule, ticket.spec, Stores({}))
            before()
            run(ticket.spec, settings=self.settings)

    def refused(self, key: str) -> str:
        with pytest.raises(ImpastoError) as wrong:
            self.score(key)
        assert not self.out.exists() or not [each for each in self.out.rglob("*") if each.is_file()]
        return str(wrong.value)


@pytest.fixture
def place(tmp_path: Path, clip: Callable[..., Path]) -> Place:
    return Place(tmp_path, clip(frames=4))


@pytest.fixture
def pictures(tmp_path: Path, clip: Callable[..., Path]) -> Place:
    return Place(tmp_path, clip(frames=4), "/")


def test_what_is_dropped_by_itself_is_scored(place: Place) -> None:
    place.drop("alice/clip.mp4", place.film.read_bytes())
    place.score("alice/clip.mp4")
    assert (place.out / "alice/clip.mp4").is_file()


@pytest.mark.parametrize("name", ["a.txt", "a.lst", "a.csv", "a.tsv", "a.jsonl", "a.ndjson"])
def test_a_list_of_files_is_never_followed(place: Place, name: str) -> None:
    lines = {".jsonl": f'"{place.film}"', ".ndjson": f'{{"url": "{place.film}"}}'}
    content = lines.get(Path(name).suffix, str(place.film))
    assert "list of other files" in place.refused(place.drop(name, content.encode()))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.m3u8", "#EXTM3U\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n"),
        ("a.mp4", "#EXTM3U\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n"),
        ("a.mkv", "ffconcat version 1.0\nfile '{film}'\n"),
        ("a.ffconcat", "file '{film}'\n"),
        ("a.mpd", '<?xml version="1.0"?><MPD><BaseURL>{film}</BaseURL></MPD>'),
        ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n"),
        ("a.nfo", "{film}"),
        ("a.svg", '<svg xmlns="http://www.w3.org/2000/svg"><image href="{secret}"/></svg>'),
        ("a.png", '<svg xmlns="http://www.w3.org/2000/svg"><image href="{secret}"/></svg>'),
        ("a.asx", '<asx version="3.0"><entry><ref href="{film}"/></entry></asx>'),
        ("a.html", "<img src={secret}>"),
        ("a.eps", "%!PS\n({secret}) run\n"),
        ("concat:a.mp4", "x"),
    ],
)
def test_what_names_other_files_is_only_a_file_that_cannot_be_read(
    tmp_path: Path, clip: Callable[..., Path], name: str, content: str
) -> None:
    place = Place(tmp_path, clip(frames=4), ".png" if name.endswith(".png") else ".mp4")
    text = content.format(film=place.film, secret=place.secret)
    told = place.refused(place.drop(name, text.encode()))
    assert re.search(
        "playlist|cannot be read|not a readable picture|format that is not supported", told
    )


def test_links_and_what_is_no_file_are_not_read(place: Place) -> None:
    inbox = place.inbox
    (inbox / "link.mp4").symlink_to(place.film)
    (inbox / "passwd.mp4").symlink_to("/etc/passwd")
    (inbox / "alice/bob.mp4").symlink_to(inbox / "bob/clip.mp4")
    place.drop("bob/clip.mp4", place.film.read_bytes())
    (inbox / "folder").symlink_to(place.folder)
    os.mkfifo(inbox / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(inbox / "socket.mp4"))
    for key in ("link.mp4", "passwd.mp4", "alice/bob.mp4", "folder/secret.mp4"):
        assert "is a link" in place.refused(key)
    for key in ("pipe.mp4", "socket.mp4"):
        assert "pipe, a device or a socket" in place.refused(key)
    os.link(place.film, inbox / "hard.mp4")
    assert "hard link" in place.refused("hard.mp4")


def test_a_link_that_takes_a_files_place_after_the_look_is_not_followed(place: Place) -> None:
    key = place.drop("clip.mp4", place.film.read_bytes())

    def swap() -> None:
        (place.inbox / key).unlink()
        (place.inbox / key).symlink_to(place.film)

    with pytest.raises(BadInput, match="is a link"):
        place.score(key, swap)
    assert not place.out.exists()


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_a_folder_of_frames_holds_only_files_of_its_own(pictures: Place, kind: str) -> None:
    frames = pictures.inbox / "alice/frames"
    frames.mkdir()
    for n in range(3):
        Image.new("RGB", (32, 32)).save(frames / f"{n}.png")
    key = pictures.drop("alice/trigger", b"alice/frames\n")
    bad = frames / "3.png"
    if kind == "link":
        bad.symlink_to(pictures.secret)
    elif kind == "hard link":
        os.link(pictures.secret, bad)
    else:
        os.mkfifo(bad)
    assert kind in pictures.refused(key)
    bad.unlink()
    # A link that appears after the look is left out.
    pictures.score(key, lambda: bad.symlink_to(pictures.secret))
    made = pictures.out / "alice/frames"
    assert sorted(each.name for each in made.iterdir()) == ["0.png", "1.png", "2.png"]


def test_a_style_of_a_trigger_file_is_no_link(tmp_path: Path, clip: Callable[..., Path]) -> None:
    place = Place(tmp_path, clip(frames=4))
    text = (RULE % ".mp4").replace("identity", "style") + f'style = "{place.secret}"\n'
    place.rule = the_rule(tmp_path, text)
    place.drop("clip.mp4", place.film.read_bytes())
    (place.inbox / "mine.png").symlink_to(place.secret)
    content = b'{"source": "clip.mp4", "style": "mine.png"}'
    assert "is a link" in place.refused(place.drop("trigger.json", content))


def test_no_output_goes_through_a_link(tmp_path: Path, clip: Callable[..., Path]) -> None:
    place = Place(tmp_path, clip(frames=4))
    place.rule = the_rule(tmp_path, (RULE % ".mp4").replace("out/", "in/out/"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (place.inbox / "out").mkdir()
    (place.inbox / "out/alice").symlink_to(elsewhere)
    key = place.drop("alice/clip.mp4", place.film.read_bytes())
    assert "is a link" in place.refused(key)
    assert not [*elsewhere.iterdir()]
    own = place.inbox / "out/clip.mp4"
    own.symlink_to(elsewhere / "x.mp4")
    assert "is a link" in place.refused(place.drop("clip.mp4", place.film.read_bytes()))


def test_an_output_never_replaces_what_is_there(place: Place) -> None:
    key = place.drop("clip.mp4", place.film.read_bytes())
    place.out.mkdir()
    (place.out / "clip.mp4").write_bytes(b"mine")
    with pytest.raises(BadInput, match="already exists"):
        place.score(key)
    assert (place.out / "clip.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize("kind", places.KINDS)
def test_a_name_that_is_a_pattern_reads_nothing_of_others(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The object with that name may be gone when its job begins."""
    backend = places.backend_of(kind, request, monkeypatch)
    Image.new("RGB", (32, 32), (GREY,) * 3).save(tmp_path / "bob.png")
    store = backend.open("in")
    store.put("bob/x.png", (tmp_path / "bob.png").read_bytes())
    store.put("*/x.png", (tmp_path / "bob.png").read_bytes())
    text = (RULE % ".png").replace('"in"', f'"{backend.url}/in"')
    text = text.replace("out/", f"{tmp_path}/out/")
    if backend.profile:
        fields = backend.profile.model_dump(exclude_none=True)
        text += "[stores.it]\n" + "".join(f'{k} = "{v}"\n' for k, v in fields.items())
    rule = the_rule(tmp_path, text)
    found = decide(rule, (rule,), arrival("*/x.png"))
    assert isinstance(found, tuple)
    profiles = {"it": backend.profile} if backend.profile else {}
    settings = Settings(home=str(tmp_path / "home"), engine="inline", stores=profiles)
    check_inside(rule, found[0].spec, backend.stores)
    assert run(found[0].spec, settings=settings).items == 1
    store.delete("*/x.png")
    for path in (tmp_path / "out").rglob("*.png"):
        path.unlink()
    with pytest.raises(BadInput, match="no such"):
        run(found[0].spec, settings=settings)
    assert not [*(tmp_path / "out").rglob("*.png")]
