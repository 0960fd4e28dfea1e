"""Fixtures that every test file may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clips import Clip, make_clip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeClip = Callable[..., Path]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """``clip(suffix, **fields)``: a synthesised clip's path, made once a session."""
    folder = tmp_path_factory.mktemp("clips")
    made: dict[tuple[str, str], Path] = {}

    def get(suffix: str = ".mp4", **fields: Any) -> Path:
        key = (suffix, repr(Clip(**fields)))
        if key not in made:
            made[key] = make_clip(folder / f"{len(made)}{suffix}", Clip(**fields))
        return made[key]

    return get
