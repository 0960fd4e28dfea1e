"""The environment that scripts written for Azure Machine Learning's parallel jobs expect.

Its documentation, "Troubleshooting the ParallelRunStep" and "Author scoring scripts for batch
deployments", names the helper class ``EntryScript``, the second argument of ``run`` and two
environment variables. None of its packages is needed.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path

from impasto.secrecy import Redacting
from impasto.storage.local import mapped

_PACKAGE, _MODULE = "azureml_user", "azureml_user.parallel_run"


@dataclass(frozen=True)
class MiniBatchContext:
    """The second argument of ``run``, for scripts that take one.

    Attributes:
        partition_key_value: the values that all items of the mini-batch share; always empty, since
            sources are not partitioned by value.
        minibatch_index: a name that no other mini-batch has; scripts name files after it.
    """

    partition_key_value: dict[str, str] = field(default_factory=dict)
    minibatch_index: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def mini_batch_id(self) -> str:
        """The same name, as other versions of the service call it."""
        return self.minibatch_index


class EntryScript:
    """The helper that a script asks for its logger and its folders.

    Attributes:
        output_dir: the folder for files that become the output.
        working_dir: the script's own folder, or the current one if the script is in a store.
        agent_name: the worker's name.
    """

    def __init__(self, output_dir: Path, working_dir: Path) -> None:
        """Name the folders, as text, which scripts join with ``+`` as well as with ``/``."""
        self.output_dir = str(output_dir)
        self.working_dir = str(working_dir)
        self.agent_name = f"process{os.getpid()}"

    @cached_property
    def logger(self) -> logging.Logger:
        """A logger that writes to the worker's standard error, from INFO upwards."""
        logger = logging.getLogger(_MODULE)
        if not logger.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(Redacting("%(asctime)s %(levelname)s %(message)s"))
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            logger.propagate = False
        return logger

    @cached_property
    def log_dir(self) -> str:
        """A folder of this worker's for the script's own logs, among the temporary files."""
        return tempfile.mkdtemp(prefix="impasto-script-logs-")


def install(entry: EntryScript) -> None:
    """Let scripts import ``EntryScript``, unless the real package is there.

    Args:
        entry: what ``EntryScript()`` returns, always the same object.
    """
    if not _ours() and find_spec(_PACKAGE) is not None:
        return
    package, module = (
        module_from_spec(ModuleSpec(name, None, origin=__name__, is_package=name == _PACKAGE))
        for name in (_PACKAGE, _MODULE)
    )
    vars(module)["EntryScript"] = lambda: entry
    vars(package)["parallel_run"] = module
    sys.modules.update({_PACKAGE: package, _MODULE: module})


def model_folder(model: Path, links: Path) -> Path:
    """Return a folder in which a script finds its model, with and without a subfolder.

    There, a model's files lie in a folder that is named as they were registered, or directly in the
    model's folder, and scripts are written for either.

    Args:
        model: the model's folder.
        links: a new folder for links to its files, both ways.

    Returns:
        The links, or the model's folder itself where that holds folders alone.
    """
    with mapped(str(links)):
        if not any(path.is_file() for path in model.iterdir()) or (model / model.name).exists():
            return model
        files = [path.relative_to(model) for path in model.rglob("*") if path.is_file()]
        for root in (links, links / model.name):
            for name in files:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).unlink(missing_ok=True)
                (root / name).symlink_to((model / name).absolute())
    return links


def announce(output: Path, model: Path | None) -> None:
    """Set the environment variables that scripts read.

    Args:
        output: the folder for files that become the output.
        model: the model's file or folder, if there is one.
    """
    os.environ["AZUREML_BI_OUTPUT_PATH"] = str(output)
    if model is not None:
        os.environ["AZUREML_MODEL_DIR"] = str(model)


def _ours() -> bool:
    spec = getattr(sys.modules.get(_PACKAGE), "__spec__", None)
    return spec is not None and spec.origin == __name__
