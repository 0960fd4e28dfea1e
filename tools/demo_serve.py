"""Show the page at work: serve a folder with three jobs that are run as the page is opened.

Usage: ``python tools/demo_serve.py FOLDER``. The folder gets an ``impasto.toml``, two clips, a
painting and a small scorer; `impasto serve` then runs in the foreground until Ctrl-C.
"""

from __future__ import annotations

import shutil
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


def main() -> None:
    """Run the demo until it is interrupted."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("media", "made", "in"):
        (folder / name).mkdir(parents=True)
    (folder / "impasto.toml").write_text(CONFIG)
    (folder / "brightness.py").write_text(SCORER)
    for clip in CLIPS:
        shutil.copy(data() / clip, folder / "media" / clip)
    shutil.copy(str(files("impasto.scorers") / "data" / "painting.jpg"), folder / "media")
    impasto = (sys.executable, "-m", "impasto")
    for job in JOBS:
        subprocess.run(
            [*impasto, "submit", "--detach", *job, "--label", "project=demo"],
            cwd=folder,
            check=True,
        )
    print("\nOpen the link below in a browser; Ctrl-C ends the service.\n", flush=True)
    serving = subprocess.Popen([*impasto, "serve", *sys.argv[2:]], cwd=folder)
    while True:
        try:
            sys.exit(serving.wait())
        except KeyboardInterrupt:
            # The service has heard it, too, and ends in order.
            continue


if __name__ == "__main__":
    main()
