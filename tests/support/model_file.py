"""A model's file, as a scorer is given it."""

from __future__ import annotations

import hashlib

from support.fake_inputs import Given


class ModelFile(Given):
    """What a job has whose only file is a model, of any name."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def trusted(self, url: str, sha256: str) -> bytes:
        assert sha256 == self.sha256
        return self.content
