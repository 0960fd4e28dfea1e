"""Kinds of sources."""

from __future__ import annotations

from typing import Literal

SourceKind = Literal["video", "image", "folder", "files", "table"]
"""What a source is; ``folder`` covers everything that names many images."""
