"""A script with output action ``summary_only``: writes files of its own, returns what it did."""

import os
from pathlib import Path
from typing import Any

output = Path()


def init() -> None:
    global output
    output = Path(os.environ["AZUREML_BI_OUTPUT_PATH"])
    output.mkdir(parents=True, exist_ok=True)


def run(input_data: list[str], mini_batch_context: Any) -> list[str]:
    assert mini_batch_context.partition_key_value == {}
    for path in map(Path, input_data):
        (output / f"{path.stem}.summary.txt").write_text(f"{path.stat().st_size} bytes\n")
    return input_data
