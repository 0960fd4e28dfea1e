"""An error's parts survive all that happens to errors."""

from __future__ import annotations

import copy
import pickle

import pytest

from impasto import secrecy
from impasto.errors import BadInput, Incomplete


def test_an_error_is_one_line_of_fact_and_remedy() -> None:
    error = BadInput("a.mp4: no such file", "check the path")
    assert (error.fact, error.remedy) == ("a.mp4: no such file", "check the path")
    assert str(error) == "a.mp4: no such file; check the path"
    assert str(BadInput("a.mp4: is empty")) == "a.mp4: is empty"


@pytest.mark.parametrize("through", [copy.copy, lambda it: pickle.loads(pickle.dumps(it))])
def test_an_error_travels_with_its_parts_and_notes(through: object) -> None:
    assert callable(through)
    error = Incomplete("job 1: stopped", "go on", job="1")
    error.add_note("the worker's traceback")
    again = through(error)
    assert type(again) is Incomplete
    assert (again.fact, again.remedy, again.job) == ("job 1: stopped", "go on", "1")
    assert (str(again), again.__notes__) == (str(error), ["the worker's traceback"])


def test_neither_part_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrecy, "_known", set())
    secrecy.remember("hidden-secret")
    error = BadInput("a hidden-secret", "use hidden-secret")
    assert "hidden-secret" not in f"{error} {error.fact} {error.remedy} {error!r} {error.args}"
