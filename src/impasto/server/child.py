"""The inside of a child process: one function, called once.

The request is one line of JSON on standard input, which stays open until the service has the
answer, or is gone. The answer is on standard output: a line that says how it went, and its bytes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from importlib import import_module

from impasto import secrecy
from impasto.errors import ImpastoError
from impasto.schema.base import parse
from impasto.schema.signatures import Signatures
from impasto.settings import Settings

DONE = b"done\n"
"""What an answer begins with; a problem begins with `WRONG`."""
WRONG = b"wrong\n"


def main() -> None:
    """Call the function that the service asks for, and write what it returns."""
    answer = _own_output()
    secrecy.guard()
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_service, daemon=True).start()
    module, _, name = request["target"].partition(":")
    try:
        settings = parse(Settings, request["settings"]).signed(Signatures(request["queries"]))
        made: bytes = getattr(import_module(module), name)(settings, **request["given"])
    except ImpastoError as error:
        problem = {"kind": type(error).__name__, "fact": error.fact, "remedy": error.remedy}
        made = WRONG + json.dumps(problem).encode()
    else:
        made = DONE + made
    with os.fdopen(answer, "wb") as file:
        file.write(made)
    sys.stderr.flush()
    # Threads of libraries may not end by themselves.
    os._exit(0)


def _own_output() -> int:
    """Return the standard output; what is printed goes to standard error from then on."""
    answer = os.dup(1)
    os.dup2(2, 1)
    return answer


def _end_with_service() -> None:
    """Wait until the service closes standard input, as it does by its end; end everything."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
