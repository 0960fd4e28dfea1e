"""Show the page at work: serve a folder with three jobs that are run as the page is opened.

Usage: ``python tools/demo_serve.py FOLDER``. The folder gets an ``impasto.toml``, two clips, a
painting and a small scorer; `impasto serve` then runs in the foreground until Ctrl-C. A second call
keeps all that is in the folder, and goes on from there.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from demo_watch import CLIPS, data

CONFIG = """\
home = "jobs"

[serve]
read = ["media"]          # what may be scored from the page
write = ["made"]          # where outputs and uploads go

[rules.paint]             # what is copied into in/ is painted, too
inbox = "in"
style = "media/painting.jpg"
max_size = 640
output = "made/{name}-painted.mp4"
"""
SCORER = '''\
"""How bright each frame is; dark frames are refused, to show what happens then."""


class Brightness:
    def score(self, batch):
        means = [float(picture.mean()) for picture in batch]
        if min(means) < 70:
            raise ValueError(f"too dark to judge: {min(means):.0f} of 255")
        return [{"brightness": round(mean, 1)} for mean in means]
'''
FIRST = "Open the link below in a browser; "
AGAIN = """{folder} is as you left it; delete it to begin afresh. If the page asks for a token:
    cd {folder} && impasto token create --role admin
"""
JOBS = (
    ("media/bigbuckbunny.mp4", "--style", "media/painting.jpg", "-o", "made/bunny.mp4"),
    (
        "media/bikes.mp4",
        "--style",
        "media/painting.jpg",
        "--max-size",
        "640",
        "-o",
        "made/bikes.mp4",
    ),
    (
        "media/bikes.mp4",
        "--scorer",
        "python:brightness.py:Brightness",
        "-o",
        "made/brightness.csv",
        "--max-failed",
        "all",
    ),
)


def is_kept(folder: Path) -> bool:
    """Return whether the demo ran in a folder before."""
    return (folder / "jobs").is_dir()


def fill(folder: Path) -> None:
    """Write what a folder lacks, and change nothing that is there."""
    for name in ("media", "made", "in"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    clips = {f"media/{clip}": (data() / clip).read_bytes() for clip in CLIPS}
    painting = files("impasto.scorers") / "data" / "painting.jpg"
    given = {"impasto.toml": CONFIG.encode(), "brightness.py": SCORER.encode(), **clips}
    for name, content in {**given, "media/painting.jpg": painting.read_bytes()}.items():
        if not (folder / name).exists():
            (folder / name).write_bytes(content)


def main() -> None:
    """Run the demo until it is interrupted."""
    folder = Path(sys.argv[1])
    impasto = (sys.executable, "-m", "impasto")
    kept = is_kept(folder)
    fill(folder)
    for job in () if kept else JOBS:
        subprocess.run(
            [*impasto, "submit", "--detach", *job, "--label", "project=demo"],
            cwd=folder,
            check=True,
        )
    told = AGAIN.format(folder=folder) if kept else FIRST
    print(f"\n{told}Ctrl-C ends the service.\n", flush=True)
    serving = subprocess.Popen([*impasto, "serve", *sys.argv[2:]], cwd=folder)
    while True:
        try:
            sys.exit(serving.wait())
        except KeyboardInterrupt:
            # The service has heard it, too, and ends in order.
            continue


if __name__ == "__main__":
    main()
