"""What becomes of an object as it is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.settings import Settings
from impasto.storage.stores import Stores
from impasto.watch.arrival import Arrival
from impasto.watch.inbox import Inbox
from impasto.watch.intake import Intake
from impasto.watch.news import News
from impasto.watch.records import Records
from impasto.watch.settling import Settling
from support.rules import read

if TYPE_CHECKING:
    from pathlib import Path


COPY = """
[rules.copy]
inbox = "in"
scorer = "identity"
output = "out/{path}/{name}.mp4"
max_bytes = 5000
"""


def at(size: int) -> Arrival:
    """The same file while it grows."""
    return Arrival("a.mp4", size, f"v{size}", 1.0, f"s{size}")


def test_an_object_that_grows_beyond_a_limit_is_set_aside_once(tmp_path: Path) -> None:
    [rule] = read(tmp_path, COPY)[1]
    stores, now, told = Stores.of(Settings(home=str(tmp_path / "home"))), [0.0], list[News]()
    records = Records(stores.open_home(str(tmp_path / "home")))
    intake = Intake(
        rule,
        [rule],
        inbox=Inbox(rule.inbox, stores),
        records=records,
        seen=records.seen(rule.name),
        settling=Settling(2.0, lambda: now[0]),
        on_news=told.append,
    )
    for n in range(20):
        now[0] += 1
        assert intake.consider(at(4000 + 1000 * n)) is None
    for _ in range(3):
        now[0] += 3
        intake.consider(at(23_000))
    assert [each.key for each in told] == ["a.mp4"]
    assert len([*records.folder(rule.name).names("poison")]) == 1
