"""A ParallelRunStep's script: rows with a number in column ``x`` in, a DataFrame out."""

import argparse

import pandas as pd
from azureml_user.parallel_run import EntryScript  # type: ignore[import-not-found]

slope = 0.0


def init() -> None:
    global slope
    parser = argparse.ArgumentParser(description="a line")
    parser.add_argument("--slope", type=float, default=2.0)
    args, _unknown = parser.parse_known_args()
    slope = args.slope
    EntryScript().logger.info("init() is called in %s", EntryScript().agent_name)


def run(input_data: pd.DataFrame) -> pd.DataFrame:
    EntryScript().logger.debug("run() is called with: %s", input_data)
    input_data["prediction"] = pd.Series([slope * x + 1 for x in input_data["x"]])
    return input_data[["x", "prediction"]]
