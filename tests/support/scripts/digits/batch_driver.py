"""A batch deployment whose code is a folder: the network is in a module beside the script.

The model is found one level down in its folder, whatever that one's name.
"""

import glob
import os
from os.path import basename

import pandas as pd
from digit_classifier import DigitClassifier  # type: ignore[import-not-found]

model: DigitClassifier = None


def init() -> None:
    global model
    found = glob.glob(f"{os.environ['AZUREML_MODEL_DIR']}/*/*.txt")[-1]  # noqa: PTH207
    model = DigitClassifier(found)


def run(mini_batch: list[str]) -> pd.DataFrame:
    results = [[basename(path), *model.predict(path)] for path in mini_batch]  # noqa: PTH119
    return pd.DataFrame(results, columns=["file", "class", "probability"])
