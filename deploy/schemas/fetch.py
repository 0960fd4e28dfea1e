#!/usr/bin/env python3
"""Put the schemas of Azure's resources where `deploy/check` looks for them.

They come from https://github.com/Azure/azure-resource-manager-schemas, or from a folder that has
them already: `deploy/schemas/fetch.py [FOLDER]`. What differs from arm.txt is refused.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
ORIGIN = "https://raw.githubusercontent.com/Azure/azure-resource-manager-schemas/main/schemas"


def main() -> int:
    """Fetch what is listed, and return an exit code."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    for line in (HERE / "arm.txt").read_text().splitlines():
        wanted, name = line.split()
        body = canonical(from_folder(folder, name) if folder else from_origin(name))
        if hashlib.sha256(body).hexdigest() != wanted:
            print(
                f"{name}: another version than arm.txt has; look at it and write its digest there"
            )
            return 1
        target = HERE / "arm" / f"{name}.json.xz"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(lzma.compress(body))
    return 0


def canonical(text: bytes) -> bytes:
    """Return a JSON document in the form whose digest is kept."""
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")).encode()


def from_folder(folder: Path, name: str) -> bytes:
    """Return a schema from a folder that has them compressed."""
    return lzma.decompress((folder / f"{name}.json.xz").read_bytes())


def from_origin(name: str) -> bytes:
    """Return a schema from where they are published."""
    with urllib.request.urlopen(f"{ORIGIN}/{name}.json") as answer:
        whole: bytes = answer.read()
    return whole


if __name__ == "__main__":
    sys.exit(main())
