"""Fixtures that every test file may use."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from support.isolation import isolate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.cloud import Authority, Azurite, MotoS3
    from support.raycase import Case
    from support.raycluster import Cluster

    MakeClip = Callable[..., Path]
    AnyServer = TypeVar("AnyServer", Azurite, MotoS3)

# Before anything that reads the environment is imported: all else is imported where it is used.
USER = isolate()


def pytest_unconfigure() -> None:
    if USER:
        USER.cleanup()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """``clip(suffix, **fields)``: a synthesised clip's path, made once a session."""
    from support.clips import Clip, make_clip

    folder = tmp_path_factory.mktemp("clips")
    made: dict[tuple[str, str], Path] = {}

    def get(suffix: str = ".mp4", **fields: Any) -> Path:
        key = (suffix, repr(Clip(**fields)))
        if key not in made:
            made[key] = make_clip(folder / f"{len(made)}{suffix}", Clip(**fields))
        return made[key]

    return get


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """What signs the test servers' certificates."""
    from support.cloud import Authority

    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def azurite(authority: Authority) -> Iterator[Azurite]:
    """A running Azurite, one for the whole session: make a container of your own."""
    from support.cloud import Azurite

    with _running(lambda: Azurite.start(authority)) as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[MotoS3]:
    """A running moto, one for the whole session: make a bucket of your own."""
    from support.cloud import MotoS3

    with _running(MotoS3.start) as server:
        yield server


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A Ray cluster of two machines with a core each, one for each module."""
    from support.raycluster import Cluster

    with Cluster() as cluster:
        for _ in range(2):
            cluster.add_machine()
        yield cluster


@pytest.fixture
def case(tmp_path: Path, cluster: Cluster) -> Case:
    """A job that may run on the cluster."""
    from support.raycase import Case

    return Case(tmp_path, cluster)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> bytes:
    """What this machine alone makes of a case's rows."""
    from support.command import impasto
    from support.raycase import Case

    case = Case(tmp_path_factory.mktemp("local"), cluster)
    done = impasto(*case.words({}, "--workers", 1))
    assert done.returncode == 0, done.stderr
    return case.made()


@contextmanager
def _running(start: Callable[[], AnyServer]) -> Iterator[AnyServer]:
    """Start a server, fail the test plainly when it does not start, and stop it at the end."""
    from support.cloud import NotReady

    try:
        server, problem = start(), ""
    except NotReady as e:
        server, problem = None, str(e)
    if server is None:
        pytest.fail(problem, pytrace=False)
    try:
        yield server
    finally:
        server.stop()
