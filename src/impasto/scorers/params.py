"""What scorers' parameters share.

A scorer's parameters stand beside it, in a module that imports no model library, since the driver
checks them. The first line of an attribute's text is what ``impasto scorers`` says of it.
"""

from __future__ import annotations

from typing import Literal

from impasto.schema.base import Frozen

Range = Literal["auto", "unit", "signed", "byte", "imagenet"]
"""What a picture's values are to a network: 0 to 1, -1 to 1, 0 to 255, or 0 to 1 less ImageNet's
mean over its deviation."""


class NoParams(Frozen):
    """A scorer without parameters."""
