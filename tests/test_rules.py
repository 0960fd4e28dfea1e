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
from impasto.scorers.registry import SCORERS

SOURCE = Path(impasto.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

LAYERS = [
    {"errors", "machine", "schema", "secrecy", "settings"},
    {"storage", "telemetry"},
    {"media", "scorers", "tables"},
    {"jobs", "metrics", "sources"},
    {"outputs", "planning"},
    {"worker"},
    {"engines"},
    {"doctor", "driver"},
    {"watch"},
    {"server"},
    {"cli"},
]
"""Packages, and modules beside them, from the lowest layer to the highest."""
WITHIN = {
    "errors": {"secrecy"},
    "machine": {"errors"},
    "schema": {"errors", "secrecy"},
    "settings": {"errors", "schema", "secrecy"},
}
"""Imports allowed between modules of the lowest layer."""
SCORERS_SEE = {"impasto.media.frame"}
"""What scorers may import of the libraries beside them: what a picture is."""
LONGEST_FILE, LONGEST_FUNCTION = 350, 60
"""Lines; a function's signature and docstring are not counted."""
ENTRY_POINTS = {"__init__", "__main__"}
"""Modules above all layers."""


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {_name(path): path for path in MODULES}


def _imports(path: Path) -> set[str]:
    """Return the modules that a file imports: at run time, in type hints, or in strings."""
    tree = ast.parse(path.read_text())
    prose = _prose(tree)
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import, which hides its layer"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = re.findall(r"impasto(?:\.\w+)+", node.value) if id(node) not in prose else ()
            found |= set(named)
    return {module for name in found if (module := _module(name))} - {_name(path)}


def _prose(tree: ast.AST) -> set[int]:
    """Return the ids of the constants that are docstrings."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _module(name: str) -> str:
    """Return the module that a dotted name is, or is defined in; "" for the root and others'."""
    while name.startswith("impasto."):
        if name in NAMES:
            return name
        name = name.rpartition(".")[0]
    return ""


def _unit(module: str) -> str:
    return module.split(".")[1]


def _within_scorers(name: str) -> str:
    """Return the package or module of the scorers that a dotted name is in, or ""."""
    match = re.match(r"impasto\.scorers\.(\w+)", name)
    return match[1] if match else ""


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
    assert {other for other in _imports(path) if not _allowed(_name(path), other)} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_import_hides_its_layer(path: Path) -> None:
    if path.parent == SOURCE and path.stem in ENTRY_POINTS:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert "impasto" not in {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "impasto":
            assert {f"impasto.{alias.name}" for alias in node.names} <= NAMES.keys()
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not node.value.endswith("impasto."), "the name of a module, built at run time"


def test_no_scorer_knows_another_but_gatys_which_starts_from_what_style_paints() -> None:
    scorers = {_within_scorers(entry.target) for entry in SCORERS.values()}
    pairs = {
        (_within_scorers(name), _within_scorers(other))
        for name, path in NAMES.items()
        for other in _imports(path)
    }
    known = {pair for pair in pairs if {*pair} <= scorers and len({*pair}) == 2}
    assert known == {("gatys", "style")}


def test_no_import_circles() -> None:
    graph = {name: _imports(path) for name, path in NAMES.items() if name != "impasto"}
    while graph:
        imported = set().union(*graph.values())
        free = {name for name in graph if name not in imported or not graph[name] & graph.keys()}
        assert free, f"circle among {sorted(graph)}"
        graph = {name: others for name, others in graph.items() if name not in free}


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


def test_the_error_tree_in_the_docstring_is_the_real_one() -> None:
    classes = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    shown = re.findall(r"^([│├└─ ]*)(\w+)(?:  .*)?$", str(errors.__doc__), re.MULTILINE)
    above: list[str] = []
    tree: dict[str, str] = {}
    for indent, name in shown:
        depth = len(indent) // 4
        if name in classes:
            tree[name] = above[depth - 1] if depth else "Exception"
            above[depth:] = [name]
    assert tree == {name: kind.__mro__[1].__name__ for name, kind in classes.items()}


def test_errors_are_defined_in_one_place() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and path.name != "errors.py":
                assert not {ast.unparse(base) for base in node.bases} & vars(errors).keys()


def test_few_modules_read_the_environment() -> None:
    reads = re.compile(r"os\.environ(?!\[[^]]+\] = )|os\.getenv|import (environ|getenv)")
    readers = [path for path in MODULES if reads.search(path.read_text())]
    assert [str(path.relative_to(SOURCE)) for path in readers] == [
        "engines/ray/environment.py",
        "machine.py",
        "settings.py",
        "storage/environment.py",
    ]


def test_only_the_store_imports_its_client() -> None:
    users = [path for path in MODULES if re.search(r"(import|from) obstore", path.read_text())]
    assert [path.name for path in users] == [
        "client_errors.py",
        "clients.py",
        "identities.py",
        "requests.py",
        "store.py",
        "upload.py",
    ]


@pytest.mark.parametrize("module", ["impasto", "impasto.cli.main"])
def test_start_up_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*(m for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "av", "numpy", "PIL", "pydantic", "obstore"}
    assert not heavy & set(done.stdout.split())


def test_planning_imports_no_codec() -> None:
    code = "import sys, impasto.planning.planner; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "av", "numpy", "PIL", "pandas"} & set(done.stdout.split())


def test_driver_never_imports_torch() -> None:
    driver = [name for name in NAMES if name.startswith(("impasto.driver", "impasto.outputs"))]
    code = f"import sys, {', '.join(driver)}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_the_command_line_speaks_of_flags_and_quoted_commands(path: Path) -> None:
    if path.is_relative_to(SOURCE / "cli"):
        return
    tree = ast.parse(path.read_text())
    prose = _prose(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            # A flag alone is a word of a program's command line.
            said = re.sub(r"pip install( --[\w-]+)*|^--[\w-]+$", "", node.value)
            assert not re.search(r"(?<![\w-])--[a-z]{2,}|(?<!`)\bimpasto [a-z]+", said), said


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[ast.get_docstring(node) is not None :]
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"
