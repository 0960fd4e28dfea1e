"""The entry point: as small as can be, so that even an early signal ends with one line."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

_RUNNERS = {"run", "resume", "retry", "demo"}
"""Commands that answer SIGTERM as they do Ctrl-C, from their first moment on."""


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line."""
    try:
        if _RUNNERS.intersection(sys.argv[1:]):
            signal.signal(signal.SIGTERM, _interrupt)
        from impasto.cli.main import main as command_line

        command_line()
    except KeyboardInterrupt:
        print("impasto: stopped before anything began", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
