"""The size that output pictures are brought to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

BOX = re.compile(r"(\d{1,5})x(\d{1,5})")
TIMES = re.compile(r"(\d{1,2}(?:\.\d{1,4})?)x")
MOST = 32768
"""Pixels on a side, more than any encoder takes."""
MOST_PIXELS = 1 << 27
"""Pixels of a picture, as many as one that is read may have."""


@dataclass(frozen=True, slots=True)
class OutputSize:
    """A size in pixels into which pictures fit, or a multiple of the source's size.

    Attributes:
        width: of the box, or 0.
        height: of the box, or 0.
        times: the multiple, or 0.
    """

    width: int = 0
    height: int = 0
    times: float = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``1920x1080`` or ``2x``; raises ValueError."""
        if box := BOX.fullmatch(text):
            width, height = int(box[1]), int(box[2])
            if 0 < width <= MOST and 0 < height <= MOST:
                return cls(width, height)
        if (times := TIMES.fullmatch(text)) and float(times[1]) > 0:
            return cls(times=float(times[1]))
        raise ValueError(
            f"must be WIDTHxHEIGHT of 1 to {MOST} pixels, or a multiple such as 2x or 1.5x"
        )

    def of(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that a source's picture of (height, width) is to have.

        Its shape stays. A box is met by the longer side, in its measure, and by the other one to
        half a pixel.

        Raises:
            ValueError: it is larger than memory should have to hold.
        """
        times = self.times or min(self.width / width, self.height / height)
        high, wide = max(1, round(height * times)), max(1, round(width * times))
        if high * wide > MOST_PIXELS:
            raise ValueError(
                f"`output_size` makes {wide}x{high} of {width}x{height}, over "
                f"{MOST_PIXELS // 10**6} megapixels; choose less"
            )
        return high, wide
