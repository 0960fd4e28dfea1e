"""Tests see nothing of the user who runs them: neither home, settings, caches, nor tokens.

Imports nothing that reads the environment, since what was read before would stay known.
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
"""Variables that name folders of a user's, and what the folders are called here."""
_PREFIX = "tests-of-impasto-"
"""Not one that `sweep_scratch` takes for scratch that nobody needs."""
_HIDDEN = re.compile(
    r"(AWS|AZURE|CLOUDSDK|GOOGLE|IDENTITY|IMPASTO|MSI|RAY|XDG)_\w+|\w+_PROXY"
    r"|HF_HOME|MPLCONFIGDIR|NETRC|TORCH_HOME",
    re.IGNORECASE,
)


def isolate() -> TemporaryDirectory[str] | None:
    """Give this process, and all that it starts, an empty home, and no variable of the user's.

    Returns:
        What holds the folders, to be cleaned up at the end; None in a process that was started by
        one that has them, as pytest-xdist does: the names of tests must be the same in both.
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
    """List the variables that say where a user's things are, or how they are reached."""
    return [name for name in os.environ if _HIDDEN.fullmatch(name) and name not in FOLDERS]
