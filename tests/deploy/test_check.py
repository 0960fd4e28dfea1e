"""The command `deploy/check` tells what passed, what was found, and what nobody can see."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from checks import all as everything
from checks.finding import Finding

HERE = Path("deploy")
GOOD = SimpleNamespace(NAME="good", CANNOT=("Nobody looked.",), check=lambda deploy: [])
BAD = SimpleNamespace(NAME="bad", CANNOT=(), check=lambda deploy: [Finding("a.yaml", 3, "no")])


def test_nothing_found_is_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert everything.main(HERE, (GOOD,)) == 0
    assert capsys.readouterr().out == "passed  good\n\nNot checked:\n  Nobody looked.\n"


def test_findings_are_shown_with_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert everything.main(HERE, (BAD, GOOD)) == 1
    assert "FAILED  bad\n  a.yaml:3: no\npassed  good\n" in capsys.readouterr().out


def test_every_module_says_what_it_checks_and_what_it_cannot() -> None:
    names = [module.NAME for module in everything.MODULES]
    assert len({*names}) == len(names)
    assert all(module.CANNOT for module in everything.MODULES)
