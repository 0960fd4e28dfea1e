"""Whether the user asked for tracebacks, with --debug anywhere on the command line."""

from __future__ import annotations

asked = False
