"""Leaves a file where files become the output when it is shut down."""

import os
from pathlib import Path


def run(mini_batch: list[str]) -> list[str]:
    return mini_batch


def shutdown() -> None:
    (Path(os.environ["AZUREML_BI_OUTPUT_PATH"]) / "shut-down.txt").write_text("done\n")
