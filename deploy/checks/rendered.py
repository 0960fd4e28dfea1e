"""What Kustomize makes of the overlays, and where each part of it was written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
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

    Args:
        deploy: the folder that is checked.
    """
    beside = str(Path(sys.executable).parent)
    kubectl = shutil.which("kubectl", path=beside) or "kubectl"
    made: list[Rendered] = []
    wrong: list[Finding] = []
    for folder in sorted((deploy / "kubernetes/overlays").iterdir()):
        done = subprocess.run(
            [kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False
        )
        documents = [each for each in _load(done.stdout) if each]
        overlay = Rendered(deploy, folder.name, documents)
        if done.returncode:
            said = " ".join(done.stderr.split()).replace(f"{deploy}/", "")
            wrong.append(Finding(overlay.file, 1, f"cannot be rendered: {said}"))
        else:
            made.append(overlay)
    if not made and not wrong:
        wrong.append(Finding("kubernetes/overlays", 0, "there is no overlay"))
    return made, wrong


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
