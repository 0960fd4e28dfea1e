"""Joining a cluster, or starting Ray on this machine, and the errors of both."""

from __future__ import annotations

import logging
import os
import re
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import ray
from ray._private import ray_constants
from ray._private import utils as ray_utils
from ray._private import worker as ray_worker

from impasto.engines.ray.environment import ray_token
from impasto.engines.ray.own import OwnRay
from impasto.engines.ray.runtime_env import runtime_env
from impasto.errors import Unavailable
from impasto.storage.local import mapped

if TYPE_CHECKING:
    from impasto.schema.job import JobSpec
    from impasto.settings import Settings
    from impasto.storage.stores import Stores

KNOCK = 10.0
"""Seconds to wait for a cluster's head to answer at all."""
LONGER = 90.0
"""Seconds that a second start of Ray here may take beyond Ray's own 30."""


def join(settings: Settings, spec: JobSpec, stores: Stores) -> tuple[dict[str, Any], OwnRay]:
    """Make this process a driver of the cluster, or of a Ray that is started here.

    Args:
        settings: its address.
        spec: the job, whose scripts are sent to the machines.
        stores: opens the scripts.

    Returns:
        The runtime environment of the workers, and what ends Ray here.

    Raises:
        BadInput: a script is missing.
        Unavailable: the cluster does not answer, or refuses this driver.
    """
    address = settings.address
    if address and address != "auto":
        _knock(address)
    if not address:
        _make_token()
    logging.getLogger("ray").setLevel(logging.ERROR)
    # Else it prints pages about each lost machine among the results, whatever `log_to_driver` is.
    vars(ray_worker)["_worker_logs_enabled"] = False
    with TemporaryDirectory() as folder:
        whole, own = runtime_env(spec, stores, settings.home, folder)
        try:
            started = _begin(address, whole)
        except Exception as error:
            # Ray raises errors of any class, plain `Exception` among them.
            raise _refusal(address, error) from error
    return own, started


def _begin(address: str | None, env: dict[str, Any]) -> OwnRay:
    """Start Ray, twice if need be, or join a cluster; a failure leaves no process behind."""
    started = OwnRay()
    for patience in (0.0, LONGER):
        try:
            with (
                _own_signals(),
                _silence(),
                nullcontext() if address else _loopback(),
                started.starting(patience),
            ):
                ray.init(
                    address or "local",
                    runtime_env=env or None,
                    include_dashboard=None if address else False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            break
        except BaseException as error:
            started.end()
            if address or patience or not isinstance(error, Exception):
                raise
    return started


def _knock(address: str) -> None:
    """Raise Unavailable when no head answers there, which Ray notices after minutes or never."""
    host, _, port = address.rpartition(":")
    said = b""
    try:
        with socket.create_connection((host, int(port)), KNOCK) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            # Where everything is encrypted, nothing answers this.
            with suppress(TimeoutError, ConnectionError):
                said = connection.recv(5)
    except OSError as error:
        raise Unavailable(
            f"cluster {address}: nothing answers there ({error.strerror or error})",
            "check the address; it must be that of the cluster's head, such as HOST:6379",
        ) from error
    if said == b"HTTP/":
        raise Unavailable(
            f"cluster {address}: is a web server, such as a dashboard, not the cluster's head",
            "give the head's port, which is 6379 unless it was started with another",
        )


def _make_token() -> None:
    """Create the token that Ray on this machine requires; Ray would let everybody read it."""
    path = ray_token()
    if path is None:
        return
    with mapped(str(path)), suppress(FileExistsError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "x", opener=partial(os.open, mode=0o600)) as file:
            file.write(secrets.token_hex(32))


def words(error: Exception | None) -> str:
    """Return the line of an error that says what is wrong."""
    text = re.sub(r"\x1b\[[\d;]*m", "", str(error))
    # The reason follows the announcement and a table of ids; advice on Ray comes last.
    lines = [line.strip() for line in text.splitlines() if line.strip() and line[0] != "\t"]
    lines = [line for line in lines if not line.startswith("The actor died unexpectedly")] or lines
    if not lines:
        return type(error).__name__
    # For an actor that failed to start, the whole traceback is in the text.
    last = getattr(error, "actor_init_failed", False)
    return lines[-1 if last else 0].partition(" Some common causes")[0]


def complaint(error: Exception) -> str:
    """Return the line of an installer's output that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or [type(error).__name__])[-1]


def _refusal(address: str | None, error: Exception) -> Unavailable:
    """Return the error that says why a cluster could not be joined."""
    # Ray raises the head's answer as text within another error.
    if "AuthenticationError" in f"{type(error).__name__} {error.__cause__}":
        return Unavailable(
            f"cluster {address}: refuses this driver's token",
            "put the cluster's token into ~/.ray/auth_token, or its file's name into "
            "RAY_AUTH_TOKEN_PATH",
        )
    if not address:
        return Unavailable(
            f"Ray cannot be started on this machine ({words(error)})",
            "try again when it is less busy, or use `engine=local`",
        )
    return Unavailable(
        f"cluster {address}: cannot be joined ({words(error)})",
        "run this on one of its machines, or use `impasto submit` from elsewhere",
    )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process's signal handlers in a block in which Ray would set its own.

    With Ray's, a signal in the block would end the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    helpers = vars(ray_utils)
    kept = helpers["set_sigterm_handler"]
    helpers["set_sigterm_handler"] = lambda _: None
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        helpers["set_sigterm_handler"] = kept
        # Ray's own libraries set some outside Python, too.
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _loopback() -> Iterator[None]:
    """Make Ray, when started in this block, listen on loopback alone.

    Ray listens on every interface unless its machine's address is 127.0.0.1, and replaces that
    address wherever other machines might join, which it decides when it is imported.
    """
    constants = vars(ray_constants)
    before, constants["ENABLE_RAY_CLUSTER"] = constants["ENABLE_RAY_CLUSTER"], False
    try:
        yield
    finally:
        constants["ENABLE_RAY_CLUSTER"] = before


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what Ray's own libraries print from the terminal; what matters comes as an error."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (a device)
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
