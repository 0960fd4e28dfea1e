"""What the job of the small variant runs: messages go when the watcher has looked, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import once
import pytest

from impasto.settings import load
from impasto.storage.stores import Stores
from impasto.watch.rules import load_rules
from support.deployment import DEPLOY
from support.guides import DOCS

if TYPE_CHECKING:
    from pathlib import Path

    from support.queues import AzuriteQueues


@pytest.mark.parametrize(("code", "left"), [(0, 0), (3, 0), (4, 40), (-9, 40)])
def test_messages_go_only_if_the_watcher_could_look(
    code: int, left: int, azurite_queues: AzuriteQueues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "AGAIN", 0)
    queue = azurite_queues.make().client
    for number in range(40):
        queue.send_message(str(number))
    seen = []

    def watch() -> int:
        seen.append(len(queue.peek_messages(max_messages=32)))
        return code

    assert once.once(queue, 3600, watch) == code
    assert seen == [0]
    assert len(list(queue.receive_messages(messages_per_page=32))) == left


def test_a_watcher_that_cannot_look_is_not_started_again_at_once(
    azurite_queues: AzuriteQueues,
) -> None:
    queue = azurite_queues.make().client
    queue.send_message("a clip")
    assert once.once(queue, 3600, lambda: 2) == 2
    assert not queue.peek_messages()
    assert queue.get_queue_properties().approximate_message_count == 1


def test_what_comes_meanwhile_stays_for_the_next_execution(azurite_queues: AzuriteQueues) -> None:
    queue = azurite_queues.make().client
    queue.send_message("first")

    def watch() -> int:
        queue.send_message("second")
        return 0

    once.once(queue, 3600, watch)
    assert [one.content for one in queue.receive_messages()] == ["second"]


def test_settings_of_the_small_variant_are_what_impasto_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (DEPLOY / "azure" / "impasto.toml").read_text()
    bicep = (DEPLOY / "azure" / "small.bicep").read_text()
    filled = whole.replace("DATA_ACCOUNT", "data1").replace("CONTROL_ACCOUNT", "ctrl1")
    # Nobody has an identity here, nor a painting in a store.
    filled = filled.replace("az://media/paintings/starry.jpg", str(DOCS / "demo.jpg"))
    filled = filled.replace("\naccount", '\nauth = "sas"\nsecret = "A_SAS"\naccount')
    monkeypatch.setenv("A_SAS", "sv=2025-01-05&sr=c&sp=rl&se=2040-01-01T00:00:00Z&sig=none")
    (tmp_path / "impasto.toml").write_text(filled)
    config = str(tmp_path / "impasto.toml")
    settings = load(config)
    stores = Stores.of(settings)
    _, rules = load_rules(config, settings, stores)
    assert [rule.name for rule in rules] == ["paint"]
    assert set(settings.stores) == {"control", "inbox", "media"}
    assert "'DATA_ACCOUNT'" in bicep
    assert "'CONTROL_ACCOUNT'" in bicep
