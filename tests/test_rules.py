"""The project's rules, held by tests."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import impasto
from impasto import errors

SOURCE = Path(impasto.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py"))

LAYERS = [
    {"errors", "process", "secrecy", "settings", "spec", "times", "url"},
    {"client_errors", "connect", "fanout", "files", "identity", "ranges", "store", "stores"},
    {"media", "records", "scorers"},
    {
        "delivery",
        "forecast",
        "inputs",
        "pipeline",
        "job",
        "plan",
        "sas",
        "source",
        "scoring",
        "output",
    }
    | {"worker"}
    | {"transfer"},
    {"engines"},
    {"blame", "cutting", "doctor", "driver", "staging", "submit", "tolerance"},
    {"__main__", "cli", "cli_access", "cli_move", "demo", "display", "flags", "meter", "options"}
    | {"cli_cluster", "cluster_words", "plot", "spec_options"},
]
INSIDE = {
    "connect": {"files", "identity"},
    "client_errors": {"files"},
    "store": {"client_errors", "connect", "fanout", "files"},
    "stores": {"connect", "files", "store"},
    "ranges": {"files"},
    "cutting": {"submit"},
    "driver": {"blame", "cutting", "submit", "tolerance"},
    "submit": {"staging"},
    "source": {"forecast", "plan"},
    "scoring": {"plan", "source"},
    "output": {"job", "scoring"},
    "worker": {"inputs", "job", "output", "pipeline", "scoring", "source"},
    "__main__": {"cli"},
    "display": {"flags", "plot"},
    "cli": {"cli_access", "cli_cluster", "flags", "cli_move", "display", "meter", "demo", "options"}
    | {"spec_options"},
    "spec_options": {"flags", "options"},
    "cli_access": {"display", "options"},
    "cli_cluster": {"cluster_words", "display", "flags", "options", "spec_options"} | {"submit"},
    "cluster_words": {"display"},
    "cli_move": {"display", "meter", "options"},
    "meter": {"display"},
}
"""Imports allowed between modules of one layer."""


def _unit(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return parts[0]


def _level(unit: str) -> int:
    return next(level for level, names in enumerate(LAYERS) if unit in names)


def _imports(path: Path) -> set[str]:
    """The units of impasto that a module imports when it runs; hints do not count."""
    tree = ast.parse(path.read_text())
    hints = {
        id(node)
        for check in ast.walk(tree)
        if isinstance(check, ast.If) and "TYPE_CHECKING" in ast.unparse(check.test)
        for node in ast.walk(check)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hints:
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "impasto":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("impasto."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("impasto.")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    unit = _unit(path)
    if unit == "__init__":
        return
    for other in _imports(path) - {unit}:
        if _level(other) == _level(unit):
            assert other in INSIDE.get(unit, set()) or _level(unit) == 0, f"{unit} imports {other}"
        assert _level(other) <= _level(unit), f"{unit} imports {other}"


def test_every_module_has_a_layer() -> None:
    assert {_unit(path) for path in MODULES} - {"__init__"} == set().union(*LAYERS)


def test_public_names_are_locked() -> None:
    assert sorted(impasto.__all__) == [
        "BadInput",
        "ImpastoError",
        "Incomplete",
        "Interrupted",
        "JobSpec",
        "Progress",
        "Result",
        "Settings",
        "Unavailable",
        "run",
    ]
    assert all(hasattr(impasto, name) for name in impasto.__all__)


def test_error_tree_in_the_docstring_is_the_real_one() -> None:
    named = {name for name in vars(errors) if isinstance(getattr(errors, name), type)}
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in named)
    assert {cls.__name__ for cls in errors.ImpastoError.__subclasses__()} >= named - {
        "ImpastoError"
    }


def test_only_the_settings_read_the_environment() -> None:
    reads = re.compile(r"os\.environ(?!\[[^]]+\] = )|os\.getenv|import (environ|getenv)")
    readers = [path for path in MODULES if reads.search(path.read_text())]
    assert [path.name for path in readers] == ["settings.py"]


def test_only_the_store_imports_its_client() -> None:
    users = [path for path in MODULES if re.search(r"(import|from) obstore", path.read_text())]
    assert [path.name for path in users] == [
        "client_errors.py",
        "connect.py",
        "identity.py",
        "store.py",
    ]


@pytest.mark.parametrize("module", ["impasto", "impasto.cli"])
def test_start_up_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*(m for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "av", "numpy", "PIL", "pydantic", "obstore"}
    assert not heavy & set(done.stdout.split())


def test_driver_never_imports_torch() -> None:
    code = "import sys, impasto.driver, impasto.output; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
