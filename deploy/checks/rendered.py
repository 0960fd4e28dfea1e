"""What Kustomize makes of the overlays, and where each part of it was written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from checks.finding import Finding

Document = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """An overlay as the cluster would get it.

    Attributes:
        deploy: the folder that is checked.
        name: the overlay's name.
        documents: its objects.
    """

    deploy: Path
    name: str
    documents: list[Document]

    @property
    def file(self) -> str:
        """The overlay's own file, relative to the folder."""
        return f"kubernetes/overlays/{self.name}/kustomization.yaml"

    def of(self, *kinds: str) -> list[Document]:
        """Return the objects of some kinds."""
        return [each for each in self.documents if each["kind"] in kinds]

    def find(self, document: Document, text: str, near: str = "") -> Finding:
        """Return a finding about an object.

        Args:
            document: the object.
            text: what is wrong with it.
            near: a word on the line that is at fault, as it was written; "" is the whole object.
        """
        name = str(document["metadata"]["name"])
        text = f"{document['kind']} {name}: {text}"
        for path, texts in self._sources.items():
            line = _line(texts, document["kind"], name, near)
            if line:
                return Finding(path, line, text)
        return Finding(self.file, 1, text)

    @cached_property
    def _sources(self) -> dict[str, str]:
        here = self.deploy / "kubernetes"
        folders = [
            here / "base",
            here / "overlays" / self.name,
            here / "components",
            here / "examples",
        ]
        paths = [path for each in folders for path in sorted(each.rglob("*.yaml"))]
        return {
            str(path.relative_to(self.deploy)): path.read_text()
            for path in paths
            if path.name != "kustomization.yaml"
        }


def _line(text: str, kind: str, name: str, near: str) -> int:
    """Return the line of an object in a file, or of a word in it; 0 if it is not there."""
    first = 1
    for part in re.split(r"^---\n", text, flags=re.MULTILINE):
        own = re.search(r"^  name: (\S+)$", part, re.MULTILINE)
        head = re.search(rf"^kind: {kind}$", part, re.MULTILINE)
        if own and head and own[1] == name:
            word = re.search(rf"(?<![\w-]){re.escape(near)}(?![\w-])", part) if near else None
            return first + part.count("\n", 0, (word or head).start())
        first += part.count("\n") + 1
    return 0


def render(deploy: Path) -> tuple[list[Rendered], list[Finding]]:
    """Render every overlay; what cannot be rendered is a finding.

    The first one is rendered again with the components that no overlay uses.

    Args:
        deploy: the folder that is checked.
    """
    made: list[Rendered] = []
    wrong: list[Finding] = []
    folders = sorted((deploy / "kubernetes/overlays").iterdir())
    for folder in folders:
        _render(Rendered(deploy, folder.name, []), folder, made, wrong)
    if folders and (unused := _unused(deploy)):
        with TemporaryDirectory() as scratch:
            whole = Path(scratch) / "kustomization.yaml"
            near = partial(os.path.relpath, start=whole.parent.resolve())
            text = {
                "resources": [near(folders[0].resolve())],
                "components": [near(each.resolve()) for each in unused],
            }
            whole.write_text(json.dumps(text))
            overlay = Rendered(deploy, folders[0].name, [])
            _render(overlay, whole.parent, made, wrong)
    if not made and not wrong:
        wrong.append(Finding("kubernetes/overlays", 0, "there is no overlay"))
    return made, wrong


def _render(overlay: Rendered, folder: Path, made: list[Rendered], wrong: list[Finding]) -> None:
    beside = str(Path(sys.executable).parent)
    kubectl = shutil.which("kubectl", path=beside) or "kubectl"
    done = subprocess.run(
        [kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = " ".join(done.stderr.split()).replace(f"{overlay.deploy}/", "")
        wrong.append(Finding(overlay.file, 1, f"cannot be rendered: {said}"))
    else:
        made.append(replace(overlay, documents=[each for each in _load(done.stdout) if each]))


def _unused(deploy: Path) -> list[Path]:
    """Return the components that no overlay uses."""
    here = deploy / "kubernetes"
    texts = [path.read_text() for path in (here / "overlays").glob("*/kustomization.yaml")]
    folders = sorted(path.parent for path in (here / "components").glob("*/kustomization.yaml"))
    used = {name for text in texts for name in re.findall(r"components/([\w-]+)", text)}
    return [each for each in folders if each.name not in used]


def examples(deploy: Path) -> Rendered:
    """Return the examples, which are applied as they stand.

    Args:
        deploy: the folder that is checked.
    """
    paths = sorted((deploy / "kubernetes/examples").glob("*.yaml"))
    documents = [each for path in paths for each in _load(path.read_text()) if each]
    return Rendered(deploy, "examples", documents)


def _load(text: str) -> list[Document]:
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))
