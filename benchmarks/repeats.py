"""What it saves that frames that equal the one before are not scored.

Usage: ``python benchmarks/repeats.py [--quick]``. Prints a Markdown table of CPU seconds: both ways
keep all cores busy.

Slides of text, 720p, two seconds each, are compressed as a recorder does, which cannot wait (x264,
preset veryfast), and as an editor does (preset medium), both at crf 23. The film is the Big Buck
Bunny clip, losslessly, with each frame twice, and once. Each clip is painted whole with the style
scorer in this process, once with every frame scored, and the outputs are compared.
"""

from __future__ import annotations

import argparse
import time
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image, ImageDraw

import impasto
from common import PAINTING, clip, print_table
from impasto.scorers.style.scorer import StyleScorer
from impasto.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable


def written(path: Path, pictures: Iterable[av.VideoFrame], options: dict[str, str]) -> Path:
    """Write a clip of these pictures at 24 frames per second."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=24, options=options)
        stream.pix_fmt = "yuv420p"
        for n, picture in enumerate(pictures):
            if n == 0:
                stream.width, stream.height = picture.width, picture.height
            picture.pts, picture.time_base = n, Fraction(1, 24)
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
    return path


def slides(count: int) -> Iterable[av.VideoFrame]:
    """Yield so many frames of slides, 48 of each."""
    for n in range(count):
        number = n // 48
        slide = Image.new("RGB", (1280, 720), (250, 250, 245))
        draw = ImageDraw.Draw(slide)
        draw.rectangle((0, 0, 1280, 90), fill=(30 + 40 * number, 60, 120))
        draw.text((40, 20), f"Results, part {number + 1}", font_size=48, fill="white")
        for line in range(9):
            text = f"{line + 1}. A line about result {9 * number + line}: {37 * line % 11} of 11"
            draw.text((80, 140 + 55 * line), text, font_size=28, fill=(20, 20, 20))
        yield av.VideoFrame.from_ndarray(np.asarray(slide), "rgb24")


def film(count: int, times: int) -> Iterable[av.VideoFrame]:
    """Yield so many frames of the clip, each so many times."""
    with av.open(str(clip())) as source:
        for frame in islice(source.decode(video=0), count // times):
            yield from (frame.reformat(format="yuv420p") for _ in range(times))


def painted(source: Path, output: Path, *, spared: bool) -> tuple[float, impasto.Result]:
    """Paint a clip; returns the CPU seconds that it took, and the result."""
    StyleScorer.pure = spared
    spec = impasto.JobSpec(source=str(source), output=str(output), params={"style": str(PAINTING)})
    settings = Settings(home=str(output.with_suffix(".home")), engine="inline")
    since = time.process_time()
    made = impasto.run(spec, settings=settings)
    return time.process_time() - since, made


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a quarter of the frames")
    count = 48 if parser.parse_args().quick else 96
    cases = {
        "slides, preset veryfast": (slides(count), {"crf": "23", "preset": "veryfast"}),
        "slides, preset medium": (slides(count), {"crf": "23"}),
        "film, each frame twice": (film(count // 2, 2), {"qp": "0"}),
        "film": (film(count // 2, 1), {"qp": "0"}),
    }
    rows = []
    with TemporaryDirectory() as name:
        for n, (case, (pictures, options)) in enumerate(cases.items()):
            folder = Path(name, str(n))
            folder.mkdir()
            source = written(folder / "in.mp4", pictures, options)
            every, _ = painted(source, folder / "every.mp4", spared=False)
            spared, made = painted(source, folder / "spared.mp4", spared=True)
            same = (folder / "every.mp4").read_bytes() == (folder / "spared.mp4").read_bytes()
            counts = (case, str(made.items), str(made.repeated))
            ratio = f"**{every / spared:.2f}**"
            rows.append((*counts, f"{every:.1f}", f"{spared:.1f}", ratio, "yes" if same else "NO"))
    print_table(
        "Painted with and without a look at repeats",
        ("clip", "frames", "equal", "all scored", "without those", "ratio", "same bytes"),
        rows,
    )


if __name__ == "__main__":
    main()
