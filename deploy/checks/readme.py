"""Instructions: what their commands name exists: paths, variables, parameters, outputs, objects."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from checks.bicep_tree import BicepFile
from checks.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "Instructions: the paths, variables, parameters and outputs in their commands"
CANNOT: tuple[str, ...] = (
    "no command of the instructions ran: options of az, kubectl and helm are unchecked",
)
_BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)(?:#[^)\s]*)?\)")
_PATH = re.compile(r"(?<![\w/.-])((?:deploy|docs|examples|tools)/[\w./-]*[\w-])")
_SET = re.compile(
    r"(?:^|[\s;&(])(?:export +)?([A-Za-z_]\w*)=|\bfor +(\w+) +in\b|\bread +(?:-r +)?(\w+)"
)
_VARIABLE = re.compile(r"(?<!\\)\$\{?([A-Za-z_]\w*)")
_OUTPUT = re.compile(r"\$\(out (\w+)\)")
_TEMPLATE = re.compile(r"--template-file +(\S+)")
_GIVEN = re.compile(r"(?<=\s)([A-Za-z]\w*)=(?=\S)")
_OBJECT = re.compile(
    r"(?<![\w/.-])(?:deployment|svc|service|rayjob|raycluster|secret|configmap|scaledobject"
    r"|serviceaccount|poddisruptionbudget|pdb)s?/([a-z0-9][a-z0-9-]*)"
)
_CREATED = re.compile(r"kubectl create \w+ (?:generic )?([a-z0-9-]+)")
_FROM_OUTSIDE = {"HOME", "PATH", "PWD", "USER"}
MADE = ("deploy/azure/cluster",)
"""Paths that a command of the instructions writes."""


@dataclass
class _Readme:
    """What a document has named so far."""

    path: Path
    deploy: Path
    template: BicepFile | None = None
    variables: set[str] = field(default_factory=lambda: set(_FROM_OUTSIDE))
    created: set[str] = field(default_factory=set)
    found: list[Finding] = field(default_factory=list)

    def say(self, line: int, words: str) -> None:
        self.found.append(Finding(str(self.path.relative_to(self.deploy)), line, words))


def check(deploy: Path) -> list[Finding]:
    """Return what is wrong with the README.md files in the folder `deploy`."""
    found = []
    for path in sorted(deploy.rglob("README.md")):
        readme = _Readme(path, deploy)
        whole = path.read_text()
        _links(readme, whole)
        _parameters_of_tables(readme, whole)
        for match in _BLOCK.finditer(whole):
            start = whole.count("\n", 0, match.start()) + 2
            for line, command in _commands(match[1], start):
                _command(readme, line, command)
        found += readme.found
    return found


def _commands(block: str, start: int) -> Iterator[tuple[int, str]]:
    """Yield each command and its line, with continued lines as one and without comments."""
    held, first = "", start
    for line, each in enumerate(block.splitlines(), start):
        bare = re.sub(r"(^|\s)#(\s.*)?$", "", each)
        held, first = (f"{held} {bare}", first) if held else (bare, line)
        if held.endswith("\\"):
            held = held[:-1]
            continue
        if held.strip():
            yield first, held
        held = ""


def _links(readme: _Readme, whole: str) -> None:
    for match in _LINK.finditer(whole):
        if not (readme.path.parent / match[1]).exists():
            readme.say(whole.count("\n", 0, match.start()) + 1, f"there is no {match[1]}")


def _command(readme: _Readme, line: int, command: str) -> None:
    root = readme.deploy.parent
    for path in _PATH.findall(command):
        # An object of Kubernetes may begin with the short form of "deployment".
        if (
            not path.startswith(MADE)
            and not (root / path).exists()
            and not _is_object(readme, path)
        ):
            readme.say(line, f"there is no {path}")
    if match := re.search(r"kubectl \w+ .*-k +(\S+)", command):
        folder = root / match[1]
        if (
            match[1] not in MADE
            and folder.is_dir()
            and not (folder / "kustomization.yaml").exists()
        ):
            readme.say(line, f"{match[1]} has no kustomization.yaml")
    readme.variables |= {name for groups in _SET.findall(command) for name in groups if name}
    for name in _VARIABLE.findall(command):
        if name not in readme.variables:
            readme.say(line, f"no command before has set ${name}")
    if match := _TEMPLATE.search(command):
        _deployment(readme, line, command, root / match[1])
    for name in _OUTPUT.findall(command):
        if readme.template is None or name not in readme.template.outputs:
            readme.say(line, f"the deployment has no output {name}")
    readme.created |= set(_CREATED.findall(command))
    for name in _OBJECT.findall(command):
        if name not in readme.created and not _in_manifests(readme.deploy, name):
            readme.say(line, f"no file of deploy/kubernetes has an object {name}")


def _is_object(readme: _Readme, path: str) -> bool:
    return path.startswith("deploy/") and _in_manifests(readme.deploy, path.partition("/")[2])


def _in_manifests(deploy: Path, name: str) -> bool:
    paths = (deploy / "kubernetes").rglob("*.yaml")
    pattern = re.compile(
        rf"^ *(?:- )?(?:name|clusterName|secretName): {re.escape(name)}$", re.MULTILINE
    )
    return any(pattern.search(path.read_text()) for path in paths)


def _deployment(readme: _Readme, line: int, command: str, template: Path) -> None:
    if not template.is_file():
        return
    readme.template = BicepFile.read(template.resolve(), readme.deploy)
    wanted = {one.name: one for one in readme.template.of("parameter")}
    given: set[str] = set()
    for part in re.split(r"--parameters +", command)[1:]:
        first = part.split()[0] if part.split() else ""
        path = readme.deploy.parent / first
        if first.endswith(".json"):
            given |= set(json.loads(path.read_text())["parameters"]) if path.is_file() else set()
        else:
            given |= set(_GIVEN.findall(f" {part.split(' --')[0]}"))
    for name in sorted(given - wanted.keys()):
        readme.say(line, f"{template.name} has no parameter {name}")
    for name in sorted(wanted.keys() - given):
        if wanted[name].default is None:
            readme.say(line, f"parameter {name} of {template.name} is missing")


def _parameters_of_tables(readme: _Readme, whole: str) -> None:
    """Look up the names in the first column of tables that begin with `parameter`."""
    files = [BicepFile.read(path, readme.deploy) for path in readme.path.parent.glob("*.bicep")]
    known = {one.name for file in files for one in file.of("parameter")}
    inside = False
    for line, each in enumerate(whole.splitlines(), 1):
        cells = [cell.strip() for cell in each.strip("|").split("|")]
        inside = each.startswith("|") and (inside or cells[0] == "parameter")
        for name in re.findall(r"`(\w+)`", cells[0]) if inside else ():
            if name not in known:
                readme.say(line, f"there is no parameter {name}")
