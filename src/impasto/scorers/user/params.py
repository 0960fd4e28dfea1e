"""Parameters of scorers that users write."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.scorers.params import (
    BehindColon,
    ClassArgs,
    ClassName,
    Code,
    CodeFolder,
    TrustedFolder,
)


class ScriptParams(Frozen):
    """Parameters of a scoring script with ``init()`` and ``run(mini_batch)``.

    Attributes:
        script: URL or path of the script.
        args: the script's own command-line arguments, as one string.
        model: URL or path of the file or folder that AZUREML_MODEL_DIR will point to.
        code: URL or path of a folder with what the script imports and reads; by default, the
            modules beside it that it imports.
        retries: how many times to try a failed item again before it is set aside.
    """

    script: Annotated[Code, BehindColon]
    args: str = ""
    model: TrustedFolder | None = None
    code: CodeFolder | None = None
    retries: int = Field(default=1, ge=0, le=100)


class PythonParams(Frozen):
    """Parameters of a scorer class of the user's.

    Attributes:
        module: URL or path of the file that holds the class, or an installed module.
        name: the class.
        args: the class's own arguments.
    """

    module: Annotated[Code, BehindColon]
    name: ClassName
    args: ClassArgs = Field(default_factory=dict)
