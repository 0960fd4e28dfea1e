"""Bicep files as trees: what they declare, and the values that can be known without a cloud."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

from checks.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Value: TypeAlias = Any
"""A value as JSON has it; what only a deployment knows is `UNKNOWN`."""

UNKNOWN = "[unknown]"
"""ARM's schemas take any text in brackets for an expression."""
SAMPLES: dict[str, Value] = {"int": 1, "bool": True}
"""Values for parameters whose type is all that is known: where a text is due, they do not fit."""

_LANGUAGE = Language(tree_sitter_bicep.language())
_DECLARATIONS = {
    f"{kind}_declaration": kind for kind in ("parameter", "variable", "resource", "module")
}


def text(node: Node) -> str:
    """Return the source text of a node."""
    return (node.text or b"").decode()


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, in the order of the text."""
    yield node
    for child in node.named_children:
        yield from walk(child)


@dataclass(frozen=True)
class Declaration:
    """A parameter, variable, resource or module.

    Attributes:
        kind: which of these.
        name: its name.
        node: where it is declared.
    """

    kind: str
    name: str
    node: Node

    @property
    def type(self) -> str:
        """A parameter's type; a resource's type and version; a module's path."""
        if self.kind == "parameter":
            return next((text(c) for c in self.node.named_children if c.type == "type"), "")
        literal = next((c for c in self.node.named_children if c.type == "string"), None)
        return _literal(literal) if literal else ""

    @property
    def existing(self) -> bool:
        """Whether a resource is only referred to."""
        return any(child.type == "existing" for child in self.node.children)

    @property
    def default(self) -> Node | None:
        """The value of a variable, or a parameter's default."""
        least = {"parameter": 3, "variable": 2}.get(self.kind, 99)
        return self.node.named_children[-1] if len(self.node.named_children) >= least else None

    @property
    def body(self) -> Node | None:
        """The object of a resource or module, whatever conditions or loops are around it."""
        node = self.node.named_children[-1]
        while node.type in ("if_statement", "for_statement"):
            node = node.named_children[-1]
        return node if node.type == "object" else None


@dataclass
class BicepFile:
    """A Bicep file, parsed.

    Attributes:
        path: where it is.
        deploy: the folder that is checked.
        root: its tree.
        declared: what it declares, by name.
        outputs: the nodes of its outputs, by name.
        twice: declarations of names that were taken.
    """

    path: Path
    deploy: Path
    root: Node
    declared: dict[str, Declaration] = field(default_factory=dict)
    outputs: dict[str, Node] = field(default_factory=dict)
    twice: list[Declaration] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path, deploy: Path) -> BicepFile:
        """Parse a file below the folder `deploy`."""
        root = Parser(_LANGUAGE).parse(path.read_bytes()).root_node
        made = cls(path, deploy, root)
        for node in root.named_children:
            word = next((c for c in node.named_children if c.type == "identifier"), None)
            if word is None:
                continue
            if node.type == "output_declaration":
                made.outputs[text(word)] = node
            elif kind := _DECLARATIONS.get(node.type):
                declaration = Declaration(kind, text(word), node)
                if text(word) in made.declared:
                    made.twice.append(declaration)
                made.declared[text(word)] = declaration
        return made

    @property
    def name(self) -> str:
        """Its path as findings show it."""
        return str(self.path.relative_to(self.deploy))

    def say(self, node: Node, words: str) -> Finding:
        """Return a finding at a node."""
        return Finding(self.name, node.start_point[0] + 1, words)

    def of(self, kind: str) -> list[Declaration]:
        """Return the declarations of a kind, in the order of the text."""
        return [one for one in self.declared.values() if one.kind == kind]

    def value(self, node: Node, branch: int = 0) -> Value:
        """Return what an expression is.

        Args:
            node: the expression.
            branch: which side of conditions to take: 0 if they hold, 1 if not.
        """
        kind = node.type
        if kind == "object":
            return self._object(node, branch)
        if kind == "array":
            found = [c for c in node.named_children if c.type != "comment"]
            return [self.value(child, branch) for child in found]
        if kind == "for_statement":
            return [self.value(node.named_children[-1], branch)]
        if kind == "if_statement":
            return self.value(node.named_children[-1], branch)
        if kind == "ternary_expression":
            return self.value(node.named_children[1 + branch], branch)
        if kind == "parenthesized_expression":
            return self.value(node.named_children[0], branch)
        if kind == "identifier" and text(node) in self.declared:
            return self._named(self.declared[text(node)], branch)
        return _plain(node)

    def _object(self, node: Node, branch: int) -> dict[str, Value]:
        made = {}
        for child in node.named_children:
            if child.type == "object_property":
                value = self.value(child.named_children[-1], branch)
                if value is not None:
                    made[key_of(child)] = value
        return made

    def _named(self, declaration: Declaration, branch: int) -> Value:
        if declaration.kind == "variable" and declaration.default is not None:
            return self.value(declaration.default, branch)
        return SAMPLES.get(declaration.type, UNKNOWN)


def key_of(prop: Node) -> str:
    """Return the key of a property of an object; `UNKNOWN` if it is an expression."""
    key = prop.named_children[0]
    return text(key) if key.type == "identifier" else _literal(key)


def _literal(node: Node) -> str:
    if any(child.type == "interpolation" for child in node.named_children):
        return UNKNOWN
    return "".join(text(child) for child in node.named_children)


def _plain(node: Node) -> Value:
    if node.type == "string":
        return _literal(node)
    if node.type in ("number", "negated_number") or text(node).lstrip("-").isdigit():
        return int(text(node))
    if node.type == "boolean":
        return text(node) == "true"
    return None if node.type == "null" else UNKNOWN
