"""The arguments that a class declares, read from its source without running it."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}
"""The types that are checked, by the name of their annotation."""


class Default(enum.Enum):
    """The reason why an argument has no default that can be shown."""

    REQUIRED = "required"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a class's ``__init__``.

    Attributes:
        name: as in Python.
        type: int, float, str or bool, or a list of the first three such as ``list[int]``; "" where
            it is anything else.
        default: a literal, or why there is none.
        choices: the values that a Literal allows.
        optional: whether it may be None.
    """

    name: str
    type: str = ""
    default: Any = Default.REQUIRED
    choices: tuple[Any, ...] = ()
    optional: bool = False

    @property
    def reference(self) -> str:
        """How messages refer to it."""
        return f"`{self.name}`"


def arguments(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> list[Argument]:
    """Return the keyword arguments of a class's ``__init__``, or a dataclass's fields.

    Args:
        node: the class.
        classes: those in which its bases are looked for, by name.
    """
    lineage = _lineage(node, classes)
    for number, each in enumerate(lineage):
        if init := _init(each):
            return list(_parameters(init.args))
        if _is_dataclass(each):
            fields: dict[str, Argument] = {}
            for base in reversed(lineage[number:]):
                fields |= {a.name: a for a in _fields(base)} if _is_dataclass(base) else {}
            return list(fields.values())
    return []


def top_level(tree: ast.AST) -> dict[str, ast.ClassDef]:
    """Return the classes at a file's top level, those under an ``if`` or ``try`` included."""
    return {node.name: node for node in _top(tree) if isinstance(node, ast.ClassDef)}


def _top(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if isinstance(child, (ast.If, ast.Try, ast.With, ast.ExceptHandler)):
            yield from _top(child)


def _lineage(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """Return a class and those of its bases that are in the file, nearest first."""
    found = [node]
    for each in found:
        for base in each.bases:
            other = classes.get(base.id) if isinstance(base, ast.Name) else None
            if other is not None and other not in found:
                found.append(other)
    return found


def _init(node: ast.ClassDef) -> ast.FunctionDef | None:
    found = (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
    return next(found, None)


def _is_dataclass(node: ast.ClassDef) -> bool:
    called = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(_last(decorator) == "dataclass" for decorator in called)


def _parameters(args: ast.arguments) -> Iterator[Argument]:
    places = [*args.posonlyargs, *args.args]
    missing = [None] * (len(places) - len(args.defaults))
    pairs = zip(places, [*missing, *args.defaults], strict=True)
    named = list(pairs)[max(1, len(args.posonlyargs)) :]
    for arg, default in [*named, *zip(args.kwonlyargs, args.kw_defaults, strict=True)]:
        yield _argument(arg.arg, arg.annotation, _default(default))


def _fields(node: ast.ClassDef) -> Iterator[Argument]:
    """Yield the fields of a dataclass that its ``__init__`` takes."""
    for item in node.body:
        if not (isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)):
            continue
        annotation, value = item.annotation, item.value
        if isinstance(annotation, ast.Subscript) and _last(annotation.value) == "InitVar":
            annotation = annotation.slice
        if "ClassVar" in ast.unparse(annotation):
            continue
        default = _default(value)
        if isinstance(value, ast.Call) and _last(value.func) == "field":
            options = {option.arg: option.value for option in value.keywords}
            if "init" in options and _default(options["init"]) is False:
                continue
            computed = Default.COMPUTED if "default_factory" in options else Default.REQUIRED
            default = _default(options["default"]) if "default" in options else computed
        yield _argument(item.target.id, annotation, default)


def _default(node: ast.expr | None) -> Any:
    if node is None:
        return Default.REQUIRED
    try:
        return ast.literal_eval(node)
    except ValueError:
        return Default.COMPUTED


def _argument(name: str, annotation: ast.expr | None, default: Any) -> Argument:
    """Describe an argument; one without annotation has its default's type."""
    if annotation is None:
        kind = type(default).__name__
        return Argument(name, kind if kind in TYPES else "", default)
    members = list(_union(annotation))
    others = [part for part in members if not _is_none(part)]
    kind, choices = _kind(others[0]) if len(others) == 1 else ("", ())
    return Argument(name, kind, default, choices, others != members or default is None)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _union(annotation: ast.expr) -> Iterator[ast.expr]:
    """Yield the members of ``A | B``, ``Optional[A]`` and ``Union[A, B]``; text is parsed."""
    match annotation:
        case ast.Constant(value=str() as text):
            yield from _union(_parsed(text))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _union(left)
            yield from _union(right)
        case ast.Subscript(value=value, slice=inner) if _last(value) == "Optional":
            yield from _union(inner)
            yield ast.Constant(None)
        case ast.Subscript(value=value, slice=ast.Tuple(elts=members)) if _last(value) == "Union":
            for member in members:
                yield from _union(member)
        case _:
            yield annotation


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return ast.Name(text)


def _kind(annotation: ast.expr) -> tuple[str, tuple[Any, ...]]:
    if isinstance(annotation, ast.Name) and annotation.id in TYPES:
        return annotation.id, ()
    if isinstance(annotation, ast.Subscript) and _last(annotation.value) == "Literal":
        inner = annotation.slice
        members = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        choices = tuple(_default(member) for member in members)
        kinds = {type(choice).__name__ for choice in choices}
        return (kinds.pop() if len(kinds) == 1 else ""), choices
    if isinstance(annotation, ast.Subscript) and _last(annotation.value) in {"list", "List"}:
        inner = annotation.slice
        if isinstance(inner, ast.Name) and inner.id in {"int", "float", "str"}:
            return f"list[{inner.id}]", ()
    return "", ()


def _last(node: ast.expr) -> str:
    """Return ``field`` for both ``field`` and ``dataclasses.field``."""
    return ast.unparse(node).rpartition(".")[2]
