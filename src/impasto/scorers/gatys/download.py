"""Fetch torchvision's weights once, verify them, and keep them in the user's cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from platformdirs import user_cache_path

from impasto.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from impasto.scorers.gatys.layers import Network

BASE = "https://download.pytorch.org/models"
NAMES: dict[Network, str] = {"vgg16": "vgg16-397923af.pth", "vgg19": "vgg19-dcbb9e9d.pth"}
"""As torchvision.models has them; a name ends in its content's sha256, from the left, by the
convention of torch.hub.load_state_dict_from_url(check_hash=True)."""
PATIENCE = 60.0
BLOCK = 1 << 20


@contextmanager
def official(
    network: Network,
    alive: Callable[[], None],
    base: str | None = None,
    folder: Path | None = None,
) -> Iterator[IO[bytes]]:
    """Open torchvision's weights of a network, verified; download them first if they are missing.

    Args:
        network: the network.
        alive: called now and then, since 550 MB take time.
        base: URL of the folder that they are fetched from; None is torchvision's.
        folder: where they are kept; None is the user's cache folder.

    Raises:
        Unavailable: they are missing and cannot be fetched, or the download is something else.
    """
    name = NAMES[network]
    folder = folder or user_cache_path("impasto") / "weights"
    path = folder / name
    with _alone(folder, name, alive):
        if not (path.is_file() and _digest(path, alive).startswith(_expected(name))):
            _fetch(f"{base or BASE}/{name}", path, alive)
    with path.open("rb") as file:
        yield file


def kept(network: Network, folder: Path | None = None) -> Path | None:
    """Return where torchvision's weights of a network are kept, if they are there and whole."""
    path = (folder or user_cache_path("impasto") / "weights") / NAMES[network]
    whole = path.is_file() and _digest(path, lambda: None).startswith(_expected(path.name))
    return path if whole else None


def _fetch(url: str, path: Path, alive: Callable[[], None]) -> None:
    """Download to another name, verify, and only then rename."""
    remedy = f"download it to {path} yourself, or give other weights with `weights`"
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        with part.open("xb") as file, urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            while block := answer.read(BLOCK):
                file.write(block)
                alive()
        found = _digest(part, alive)
        if not found.startswith(_expected(path.name)):
            raise Unavailable(
                f"{url}: its sha256 is {found[:12]}..., not {_expected(path.name)}...", remedy
            )
        part.replace(path)
    except urllib.error.HTTPError as error:
        raise Unavailable(f"{url}: the server answers {error.code}", remedy) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise Unavailable(f"{url}: cannot be downloaded ({reason})", remedy) from None
    finally:
        part.unlink(missing_ok=True)


def _expected(name: str) -> str:
    return Path(name).stem.rpartition("-")[2]


def _digest(path: Path, alive: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            alive()
    return digest.hexdigest()


@contextmanager
def _alone(folder: Path, name: str, alive: Callable[[], None]) -> Iterator[None]:
    """Hold a lock on a name, so that only one of a machine's workers downloads."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f".{name}.lock").open("w")
    except OSError as error:
        raise Unavailable(
            f"{folder}: {error.strerror}", "make it writable, or give weights with `weights`"
        ) from None
    with lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                alive()
                time.sleep(0.2)
        yield
