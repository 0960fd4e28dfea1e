"""Code that tests share: clips, servers, stores, clusters and commands."""

from __future__ import annotations

from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"
"""Scripts and classes as users write them."""
PLUGIN = Path(__file__).parent / "plugin"
"""A user's package that offers a scorer."""
