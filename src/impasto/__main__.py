"""The entry point: as small as can be, so that even an early Ctrl-C ends quietly."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        from impasto.cli.main import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
