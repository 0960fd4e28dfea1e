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
MODULES = sorted(SOURCE.rglob("*.py"))

LAYERS = [
    {"errors", "schema", "secrecy", "settings"},
    {"storage"},
    {"media", "scorers", "tables"},
    {"jobs", "sources"},
    {"outputs", "planning"},
    {"worker"},
    {"engines"},
    {"doctor", "driver"},
    {"cli"},
]
"""Packages, and modules beside them, from the lowest layer to the highest."""
WITHIN = {
    "errors": {"secrecy"},
    "schema": {"errors", "secrecy"},
    "settings": {"errors", "schema", "secrecy"},
}
"""Imports allowed between modules of the lowest layer."""
SCORERS_SEE = {"impasto.media.frame"}
"""What scorers may import of the libraries beside them: what a picture is."""
STILL_TO_SPLIT = {"outputs", "planning", "sources", "tables", "worker"}
"""Packages whose definitions have not all found their layer yet."""
ENTRY_POINTS = {"__init__", "__main__"}
"""Modules above all layers."""


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {_name(path): path for path in MODULES}


def _imports(path: Path) -> set[str]:
    """Return the modules that a file imports: at run time, in type hints, or in strings."""
    tree = ast.parse(path.read_text())
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("impasto"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = re.findall(r"impasto(?:\.\w+)+", node.value) if id(node) not in prose else ()
            found |= set(named)
    return {module for name in found if (module := _module(name))} - {_name(path)}


def _module(name: str) -> str:
    """Return the module that a dotted name is, or is defined in; "" for the root and others'."""
    while name.startswith("impasto."):
        if name in NAMES:
            return name
        name = name.rpartition(".")[0]
    return ""


def _unit(module: str) -> str:
    return module.split(".")[1]


def _level(unit: str) -> int:
    return next(level for level, names in enumerate(LAYERS) if unit in names)


def _allowed(module: str, other: str) -> bool:
    unit, target = _unit(module), _unit(other)
    if unit == target or _level(target) < _level(unit):
        return True
    return target in WITHIN.get(unit, ()) or (unit == "scorers" and other in SCORERS_SEE)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    if path.parent == SOURCE and path.stem in ENTRY_POINTS:
        return
    if _unit(_name(path)) in STILL_TO_SPLIT:
        return
    assert {other for other in _imports(path) if not _allowed(_name(path), other)} == set()


def test_every_module_has_a_layer() -> None:
    units = {path.relative_to(SOURCE).with_suffix("").parts[0] for path in MODULES}
    assert units - ENTRY_POINTS == set().union(*LAYERS)


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
        "clients.py",
        "identities.py",
        "store.py",
    ]


@pytest.mark.parametrize("module", ["impasto", "impasto.cli.main"])
def test_start_up_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*(m for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "av", "numpy", "PIL", "pydantic", "obstore"}
    assert not heavy & set(done.stdout.split())


def test_driver_never_imports_torch() -> None:
    code = "import sys, impasto.driver.loop, impasto.outputs; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
