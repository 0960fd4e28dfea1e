"""Fixtures that every test file may use."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from support.isolation import isolate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from support.cloud import Authority, Azurite, MotoS3
    from support.queues import AzuriteQueues
    from support.raycase import Case
    from support.raycluster import Cluster

    MakeClip = Callable[..., Path]
    AnyServer = TypeVar("AnyServer", Azurite, AzuriteQueues, MotoS3)

# Before anything that reads the environment is imported: all else is imported where it is used.
USER = isolate()
# A shell ignores it for what runs in the background, and the commands that tests start would too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    if USER:
        USER.cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    from support.groups import rank

    items.sort(key=lambda item: rank(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Let each process run whole groups of tests, with ``--dist loadfile``."""
    from support.groups import Groups

    return Groups(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser, which waits patiently."""
    from playwright.sync_api import expect

    from support.browsing import WAIT, chromium

    expect.set_options(timeout=WAIT)
    with chromium() as (_, found):
        yield found


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
def azurite_queues(authority: Authority, azurite: Azurite) -> Iterator[AzuriteQueues]:
    """Azurite's queues, one service for the whole session: make a queue of your own."""
    from support.queues import AzuriteQueues

    with _running(lambda: AzuriteQueues.start(authority, azurite)) as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[MotoS3]:
    """A running moto, one for the whole session: make a bucket of your own."""
    from support.cloud import MotoS3

    with _running(MotoS3.start) as server:
        yield server


@pytest.fixture(scope="session")
def standing_cluster(azurite: Azurite) -> Iterator[Cluster]:
    """A Ray cluster with a dashboard, one for the whole session, that knows the control store."""
    from support.cloud import CONTROL
    from support.raycluster import CONTROL_KEY, Cluster

    env = {
        CONTROL_KEY: azurite.accounts[CONTROL],
        # Where machines of a cluster have the command, too.
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    # What the head's own environment says of settings is not for the jobs that it is given.
    settings = {"IMPASTO_ENGINE": "local", "IMPASTO_DEVICE": "cuda"}
    with Cluster(dashboard=True, env=env, head_env=settings) as cluster:
        yield cluster


@pytest.fixture
def cluster(standing_cluster: Cluster) -> Cluster:
    """The session's Ray cluster, with two machines of a core each."""
    standing_cluster.settle()
    return standing_cluster


@pytest.fixture
def driven(cluster: Cluster) -> Iterator[Cluster]:
    """The session's Ray cluster, of which this very process may be a driver."""
    from support.raycluster import driving

    with driving(cluster):
        yield cluster


@pytest.fixture
def case(tmp_path: Path, cluster: Cluster) -> Case:
    """A job that may run on the cluster."""
    from support.raycase import Case

    return Case(tmp_path, cluster)


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory, standing_cluster: Cluster) -> bytes:
    """What this machine alone makes of a case's rows."""
    from support.command import impasto
    from support.raycase import Case

    case = Case(tmp_path_factory.mktemp("local"), standing_cluster)
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
