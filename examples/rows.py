"""Score the rows of a table: how hot the weather feels, by a published regression.

    impasto run weather.csv --scorer python:examples/rows.py:HeatIndex -o felt.csv

The model is Rothfusz's regression of the heat index (National Weather Service, Technical Attachment
SR 90-23, 1990). Below 80 degrees Fahrenheit it is the simpler formula that the service uses there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Coefficients of the powers of temperature (rows) times the powers of humidity (columns).
REGRESSION = np.array(
    [
        [-42.379, 10.14333127, -0.05481717],
        [2.04901523, -0.22475541, 0.00085282],
        [-0.00683783, 0.00122874, -0.00000199],
    ]
)
LEVELS = np.array(["none", "caution", "extreme caution", "danger", "extreme danger"])
BOUNDS = (80, 90, 103, 125)


def heat_index(t: Floats, r: Floats) -> Floats:
    """Return the heat index in degrees Fahrenheit, from degrees Fahrenheit and humidity in %."""
    simple = (t + (t + 61 + 1.2 * (t - 68) + 0.094 * r) / 2) / 2
    humid = np.polynomial.polynomial.polyval2d(t, r, REGRESSION)
    dry = (r < 13) & (t >= 80) & (t <= 112)
    humid -= np.where(dry, (13 - r) / 4 * np.sqrt(np.clip(17 - abs(t - 95), 0, None) / 17), 0)
    damp = (r > 85) & (t >= 80) & (t <= 87)
    humid += np.where(damp, (r - 85) / 10 * (87 - t) / 5, 0)
    return np.where(simple < 80, simple, humid)


class HeatIndex:
    """Rows with ``temperature`` and ``humidity`` (%) in, the same plus two more columns out."""

    batch = 4096
    parallel = True

    def __init__(self, unit: Literal["celsius", "fahrenheit"] = "celsius") -> None:
        self.unit = unit

    def score(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Return N rows with the columns ``heat_index`` and ``danger`` added."""
        temperature = batch["temperature"].to_numpy(float)
        celsius = self.unit == "celsius"
        fahrenheit = temperature * 1.8 + 32 if celsius else temperature
        index = heat_index(fahrenheit, batch["humidity"].to_numpy(float))
        columns: dict[str, Any] = {
            "heat_index": ((index - 32) / 1.8 if celsius else index).round(1),
            "danger": LEVELS[np.digitize(index, BOUNDS)],
        }
        return batch.assign(**columns)
