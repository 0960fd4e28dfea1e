"""What `benchmarks/watch.py` measures."""

from __future__ import annotations

import sys
from pathlib import Path

# The tests are not a package, and nothing else starts a watcher and its servers.
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
