"""Folders of images: reading them over a slow network, and planning very many."""

from __future__ import annotations

import io
import sys
from itertools import islice
from typing import TYPE_CHECKING

import av
from PIL import Image

from blobs.child import Cost, alone
from blobs.reading import plan_folder, read_images
from blobs.server import Proxy, serving
from common import clip
from impasto.storage.store import MANY
from support.faults import Delay

if TYPE_CHECKING:
    from pathlib import Path

    Row = tuple[str, ...]

DELAY = 0.03
WIDTH, HEIGHT = 96, 54
READ_HEAD = ("in flight", "images read", "wall s", "images/s", "over one", "client CPU s")
PLAN_HEAD = (
    "images",
    "wall s",
    "client CPU s",
    "growth of the peak, MB",
    "bytes an image",
)


def reading(folder: Path, count: int, slowly: int) -> list[Row]:
    """Read a folder of small images with one request in flight and with many.

    Args:
        folder: an empty one.
        count: images in the folder, all of which are read with many requests.
        slowly: how many of them are read with one.
    """
    with serving(folder) as service:
        place = service.container()
        service.seed(place, 0, count, pictures())
        with Proxy(place.endpoint, service.authority, lambda _: Delay(DELAY)) as proxy:
            slow = service.through(proxy, place)
            costs = {
                many: alone(read_images, slow, many, most)
                for many, most in ((1, slowly), (MANY, count))
            }
    return [read_row(many, cost, costs[1]) for many, cost in costs.items()]


def read_row(many: int, cost: Cost, first: Cost) -> Row:
    """Format how fast images were read."""
    speed = cost.done / cost.wall
    over = f"{speed / (first.done / first.wall):.1f}"
    return str(many), f"{cost.done:,}", f"{cost.wall:.1f}", f"{speed:.0f}", over, f"{cost.cpu:.1f}"


def planning(folder: Path, count: int) -> list[Row]:
    """Plan a folder of a tenth of the images, then of all."""
    costs: dict[int, Cost] = {}
    with serving(folder) as service:
        place = service.container()
        done = 0
        for most in (count // 10, count):
            service.seed(place, done, most)
            costs[most] = alone(plan_folder, place)
            if costs[most].done != most:
                sys.exit(f"{costs[most].done:,} of {most:,} images were planned")
            done = most
    return [plan_row(n, cost) for n, cost in costs.items()]


def plan_row(count: int, cost: Cost) -> Row:
    """Format the cost of planning."""
    growth = cost.peak - cost.before
    return (
        f"{count:,}",
        f"{cost.wall:.1f}",
        f"{cost.cpu:.1f}",
        f"{growth / 1e6:.1f}",
        f"{growth / count:,.0f}",
    )


def pictures(count: int = 100) -> list[bytes]:
    """Make small PNG images of the first frames of the clip."""
    made = []
    with av.open(clip()) as container:
        for frame in islice(container.decode(video=0), count):
            buffer = io.BytesIO()
            small = frame.reformat(WIDTH, HEIGHT, "rgb24").to_ndarray()
            Image.fromarray(small).save(buffer, "PNG")
            made.append(buffer.getvalue())
    return made
