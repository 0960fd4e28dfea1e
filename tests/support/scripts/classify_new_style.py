"""A batch endpoint's script: files in, a line of text for each out.

The model is a folder ``model`` with ``labels.txt``, one label a line.
"""

import argparse
import os
from pathlib import Path

labels: list[str] = []
prefix = ""


def init() -> None:
    global labels, prefix
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", default="")
    args, _ = parser.parse_known_args()
    prefix = args.prefix
    path = Path(os.environ["AZUREML_MODEL_DIR"]) / "model" / "labels.txt"
    labels = path.read_text().split()


def run(mini_batch: list[str]) -> list[str]:
    print(f"run method start: {__file__}, run({mini_batch})")
    results = []
    for path in mini_batch:
        label = labels[sum(Path(path).read_bytes()) % len(labels)]
        results.append(f"{prefix}{os.path.basename(path)}: {label}")  # noqa: PTH119
    return results
