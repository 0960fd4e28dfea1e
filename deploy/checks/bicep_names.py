"""Names in a Bicep file: each is declared, is used, and has the property that is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks import arm
from checks.bicep_tree import BicepFile, Declaration, Value, text, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tree_sitter import Node

    from checks.finding import Finding

_FUNCTIONS = """
any array base64 bool cidrSubnet concat contains createObject deployment empty endsWith environment
filter first flatten format guid indexOf int intersection items join json last length
loadJsonContent
loadTextContent loadYamlContent map max min newGuid objectKeys padLeft range reduce replace
resourceGroup resourceId skip sort split startsWith string subscription subscriptionResourceId
substring take tenant toLower toObject toUpper trim union uniqueString uri utcNow
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())
"""Functions of Bicep but for those that hand out keys, such as `listKeys`."""
DECORATORS = frozenset(
    {
        "allowed",
        "batchSize",
        "description",
        "maxLength",
        "maxValue",
        "metadata",
        "minLength",
        "minValue",
        "secure",
    }
)
_ABOUT: dict[str, set[str]] = {
    "deployment": {"name", "properties"},
    "environment": {"suffixes.storage", "suffixes.acrLoginServer", "suffixes.keyvaultDns", "name"},
    "resourceGroup": {"id", "location", "name", "tags"},
    "subscription": {"displayName", "id", "subscriptionId", "tenantId"},
}
"""What functions tell of where a deployment runs."""


class Names:
    """The names of one file."""

    def __init__(self, file: BicepFile, others: Mapping[Path, BicepFile], schemas: Path) -> None:
        self._file = file
        self._others = others
        self._schemas = schemas
        self._used: set[str] = set()

    def check(self) -> list[Finding]:
        """Return what is wrong with them."""
        found = [
            self._file.say(one.node, f"{one.name} is declared twice") for one in self._file.twice
        ]
        for node in self._file.root.named_children:
            found += self._in(node, {})
        for one in self._file.declared.values():
            if one.kind in ("parameter", "variable") and one.name not in self._used:
                found.append(self._file.say(one.node, f"{one.name} is never used"))
            if one.existing and one.name not in self._used:
                found.append(self._file.say(one.node, f"{one.name} is never used"))
        return found

    def _in(self, node: Node, local: dict[str, Node]) -> list[Finding]:
        """Look at a node and all below it; `local` has the lists that loops go through."""
        kind = node.type
        if kind in ("type", "target_scope_assignment", "comment"):
            return []
        if kind == "decorator":
            return self._decorator(node)
        if kind == "for_statement":
            local = local | _loop(node)
        found = self._at(node, local)
        for child in node.named_children:
            if not _is_label(node, child):
                found += self._in(child, local)
        return found

    def _at(self, node: Node, local: dict[str, Node]) -> list[Finding]:
        kind, word = node.type, text(node)
        if kind == "identifier":
            if word in self._file.declared:
                self._used.add(word)
            elif word not in local:
                return [self._file.say(node, f"nothing is named {word}")]
        if kind == "call_expression":
            name = text(node.named_children[0])
            if name not in FUNCTIONS:
                return [self._file.say(node, f"no function {name}() may be called here")]
            if name.startswith("load"):
                return self._loaded(node)
        if kind == "member_expression" and (node.parent is None or not _goes_on(node)):
            return self._member(node)
        if kind == "subscript_expression":
            return self._chosen(node, local)
        return []

    def _decorator(self, node: Node) -> list[Finding]:
        name = text(node.named_children[0].named_children[0])
        return [] if name in DECORATORS else [self._file.say(node, f"no decorator @{name}")]

    def _loaded(self, node: Node) -> list[Finding]:
        name = self._file.value(node.named_children[1].named_children[0])
        if (self._file.path.parent / str(name)).is_file():
            return []
        return [self._file.say(node, f"there is no file {name}")]

    def _member(self, node: Node) -> list[Finding]:
        base, path = chain(node)
        if base.type == "call_expression":
            about = _ABOUT.get(text(base.named_children[0]))
            known = about is None or any(
                f"{one}.".startswith(f"{'.'.join(path)}.") for one in about
            )
        elif text(base) in self._file.declared:
            known = self._has(self._file.declared[text(base)], path)
        else:
            known = True
        return [] if known else [self._file.say(node, f"{text(base)} has no {'.'.join(path)}")]

    def _has(self, declaration: Declaration, path: list[str]) -> bool:
        if declaration.kind == "module":
            module = self._others.get((self._file.path.parent / declaration.type).resolve())
            if path[0] != "outputs" or module is None:
                return path == ["name"] or module is None
            return len(path) == 1 or path[1] in module.outputs
        if declaration.kind == "resource":
            schema = arm.known(self._schemas, declaration.type)
            return schema is None or arm.has(schema, declaration.type, path)
        if declaration.kind == "variable" and declaration.default is not None:
            value: Value = self._file.value(declaration.default)
            return not isinstance(value, dict) or path[0] in value
        return True

    def _chosen(self, node: Node, local: dict[str, Node]) -> list[Finding]:
        """Check `module.outputs[word]` for each word of the list that a loop goes through."""
        of, index = node.named_children[0], node.named_children[-1]
        if not text(of).endswith(".outputs") or text(index) not in local:
            return []
        words = self._file.value(local[text(index)])
        base, _ = chain(of)
        module = self._file.declared.get(text(base))
        if module is None or not isinstance(words, list):
            return []
        return [
            self._file.say(node, f"{text(base)} has no outputs.{word}")
            for word in words
            if not self._has(module, ["outputs", str(word)])
        ]


def later(node: Node, file: BicepFile) -> Iterator[Node]:
    """Yield what an expression takes from modules and resources that a deployment makes first.

    Names, conditions and loops must be known before anything is made.
    """
    for one in walk(node):
        if one.type == "member_expression":
            base, path = chain(one)
            declaration = file.declared.get(text(base))
            made = declaration is not None and declaration.kind in ("module", "resource")
            if made and path[0] not in ("id", "name"):
                yield one
        elif one.type == "identifier":
            declaration = file.declared.get(text(one))
            if declaration and declaration.kind == "variable" and declaration.default is not None:
                yield from later(declaration.default, file)


def chain(node: Node) -> tuple[Node, list[str]]:
    """Return what a chain of properties begins with, and the properties."""
    path: list[str] = []
    while node.type in ("member_expression", "subscript_expression", "parenthesized_expression"):
        if node.type == "member_expression":
            path.insert(0, text(node.named_children[-1]))
        node = node.named_children[0]
    return node, path


def _goes_on(node: Node) -> bool:
    """Return whether a property of this property is asked for."""
    above = node.parent
    while above is not None and above.type == "subscript_expression":
        if above.named_children[0] != node:
            return False
        node, above = above, above.parent
    return above is not None and above.type == "member_expression"


def _is_label(node: Node, child: Node) -> bool:
    """Return whether a child is a name that is given here, and not one that is looked up."""
    first = child == node.named_children[0]
    labels = ("object_property", "call_expression", "for_statement")
    if node.type in labels:
        return first and child.type in ("identifier", "for_loop_parameters")
    return first and node.type.endswith("_declaration")


def _loop(node: Node) -> dict[str, Node]:
    first, through = node.named_children[0], node.named_children[1]
    names = [first] if first.type == "identifier" else first.named_children
    return {text(name): through for name in names}
