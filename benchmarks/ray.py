"""What a cluster costs: see `cluster`, which this runs; a file of this name hides Ray itself."""

import sys
from pathlib import Path

folder = str(Path(__file__).parent)
sys.path = [path for path in sys.path if path != folder] + [folder]

from cluster import main  # noqa: E402 (only now Ray is Ray)

if __name__ == "__main__":
    main()
