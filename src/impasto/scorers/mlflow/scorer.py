"""Score rows with a model folder of MLflow, through its ``python_function`` flavour.

The folder's ``MLmodel`` says which package saved the model, and by its signature which columns it
takes ("MLflow Models", "Model Signatures And Input Examples"). That package must be installed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.scorers import results
from impasto.scorers.base import Scorer, Scores
from impasto.scorers.mlflow.columns import Columns

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from impasto.scorers.base import Inputs
    from impasto.scorers.mlflow.params import MlflowParams

_FILE, _FLAVOUR = "MLmodel", "python_function"
_SHOWN = 8
"""Most columns that the note names."""


class MlflowScorer(Scorer):
    """Run a model of any flavour on rows; each makes one record."""

    batch = 0
    # Whether a model may be called from several threads is not known.
    serial = True

    def __init__(
        self, params: MlflowParams, prepared: dict[str, Any], inputs: Inputs, device: str
    ) -> None:
        """Load the model.

        Raises:
            BadInput: it is none of MLflow's, cannot be loaded, or what it needs is not installed.
            Unavailable: the store does not answer.
        """
        # Else each job would report itself to MLflow's makers.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        self._url = params.model
        folder = inputs.folder(params.model)
        model = _loaded(folder, params.model)
        if model is None:
            raise BadInput(
                f"{params.model}: has no flavour {_FLAVOUR}", "save it with one that has it"
            )
        self._model = model
        signature = self._model.metadata.signature
        self._columns = Columns.of(signature.inputs if signature else None, params.model)
        self.notes = (f"{params.model}: {self._columns.words(_SHOWN)}",)

    def score(self, batch: pd.DataFrame) -> Scores:
        """Call the model's ``predict``.

        Args:
            batch: N rows.

        Returns:
            A record for each: the columns that the model makes, or ``output``.

        Raises:
            BadInput: the rows lack a column of the signature.
            ValueError: a value does not fit it, or the model does not make N results.
            Exception: the model's own.
        """
        import pandas as pd

        result = results.array(self._model.predict(self._columns.fit(batch)))
        if isinstance(result, dict):
            result = pd.DataFrame(result)
        if hasattr(result, "toarray"):
            result = result.toarray()
        made = results.elements(result)
        if made is None or len(made) != len(batch):
            count = "something else" if made is None else len(made)
            raise ValueError(f"the model made {count} of {len(batch)} rows")
        return Scores(records=[results.of_element(each) for each in made])


def _loaded(folder: Path, url: str) -> Any:
    """Load a model, or return None if it has not the flavour that all share; raises BadInput."""
    if not (folder / _FILE).is_file():
        raise BadInput(f"{url}: holds no {_FILE}", "name a folder that MLflow has saved a model in")
    try:
        import mlflow.pyfunc
        from mlflow.exceptions import MlflowException
        from mlflow.models import Model
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{error.name}: is not installed", "run pip install 'impasto[mlflow]'"
        ) from None
    try:
        flavours = Model.load(str(folder)).flavors
        loader = str(flavours.get(_FLAVOUR, {}).get("loader_module", ""))
    except Exception as error:
        raise BadInput(
            f"{url}: its {_FILE} cannot be read: {_brief(error)}", "save the model again"
        ) from error
    try:
        return mlflow.pyfunc.load_model(str(folder)) if loader else None
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{url}: its flavour {loader.removeprefix('mlflow.')} needs {error.name}, which is "
            "not installed",
            "install what its requirements.txt lists",
        ) from None
    except MlflowException as error:
        raise BadInput(f"{url}: {_brief(error)}", "save the model again") from error
    except Exception as error:
        raise BadInput(
            f"{url}: cannot be loaded: {_brief(error)}",
            "install the versions that its requirements.txt lists",
        ) from error


def _brief(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
