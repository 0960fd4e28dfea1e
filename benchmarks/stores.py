"""Object stores: Impasto's own store beside the Azure SDK and adlfs, and the cost of reading media.

Usage: ``python benchmarks/stores.py [--quick] [--images N]``. Needs Azurite, which ``make test``
installs. Prints Markdown tables; about 8 minutes.

The service is Azurite over HTTPS on this machine, in memory, restarted for each table. On two cores
it is the bottleneck of wall time for any client: clients are compared by the CPU that they use
themselves, of user and system, in all their threads. Every client works in a separate, spawned
process; imports, the first connection and one small blob up and down come before the clocks. What
is stored is cut from the Big Buck Bunny clip.

- **Small blobs.** 2,000 of 50 KB written and read, and a container of 20,000 listed. Impasto is
  `Store` through `in_order`; the SDK is azure-storage-blob in a pool of threads, with as many
  connections kept as there are threads, which is not its default; adlfs is its asynchronous
  methods. What is read is counted and dropped.
- **A large blob.** 200 MB from a file and to a file. Parts of 8 MiB, 8 at once, except adlfs's,
  which are fixed at 4 MiB. `RangeReader` is what media libraries read through: one request ahead of
  the reader; `cp` is the command's own function.
- **Shards.** The clip, re-encoded with keyframes every 50 frames and looped with its sound to a
  minute, in three containers. A proxy counts requests and bytes of a whole reading of 250 frames,
  starting with the look-up of the blob. The payload is the shard's picture packets, without their
  sound; for planning, which reads every packet, it is the file. "Plainly" is ``av.open`` over a
  file object that requests 256 KiB from the reader's position when it lacks bytes, keeps only the
  last answer and reads nothing ahead; it is told which frames to look for.
- **Images.** Small PNG images read by the source of folders, shard by shard, through a proxy that
  waits 30 ms before it asks the service. With many in flight the proxy, which is Python's, and
  the service are the bottleneck.
- **Many images.** Listing and planning a folder of blobs of one byte, of which planning reads only
  the names.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

Table = tuple[str, tuple[str, ...], Callable[[Path], list[tuple[str, ...]]]]


@dataclass(frozen=True, slots=True)
class Scale:
    """The amounts that are measured.

    Attributes:
        small: small blobs.
        listed: blobs that are listed.
        large: bytes of the large blob.
        loops: times that four seconds of it are looped.
        shard: frames of a shard.
        images: small images read with many requests in flight.
        slowly: how many of them are read with one.
        planned: images in the largest folder.
    """

    small: int = 2000
    listed: int = 20_000
    large: int = 200_000_000
    loops: int = 15
    shard: int = 250
    images: int = 5000
    slowly: int = 500
    planned: int = 100_000


QUICK = Scale(200, 1000, 20_000_000, 5, 150, 500, 100, 2000)
SMALL = 50_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a little of everything")
    parser.add_argument("--images", type=int, help="images in the largest folder")
    given = parser.parse_args()
    scale = QUICK if given.quick else Scale()
    # Here and not above: child processes import this file too, and must stay small.
    from common import print_table
    from machine import facts

    print(f"{facts()}; Azurite over HTTPS on the same cores\n")
    for title, head, rows in tables(scale, given.images or scale.planned):
        with TemporaryDirectory() as folder:
            print_table(title, head, rows(Path(folder)))


def tables(scale: Scale, planned: int) -> list[Table]:
    """Return the tables and the functions that measure them."""
    from blobs import compare, images, shards
    from common import clip

    def large(folder: Path) -> list[tuple[str, ...]]:
        file, data = folder / "large.bin", clip().read_bytes()
        file.write_bytes((data * (scale.large // len(data) + 1))[: scale.large])
        return compare.large(folder, file)

    return [
        (
            f"{scale.small:,} blobs of {SMALL // 1000} KB; the goal: others take 5 times our CPU.",
            compare.HEAD,
            lambda folder: compare.small(folder, clip(), scale.small, SMALL, scale.listed),
        ),
        (
            f"One blob of {scale.large / 1e6:.0f} MB.",
            compare.HEAD,
            large,
        ),
        (
            f"Shards of {scale.shard} frames; goal: 12 requests and 1.3 times the payload at most.",
            shards.HEAD,
            lambda folder: shards.table(folder, scale.loops, scale.shard),
        ),
        (
            f"A folder of {scale.images:,} PNG images, every request {images.DELAY * 1000:.0f} ms "
            "late.",
            images.READ_HEAD,
            lambda folder: images.reading(folder, scale.images, scale.slowly),
        ),
        (
            "Planning a folder of images, its listing included.",
            images.PLAN_HEAD,
            lambda folder: images.planning(folder, planned),
        ),
    ]


if __name__ == "__main__":
    main()
