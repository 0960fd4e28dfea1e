"""The overlays for Kubernetes, as a cluster would get them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from checks import crds, network, pods, ray, references, settings
from checks.finding import Finding
from checks.rendered import Document, Rendered, examples, render

NAME = "Kubernetes: overlays, schemas, references, Pod Security, network"
CANNOT = (
    "Kubernetes: no API server has seen the objects, so admission, quotas and rules in CEL are "
    "untried.",
    "Kubernetes: objects of KEDA and of Prometheus' operator have no schema here; only the fields "
    "that are used here are known.",
    "Kubernetes: no machine with a GPU, no spot machine and no cloud's identity has been tried.",
)


def check(deploy: Path) -> list[Finding]:
    """Return what is wrong in the overlays and the examples.

    Args:
        deploy: the folder with ``kubernetes`` and ``schemas``.
    """
    schemas = deploy / "schemas" / "kuberay"
    if not any(schemas.glob("*.xz")):
        words = "KubeRay's schemas are missing; run deploy/schemas/fetch.py"
        return [Finding(str(schemas.relative_to(deploy)), 1, words)]
    # What is read of them is kept by its path, which a link would hide.
    schemas = schemas.resolve()
    overlays, found = render(deploy)
    shown = examples(deploy)
    for each in (*overlays, shown):
        for document in each.documents:
            found += [each.find(document, *fault) for fault in crds.faults(document, schemas)]
    if found:
        # Of another shape than the rules below expect.
        return sorted({*found})
    version = _ray_version(deploy)
    for each in (*overlays, shown):
        for document in each.documents:
            found += _faults(each, document, schemas, version)
    for each in overlays:
        found += [*references.check(each, shown.documents), *network.check(each)]
        found += settings.check(each)
    return sorted({*found})


def _faults(
    overlay: Rendered, document: Document, schemas: Path, version: str
) -> Iterator[Finding]:
    if document["kind"] in crds.RAY:
        for text, near in ray.faults(document, version):
            yield overlay.find(document, text, near)
    for pod in pods.pods(document):
        template = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "pod"},
            "spec": pod.spec,
        }
        for text, near in (*crds.faults(template, schemas), *pods.faults(pod)):
            yield overlay.find(document, f"pod {pod.name}: {text}", near)


def _ray_version(deploy: Path) -> str:
    """Return the version of Ray that images have, or "" where nothing pins it."""
    pins = deploy.parent / "constraints.txt"
    pinned = re.search(r"^ray==(\S+)$", pins.read_text(), re.MULTILINE) if pins.exists() else None
    return pinned[1] if pinned else ""
