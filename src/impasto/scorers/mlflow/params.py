"""Parameters of a model that MLflow has saved."""

from __future__ import annotations

from typing import Annotated

from impasto.schema.base import Frozen
from impasto.scorers.params import BehindColon, TrustedFolder


class MlflowParams(Frozen):
    """Parameters of a model that MLflow has saved.

    Attributes:
        model: URL or path of the folder that holds MLmodel; it is code, and is run.
    """

    model: Annotated[TrustedFolder, BehindColon]
