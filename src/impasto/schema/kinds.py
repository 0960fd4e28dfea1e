"""Kinds of sources."""

from __future__ import annotations

from typing import Literal

SourceKind = Literal["video", "image", "folder", "files", "table"]
"""What a source is: ``folder`` stands for all that names many images."""
