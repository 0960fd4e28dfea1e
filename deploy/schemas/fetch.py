#!/usr/bin/env python3
"""Put the schemas of Azure's resources and of KubeRay where `deploy/check` looks for them.

They come from https://github.com/Azure/azure-resource-manager-schemas and
https://github.com/ray-project/kuberay, or from a folder that has both already:
`deploy/schemas/fetch.py [FOLDER]`. What differs from arm.txt and kuberay.txt is refused.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
ARM = "https://raw.githubusercontent.com/Azure/azure-resource-manager-schemas/main/schemas"
KUBERAY = (
    "https://raw.githubusercontent.com/ray-project/kuberay/v1.7.0/helm-chart/kuberay-operator/crds"
)


def main() -> int:
    """Fetch what is listed, and return an exit code."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    for kind, origin, within in (
        ("arm", ARM, "arm-schemas"),
        ("kuberay", KUBERAY, "kuberay-1.7.0"),
    ):
        for line in (HERE / f"{kind}.txt").read_text().splitlines():
            wanted, name = line.split()
            file = f"{name}.json" if kind == "arm" else name
            target = HERE / kind / f"{file}.xz"
            if target.exists() and _digest(lzma.decompress(target.read_bytes())) == wanted:
                continue
            try:
                body = from_folder(folder / within, file) if folder else from_origin(origin, file)
            except OSError as error:
                print(f"{name}: {error}; what needs these schemas cannot be checked")
                return 1
            body = canonical(body) if kind == "arm" else body
            if _digest(body) != wanted:
                print(
                    f"{name}: another version than {kind}.txt has; look at it and write its digest "
                    "there"
                )
                return 1
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(lzma.compress(body))
    return 0


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def canonical(text: bytes) -> bytes:
    """Return a JSON document in the form whose digest is kept."""
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")).encode()


def from_folder(folder: Path, file: str) -> bytes:
    """Return a schema from a folder that has them compressed."""
    return lzma.decompress((folder / f"{file}.xz").read_bytes())


def from_origin(origin: str, file: str) -> bytes:
    """Return a schema from where they are published."""
    with urllib.request.urlopen(f"{origin}/{file}", timeout=30) as answer:
        whole: bytes = answer.read()
    return whole


if __name__ == "__main__":
    sys.exit(main())
