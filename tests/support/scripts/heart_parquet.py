"""A deployment with outputs of its own: a table a file, and the word that it is done.

``run`` yields, so that the service counts what is done as it goes.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

output_path = ""


def init() -> None:
    global output_path
    output_path = os.environ["AZUREML_BI_OUTPUT_PATH"]


def run(mini_batch: list[str]) -> Iterator[bool]:
    for file_path in mini_batch:
        data = pd.read_csv(file_path)
        data["prediction"] = (data["age"] + data["chol"] > 300).astype(int)
        data.to_parquet(Path(output_path, Path(file_path).stem + ".parquet"))
        yield True
