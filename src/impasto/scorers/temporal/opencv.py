"""OpenCV, which not every installation has."""

from __future__ import annotations

import importlib
from typing import Any

from impasto.errors import BadInput


def load(otherwise: str) -> Any:
    """Import OpenCV for optical flow.

    Args:
        otherwise: what to do without it, for people.

    Raises:
        BadInput: it is missing.
    """
    try:
        cv2: Any = importlib.import_module("cv2")
    except ImportError:
        raise BadInput(
            "optical flow: OpenCV, which follows a video's motion, is missing",
            f"run pip install 'impasto[flow]', or {otherwise}",
        ) from None
    # Workers have a core each, and sums must not depend on how many threads share them.
    cv2.setNumThreads(1)
    # Its routines differ from one kind of processor to the next, and so would pictures.
    cv2.ipp.setUseIPP(False)
    return cv2
