"""The folder whose files are checked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"

needs_schemas = pytest.mark.skipif(
    not (DEPLOY / "schemas/arm").exists() and not os.environ.get("DEPLOY_SCHEMAS"),
    reason="deploy/schemas is empty: run deploy/schemas/fetch.py, or set DEPLOY_SCHEMAS",
)
"""Tests that need schemas of others, which cannot be downloaded everywhere; CI has them."""
