"""The environment variables that Ray reads."""

from __future__ import annotations

import os
from pathlib import Path

DASHBOARD = "http://127.0.0.1:8265"
"""Where Ray's dashboard listens on the head of a cluster, unless told otherwise."""


def configure_ray() -> None:
    """Prepare this process's environment for Ray: token authentication unless disabled.

    Ray reads these when it is first imported. Variables that are already set are kept.
    """
    os.environ.update(
        {
            "RAY_AUTH_MODE": "token",
            "RAY_USAGE_STATS_ENABLED": "0",
            # A worker without a GPU must see none.
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
        }
        | os.environ
    )


def ray_token() -> Path | None:
    """Return the file that holds this user's token for Ray; None when it is not used."""
    named = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    if named or os.environ.get("RAY_AUTH_MODE", "token") != "token":
        return None
    return Path.home() / ".ray" / "auth_token"
