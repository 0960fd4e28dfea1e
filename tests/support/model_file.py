"""A model's file, as a scorer receives it."""

from __future__ import annotations

from support.fake_inputs import Given


class ModelFile(Given):
    """The inputs of a job whose only file is a model, of any name."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content

    def trusted(self, url: str) -> bytes:
        return self.content
