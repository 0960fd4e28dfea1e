"""Options that are given several numbers: every combination, and what tells it from the others."""

from __future__ import annotations

import pytest

from impasto.cli.varied import Setting, numbers, settings
from impasto.errors import BadInput


def test_every_combination_is_a_setting_with_its_own_label() -> None:
    given = {"style": "a,b.jpg", "strength": "0.5,1", "style_scale": "2"}
    found = settings("style", given, {"max_size": [480, 960], "quality": None})
    assert [each.label for each in found] == [
        "strength 0.5, max size 480",
        "strength 0.5, max size 960",
        "strength 1, max size 480",
        "strength 1, max size 960",
    ]
    assert found[1] == Setting(
        {"style": "a,b.jpg", "strength": "0.5", "style_scale": "2"},
        {"max_size": 960},
        "strength 0.5, max size 960",
    )


def test_a_single_value_is_no_reason_for_a_label() -> None:
    assert settings("style", {"strength": "1,1"}, {"max_size": [480]}) == [
        Setting({"strength": "1"}, {"max_size": 480}, "")
    ]
    assert settings("identity", {}, {"max_size": None}) == [Setting({}, {}, "")]


def test_numbers_of_a_field_are_read_by_their_kind() -> None:
    assert numbers("0, 0.8,0", "--weight", float) == [0.0, 0.8]
    assert [each.label for each in settings("identity", {}, {"weight": [0.0, 0.8]})] == [
        *("weight 0", "weight 0.8")
    ]
    assert numbers(None, "--max-size", int) is None
    with pytest.raises(BadInput, match="is not a whole number"):
        numbers("1,2.5", "--max-size", int)
