from __future__ import annotations

import json
import os

from impasto import secrecy
from impasto.schema.diagnostics import diagnostic


def test_a_line_says_what_it_concerns_and_holds_no_secret() -> None:
    secret = secrecy.remember("a-key-that-nobody-may-see")
    text = diagnostic("watch", "error", f"no\n{secret}", job="", rule="clips", key=secret)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["process"], line["level"], line["pid"]) == ("watch", "error", os.getpid())
    assert line["text"] == f"no\n{secrecy.HIDDEN}"
    assert (line["rule"], line["key"], "job" in line) == ("clips", secrecy.HIDDEN, False)
