"""Bicep files without their compiler: grammar, names, ARM's schemas, and rules of ours."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from checks import arm, azure_rules
from checks.bicep_names import Names, later
from checks.bicep_tree import UNKNOWN, BicepFile, Declaration, key_of, text, walk
from checks.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tree_sitter import Node

NAME = "Azure: Bicep's grammar and names, ARM's schemas, and who may reach and do what"
CANNOT: tuple[str, ...] = (
    "no Bicep compiler ran: arguments of functions, and types of computed values, are unchecked",
    "nothing was deployed: quotas, regions, sizes, policies and what services refuse are unknown",
    "properties that services alone set are known as far as these files ask for them",
)
PARAMETER_TYPES: dict[str, type] = {
    "array": list,
    "bool": bool,
    "int": int,
    "object": dict,
    "string": str,
}
_SUBJECT = re.compile(r"system:serviceaccount:\$\{namespace\}:([\w-]+)")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def check(deploy: Path) -> list[Finding]:
    """Return what is wrong with the Bicep files below `azure` in the folder `deploy`."""
    schemas = deploy / "schemas" / "arm"
    if not any(schemas.glob("*/*.json.xz")):
        words = "ARM's schemas are missing; run deploy/schemas/fetch.py"
        return [Finding(str(schemas.relative_to(deploy)), 1, words)]
    # What is read of them is kept by its path, which a link would hide.
    schemas = schemas.resolve()
    paths = sorted((deploy / "azure").rglob("*.bicep"))
    files = {path.resolve(): BicepFile.read(path, deploy) for path in paths}
    found: list[Finding] = []
    for file in files.values():
        broken = [node for node in _nodes(file) if node.type == "ERROR" or node.is_missing]
        found += [file.say(node, f"syntax error near {text(node)[:40]!r}") for node in broken[:1]]
        found += [] if broken else _of_file(file, files, schemas)
    for path in sorted((deploy / "azure").glob("*.parameters.json")):
        found += _parameters(path, deploy, files)
    return list(dict.fromkeys(found))


def _of_file(file: BicepFile, files: Mapping[Path, BicepFile], schemas: Path) -> list[Finding]:
    found = Names(file, files, schemas).check()
    for declaration in file.declared.values():
        if declaration.kind == "resource":
            found += _resource(file, declaration, schemas)
        elif declaration.kind == "module":
            found += _module(file, declaration, files)
        elif declaration.kind == "parameter":
            found += _default(file, declaration)
        if declaration.kind in ("resource", "module"):
            found += _too_late(file, declaration)
        found += _roles(file, declaration)
        found += _accounts(file, declaration)
    return found + _reachable(file)


def _nodes(file: BicepFile) -> Iterator[Node]:
    stack = [file.root]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(node.children)


def _resource(file: BicepFile, declaration: Declaration, schemas: Path) -> list[Finding]:
    kind, node, body = declaration.type, declaration.node, declaration.body
    schema = arm.known(schemas, kind)
    if schema is None:
        return [file.say(node, f"{kind}: ARM's schemas have no such type or version")]
    if body is None:
        return [file.say(node, f"{declaration.name} has no body")]
    if declaration.existing:
        return []
    full = kind.partition("@")[0]
    found = []
    for branch in (0, 1):
        value = file.value(body, branch)
        found += [
            file.say(_near(body, where), f"{declaration.name}: {where or 'top'}: {why}")
            for where, why in arm.errors(schema, _child(schema, value))
        ]
        found += [
            file.say(node, f"{declaration.name}: {words}")
            for words in azure_rules.broken(full, value)
        ]
    return found


def _child(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Return a resource as its schema has it: some give the pattern of a child's whole name."""
    made = {key: one for key, one in value.items() if key not in ("parent", "scope", "dependsOn")}
    if "parent" in value and isinstance(value.get("name"), str):
        whole = made | {"name": f"parent/{value['name']}"}
        if not any(where == "name" for where, _ in arm.errors(schema, whole)):
            return whole
    return made


def _near(node: Node, where: str) -> Node:
    """Return the property at a path, or as far down as there is one."""
    for key in where.split("."):
        properties = [c for c in node.named_children if c.type == "object_property"]
        inner = next((c for c in properties if key_of(c) == key), None)
        if inner is None:
            break
        node = inner.named_children[-1]
    return node


def _module(
    file: BicepFile, declaration: Declaration, files: Mapping[Path, BicepFile]
) -> list[Finding]:
    node, body = declaration.node, declaration.body
    target = files.get((file.path.parent / declaration.type).resolve())
    if target is None:
        return [file.say(node, f"there is no file {declaration.type}")]
    given = file.value(body).get("params", {}) if body is not None else {}
    wanted = {one.name: one for one in target.of("parameter")}
    found = [
        file.say(node, f"{declaration.name}: {declaration.type} has no parameter {name}")
        for name in given
        if name not in wanted
    ]
    for name, one in wanted.items():
        if name not in given and one.default is None:
            found.append(file.say(node, f"{declaration.name}: parameter {name} is missing"))
        elif name in given and not _fits(given[name], one.type):
            found.append(file.say(node, f"{declaration.name}: {name} must be of type {one.type}"))
    return found


def _fits(value: Any, kind: str) -> bool:
    wanted = PARAMETER_TYPES.get(kind)
    if wanted is None or value == UNKNOWN:
        return True
    return isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)


def _default(file: BicepFile, declaration: Declaration) -> list[Finding]:
    if declaration.type not in PARAMETER_TYPES:
        return [file.say(declaration.node, f"no type {declaration.type}")]
    if declaration.default is None or _fits(file.value(declaration.default), declaration.type):
        return []
    words = f"the default of {declaration.name} must be of type {declaration.type}"
    return [file.say(declaration.node, words)]


def _too_late(file: BicepFile, declaration: Declaration) -> list[Finding]:
    """Find names, conditions and loops that depend on what is made only then."""
    early = []
    node = declaration.node.named_children[-1]
    while node.type in ("if_statement", "for_statement"):
        early.append(node.named_children[0 if node.type == "if_statement" else -2])
        node = node.named_children[-1]
    early += [
        child.named_children[-1]
        for child in node.named_children
        if child.type == "object_property" and key_of(child) == "name"
    ]
    return [
        file.say(late, f"{declaration.name}: {text(late)} is not known before it is made")
        for one in early
        for late in later(one, file)
    ]


def _roles(file: BicepFile, declaration: Declaration) -> list[Finding]:
    return [
        file.say(node, f"{text(node)} is none of the roles that may be given")
        for node in walk(declaration.node)
        if node.type == "string_content"
        and _GUID.fullmatch(text(node))
        and text(node) not in azure_rules.ROLES
    ]


def _accounts(file: BicepFile, declaration: Declaration) -> list[Finding]:
    """Find identities for accounts that none of the Kubernetes files has."""
    named = _SUBJECT.findall(text(declaration.node))
    if not named:
        return []
    folder = file.deploy / "kubernetes"
    known = "".join(path.read_text() for path in folder.rglob("*.yaml"))
    return [
        file.say(declaration.node, f"deploy/kubernetes has no ServiceAccount {name}")
        for name in named
        if known and not re.search(rf"^  name: {re.escape(name)}$", known, re.MULTILINE)
    ]


def _reachable(file: BicepFile) -> list[Finding]:
    """Find private endpoints without a name, and private zones that no network sees."""
    kinds = {one.type.partition("@")[0] for one in file.of("resource")}
    pairs = {
        "Microsoft.Network/privateEndpoints": "privateDnsZoneGroups",
        "Microsoft.Network/privateDnsZones": "virtualNetworkLinks",
    }
    return [
        file.say(one.node, f"{one.name} has no {pairs[full]}: nothing finds it by its name")
        for one in file.of("resource")
        if (full := one.type.partition("@")[0]) in pairs and f"{full}/{pairs[full]}" not in kinds
    ]


def _parameters(path: Path, deploy: Path, files: Mapping[Path, BicepFile]) -> list[Finding]:
    name = str(path.relative_to(deploy))
    target = files.get(path.with_name(path.name.replace(".parameters.json", ".bicep")).resolve())
    if target is None:
        return [Finding(name, 1, "there is no Bicep file of that name")]
    lines = path.read_text().splitlines()
    try:
        given = {
            key: one["value"] for key, one in json.loads("\n".join(lines))["parameters"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return [Finding(name, 1, "no file of parameters, as ARM has them")]
    wanted = {one.name: one for one in target.of("parameter")}

    def say(key: str, words: str) -> Finding:
        at = next((n for n, line in enumerate(lines, 1) if f'"{key}"' in line), 1)
        return Finding(name, at, words)

    found = [say(key, f"{target.name} has no parameter {key}") for key in given.keys() - wanted]
    found += [
        say(key, f"parameter {key} is missing")
        for key, one in wanted.items()
        if key not in given and one.default is None
    ]
    return found + [
        say(key, f"{key} must be of type {wanted[key].type}")
        for key in given.keys() & wanted
        if not _fits(given[key], wanted[key].type)
    ]
