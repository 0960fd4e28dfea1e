"""What becomes of an input once its jobs have ended, on folders and in stores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from impasto.errors import BadInput, Denied, Missing
from impasto.schema.url import parse
from impasto.storage import moving
from impasto.storage.store import Store
from impasto.storage.tags import set_tag
from impasto.watch.after import put_away
from impasto.watch.arrival import Arrival
from impasto.watch.rule import Rule, Variant
from support.stores import KINDS, REMOTE, azure, backend_of, check_line, folder, keys, signed_in

if TYPE_CHECKING:
    from impasto.watch.rule import After
    from support.cloud import Azurite
    from support.stores import Backend


@pytest.fixture(params=KINDS)
def inbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    return backend_of(request.param, request, monkeypatch)


def rule(inbox: Backend, then: After = "move") -> Rule:
    return Rule(
        name="paint",
        inbox=f"{inbox.url}/in",
        patterns=("**",),
        output="out/{name}",
        variants=(Variant(recipe="r"),),
        after=then,
    )


class Looking:
    """A look at an inbox, which may be disturbed."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.then: dict[int, Any] = {}
        self.looks = 0

    def __call__(self, key: str) -> Arrival | None:
        stat = self.store.stat(key)
        found = stat and Arrival(
            key, stat.size, f"{stat.etag}-{int(stat.modified):x}", stat.modified
        )
        self.looks += 1
        if act := self.then.get(self.looks):
            act()
        return found or None


@pytest.fixture
def look(inbox: Backend) -> Looking:
    return Looking(inbox.open("in"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def version(look: Looking, key: str) -> str:
    found = Looking(look.store)(key)
    assert found
    return found.version


def test_an_input_moves_below_done(inbox: Backend, look: Looking) -> None:
    look.store.put("anna/a.mp4", b"1")
    first = version(look, "anna/a.mp4")
    assert put_away(rule(inbox), "anna/a.mp4", first, inbox.stores, look) == ""
    assert keys(look.store) == ["done/anna/a.mp4"]
    # Once more, as after a crash: it is gone.
    assert put_away(rule(inbox), "anna/a.mp4", first, inbox.stores, look) == ""
    look.store.put("anna/a.mp4", b"other")
    assert put_away(rule(inbox), "anna/a.mp4", first, inbox.stores, look) == ""
    assert keys(look.store) == ["anna/a.mp4", "done/anna/a.mp4"]
    second = version(look, "anna/a.mp4")
    assert put_away(rule(inbox), "anna/a.mp4", second, inbox.stores, look) == ""
    both = keys(look.store)
    assert len(both) == 2
    assert both[0].startswith("done/anna/a-")
    assert look.store.read(both[0]) == b"other"
    assert look.store.read("done/anna/a.mp4") == b"1"


def test_an_input_stays_where_its_rule_or_its_job_says(inbox: Backend, look: Looking) -> None:
    look.store.put("a.mp4", b"1")
    held = version(look, "a.mp4")
    assert put_away(rule(inbox, "stay"), "a.mp4", held, inbox.stores, look) == ""
    assert put_away(rule(inbox), "a.mp4", held, inbox.stores, look, failed=True) == ""
    assert keys(look.store) == ["a.mp4"]


def test_an_interrupted_move_is_completed(
    inbox: Backend, look: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    look.store.put("a.mp4", b"1")
    held = version(look, "a.mp4")
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(moving, "_take", die)
        patch.setattr(Store, "delete", die)
        with pytest.raises(KeyboardInterrupt):
            put_away(rule(inbox), "a.mp4", held, inbox.stores, look)
    assert keys(look.store) == ["a.mp4", "done/a.mp4"]
    assert put_away(rule(inbox), "a.mp4", held, inbox.stores, look) == ""
    assert keys(look.store) == ["done/a.mp4"]


def test_a_version_that_comes_meanwhile_is_not_moved(inbox: Backend, look: Looking) -> None:
    look.store.put("a.mp4", b"1")
    held = version(look, "a.mp4")
    look.then[1] = lambda: look.store.put("a.mp4", b"newer")
    assert put_away(rule(inbox), "a.mp4", held, inbox.stores, look) == ""
    assert keys(look.store) == ["a.mp4"]
    assert look.store.read("a.mp4") == b"newer"


def test_a_file_that_replaces_another_as_that_is_moved_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("old")
    take = moving._take

    def replaced(*args: Any) -> None:
        (tmp_path / "new").write_text("new")
        (tmp_path / "new").rename(tmp_path / "a")
        take(*args)

    monkeypatch.setattr(moving, "_take", replaced)
    assert moving.move(tmp_path, "a", ["done/a"], lambda: True) == "done/a"
    assert (tmp_path / "a").read_text() == "new"
    assert (tmp_path / "done/a").read_text() == "old"
    assert names(tmp_path / "done") == ["a"]


def test_a_folder_without_hard_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for content, target in (("1", "done/a"), ("2", "done/a-2")):
        (tmp_path / "a").write_text(content)
        assert moving.move(tmp_path, "a", ["done/a", "done/a-2"], lambda: True) == target
        assert (tmp_path / target).read_text() == content


@pytest.mark.parametrize("linked", ["done", "done/anna", "anna"])
def test_a_move_leads_nowhere_else(tmp_path: Path, linked: str) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "in"
    (root / linked).parent.mkdir(parents=True)
    outside.mkdir()
    (outside / "a").write_text("1")
    (root / linked).symlink_to(outside)
    if linked != "anna":
        (root / "anna").mkdir()
        (root / "anna/a").write_text("1")
    there = Rule.model_copy(rule(folder(root)), update={"inbox": str(root)})
    found = Arrival("anna/a", 1, "v", 0.0)
    told = put_away(there, "anna/a", "v", folder(root).stores, lambda _: found)
    assert told.startswith(f"rule paint: {root}/")
    assert "part of it is a link or a file; replace it with a folder" in told
    assert [*outside.iterdir()] == [outside / "a"]


def test_links_and_folders_are_not_moved(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    assert moving.move(tmp_path, "folder", ["done/folder"], lambda: True) == ""
    assert moving.move(tmp_path, "link", ["done/link"], lambda: True) == ""
    assert names(tmp_path) == ["folder", "link"]


@pytest.mark.parametrize("kind", REMOTE)
def test_a_tag_says_how_it_ended_and_leaves_the_object_as_it_is(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = backend_of(kind, request, monkeypatch)
    look = Looking(inbox.open("in"))
    look.store.put("a b.mp4", b"1")
    place = parse(f"{inbox.url}/in/a b.mp4")
    set_tag(inbox.stores, place, "owner", "anna")
    held = version(look, "a b.mp4")
    tagging = rule(inbox, "tag")
    assert put_away(tagging, "a b.mp4", held, inbox.stores, look, failed=True) == ""
    assert tags(inbox, place.key) == {"owner": "anna", "impasto": "failed"}
    assert put_away(tagging, "a b.mp4", held, inbox.stores, look) == ""
    assert tags(inbox, place.key) == {"owner": "anna", "impasto": "done"}
    assert version(look, "a b.mp4") == held
    assert put_away(tagging, "a b.mp4", "another", inbox.stores, look, failed=True) == ""
    assert tags(inbox, place.key)["impasto"] == "done"
    for n in range(8):
        set_tag(inbox.stores, place, f"t{n}", "1")
    assert tagged(inbox, place.key, "one", "more").endswith(
        "has 10 tags already; remove one of them"
    )
    with pytest.raises(Missing):
        set_tag(inbox.stores, f"{inbox.url}/in/none", "a", "b")


def tagged(inbox: Backend, key: str, name: str, value: str) -> str:
    with pytest.raises(BadInput) as refused:
        set_tag(inbox.stores, parse(inbox.url).at(key), name, value)
    return str(refused.value)


def tags(inbox: Backend, key: str) -> dict[str, str]:
    """Read an object's tags."""
    assert inbox.profile
    container, secret = parse(inbox.url).container, os.environ[inbox.profile.secret or ""]
    if inbox.kind == "s3":
        from boto3 import Session

        key_id = os.environ[inbox.profile.key_id or ""]
        client = Session(key_id, secret, region_name="us-east-1").client(
            "s3", endpoint_url=inbox.profile.endpoint
        )
        found = client.get_object_tagging(Bucket=container, Key=key)["TagSet"]
        return {each["Key"]: each["Value"] for each in found}
    from azure.storage.blob import BlobServiceClient

    key_of = {
        "account_name": inbox.profile.account or "",
        "account_key": secret,
    }
    with BlobServiceClient(
        inbox.profile.endpoint or "", key_of, connection_verify=inbox.profile.ca
    ) as client:
        return dict(client.get_blob_client(container, key).get_blob_tags())


@pytest.mark.parametrize("auth", ["connection_string", "sas"])
def test_a_tag_needs_a_right(auth: Any, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    container = azurite.make_container()
    azure(monkeypatch, azurite, container).open("in").put("a", b"1")
    inbox = azure(monkeypatch, azurite, container, auth=auth, permission="racwdlt")
    set_tag(inbox.stores, f"{inbox.url}/in/a", "x", "1")
    without = azure(monkeypatch, azurite, container, auth="sas", permission="racwdl")
    with pytest.raises(Denied) as refused:
        set_tag(without.stores, f"{inbox.url}/in/a", "x", "2")
    check_line(refused.value, f"{inbox.url}/in/a: its tags are refused")
    look = Looking(without.open("in"))
    told = put_away(rule(without, "tag"), "a", version(look, "a"), without.stores, look)
    assert told.startswith(f"rule paint: {inbox.url}/in/a: its tags are refused")


def test_an_identity_sets_tags(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    container = azurite.make_container()
    azure(monkeypatch, azurite, container).open().put("a", b"1")
    inbox = azure(monkeypatch, azurite, container, auth="identity")
    with signed_in(monkeypatch, azurite.token()):
        set_tag(inbox.stores, f"{inbox.url}/a", "x", "1")
        set_tag(inbox.stores, f"{inbox.url}/a", "x", "1")


def test_a_folder_has_no_tags(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    found = Arrival("a", 1, "v", 0.0)
    told = put_away(
        rule(folder(tmp_path), "tag").model_copy(update={"inbox": str(tmp_path)}),
        "a",
        "v",
        folder(tmp_path).stores,
        lambda _: found,
    )
    assert told == f"rule paint: {tmp_path}/a: has no tags; they are for objects on Azure and S3"
