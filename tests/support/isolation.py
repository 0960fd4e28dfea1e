"""Isolation of tests from the user who runs them: from home, settings, caches and tokens.

Imports nothing that reads the environment, since values read before would be kept.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDERS = {
    "HOME": "home",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_DIRS": "configs",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_DIRS": "datas",
    "XDG_DATA_HOME": "data",
    "XDG_RUNTIME_DIR": "runtime",
    "XDG_STATE_HOME": "state",
}
"""Variables that name a user's folders, and the names of the folders here."""
_PREFIX = "tests-of-impasto-"
_HIDDEN = re.compile(
    r"(AWS|AZURE|BOTO|CLOUDSDK|GCE|GCLOUD|GCP|GOOGLE|IDENTITY|IMPASTO|MSI|OTEL|RAY|XDG)_\w+|\w+_PROXY"
    r"|APPLICATIONINSIGHTS_\w+|HF_HOME|MPLCONFIGDIR|NETRC|PYTHONBREAKPOINT|TORCH_HOME",
    re.IGNORECASE,
)


def isolate() -> TemporaryDirectory[str] | None:
    """Give this process, and all that it starts, an empty home and none of the user's variables.

    Returns:
        The parent of the folders, to be cleaned up at the end; None in a process whose parent has
        them, as with pytest-xdist: the names of tests must be the same in both.
    """
    for name in hidden():
        del os.environ[name]
    made, root = None, Path(os.environ.get("HOME", "")).parent
    if not root.name.startswith(_PREFIX):
        made = TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
        root = Path(made.name)
    for name, called in FOLDERS.items():
        folder = root / called
        folder.mkdir(mode=0o700, exist_ok=True)
        os.environ[name] = str(folder)
    return made


def hidden() -> list[str]:
    """List the variables that say where a user's data is, or how to reach it."""
    return [name for name in os.environ if _HIDDEN.fullmatch(name) and name not in FOLDERS]
