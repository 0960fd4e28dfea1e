"""Parameters of scorers that users write."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from impasto.schema.base import Frozen


class ScriptParams(Frozen):
    """Parameters of a scoring script with ``init()`` and ``run(mini_batch)``.

    Attributes:
        script: URL or path of the script.
        script_sha256: its digest, filled in when a job begins.
        args: the script's own command-line arguments, in one string.
        model: URL or path of the file or folder that AZUREML_MODEL_DIR shall hold.
        model_digest: digest of its names and contents, filled in when a job begins.
        retries: how often an item that fails is tried again before it is set aside.
    """

    script: str
    script_sha256: str | None = None
    args: str = ""
    model: str | None = None
    model_digest: str | None = None
    retries: int = Field(default=1, ge=0, le=100)


class PythonParams(Frozen):
    """Parameters of a scorer class of the user's.

    Attributes:
        module: URL or path of the file that holds the class, or an installed module.
        module_sha256: the file's digest, filled in when a job begins.
        name: the class.
        args: the class's own arguments.
    """

    module: str
    module_sha256: str | None = None
    name: str
    args: dict[str, Any] = Field(default_factory=dict)
