"""The table of scorers."""

from __future__ import annotations

import pytest

from impasto.scorers.base import Scorer
from impasto.scorers.registry import SCORERS


@pytest.mark.parametrize("name", SCORERS)
def test_every_scorer_of_the_table_is_where_it_says(name: str) -> None:
    assert issubclass(SCORERS[name].load(), Scorer)
