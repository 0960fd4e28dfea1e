"""The service as a process: the API's server, and the watcher beside it, until they should end."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import uvicorn

from impasto.errors import BadInput
from impasto.schema.url import is_loopback
from impasto.server.app import create_app
from impasto.server.connections import connections, make_room
from impasto.watch.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.server.config import ServeSettings
    from impasto.server.context import Context
    from impasto.watch.given import Given

GRACE = 3
"""Seconds that running requests have to end."""
BACKLOG = 1024
_NOT_TOLD = (
    "without completing response",
    "graceful shutdown",
    "Invalid HTTP request",
    "Unsupported upgrade request",
    "No supported WebSocket library",
)
JOIN = 0.5


class _Server(uvicorn.Server):
    """A server that leaves signals to others."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class Service:
    """The API's server, and a watcher beside it.

    Attributes:
        app: the API.
        url: where it listens.
        socket: on which it listens.
        watcher: the watcher, or None.
    """

    def __init__(self, context: Context, given: Given | None) -> None:
        """Prepare, and take the port.

        Args:
            context: what the routes work with.
            given: what the watcher works with; None runs none.

        Raises:
            BadInput: the port or address cannot be used, or a rule or the certificate is wrong.
        """
        serve = context.serve
        check_certificate(serve)
        self.watcher = Watcher(given, once=False) if given else None
        self.socket = listening(serve.host, serve.port)
        host = f"[{serve.host}]" if ":" in serve.host else serve.host
        scheme = "https" if serve.tls_cert else "http"
        self.url = f"{scheme}://{host}:{self.socket.getsockname()[1]}/"
        if self.watcher:
            context = replace(context, call=self.watcher.look)
        self._context, self.app = context, create_app(context)
        self._server = _Server(
            uvicorn.Config(
                self.app,
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                ws="none",
                http=connections(make_room()),
                backlog=BACKLOG,
                ssl_certfile=serve.tls_cert or None,
                ssl_keyfile=serve.tls_key or None,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._error: BaseException | None = None
        self._stopping = False

    def run(self) -> None:
        """Serve until `stop` is called.

        Raises:
            Unavailable: the control store does not answer the watcher at the start.
        """
        logging.getLogger("uvicorn.error").addFilter(_worth_telling)
        watching = threading.Thread(target=self._watch, daemon=True, name="watcher")
        watching.start()
        try:
            self._server.run(sockets=[self.socket])
        finally:
            self._context.board.close()
            self._context.decoders.close()
            self._context.children.close()
            if self.watcher and not self.watcher.stopped:
                self.watcher.stop()
            while watching.is_alive():
                # In steps, so that signals are seen to meanwhile.
                watching.join(JOIN)
        if self._error:
            raise self._error

    def stop(self) -> None:
        """Ask it to end; a second call lets the watcher's jobs not finish their shards.

        May be called by a handler of signals.
        """
        self._server.should_exit = True
        self.app.state.hub.close()
        if self.watcher:
            self.watcher.stop()

    def reload(self) -> None:
        """Ask the watcher to read the rules again."""
        if self.watcher:
            self.watcher.reload()

    def _watch(self) -> None:
        if self.watcher is None:
            return
        try:
            self.watcher.run()
        except BaseException as error:  # noqa: BLE001 (it is raised by `run`)
            self._error = error
            self._server.should_exit = True
            self.app.state.hub.close()


def warning(serve: ServeSettings) -> str:
    """Return what people should know about where a service listens, or ""."""
    if is_loopback(serve.host) or serve.tls_cert or serve.behind_proxy:
        return ""
    return (
        f"{serve.host}: tokens cross the network unencrypted; set `tls_cert` and `tls_key`, or set "
        "`behind_proxy` if a proxy ends TLS"
    )


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address; raises BadInput if it cannot be used."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(address)
            made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
    except (OSError, UnicodeError) as error:
        fact = getattr(error, "strerror", None) or str(error)
        raise BadInput(
            f"{host}:{port}: {fact.lower()}", "choose another `port` or `host`"
        ) from None
    return made


def check_certificate(serve: ServeSettings) -> None:
    """Raise BadInput unless the certificate and its key can be used, or there are none."""
    if not serve.tls_cert and not serve.tls_key:
        return
    if not serve.tls_cert or not serve.tls_key:
        raise BadInput("`tls_cert` and `tls_key` belong together", "set both or none")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Without an answer, it would ask on the terminal.
        context.load_cert_chain(serve.tls_cert, serve.tls_key, password=lambda: b"")
    except (OSError, ValueError) as error:
        fact = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{serve.tls_cert}: {fact}", "name a chain and its key, in PEM") from None


def _worth_telling(record: logging.LogRecord) -> bool:
    """Return whether a message of the server is worth a line.

    Not that a stream ends because its client is too slow or the service ends, nor what anybody can
    make it say as often as they like.
    """
    text = record.getMessage()
    return not any(each in text for each in _NOT_TOLD)
