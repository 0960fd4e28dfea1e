"""Find blurred pictures, with a scoring script as written for Azure Machine Learning.

    impasto run photos/ --scorer script:examples/score.py --args "--sharp 100" -o blurred.csv

Sharpness is the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000).
"""

from __future__ import annotations

import argparse

import numpy as np
from PIL import Image

options = argparse.Namespace()


def init() -> None:
    """Parse the arguments; a model would be loaded here, from AZUREML_MODEL_DIR."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sharp", type=float, default=100.0)
    parser.parse_known_args(namespace=options)


def run(mini_batch: list[str]) -> list[dict[str, object]]:
    """Score local files; return one record per file."""
    records: list[dict[str, object]] = []
    for path in mini_batch:
        with Image.open(path) as picture:
            grey = np.asarray(picture.convert("L"), np.float64)
        inner = grey[1:-1, 1:-1]
        around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
        sharpness = float((around - 4 * inner).var())
        records.append({"sharpness": round(sharpness, 1), "blurred": sharpness < options.sharp})
    return records
