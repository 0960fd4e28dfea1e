"""The inside of a driver process: takes orders from a socket until it closes."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection

from impasto import secrecy
from impasto.engines.warm import WarmWorkers
from impasto.schema.base import parse
from impasto.schema.signatures import Signatures
from impasto.settings import Settings
from impasto.watch.drive import drive_ticket
from impasto.watch.drive_job import drive_job
from impasto.watch.news import words
from impasto.watch.orders import Alive, Order, Outcome
from impasto.watch.running import Means

IDLE = 1.0
"""Seconds between two looks for workers that have nothing to do."""
OFTEN = 1.0
"""Seconds between two signs of life."""


def serve(fd: int) -> None:
    """Be a driver process.

    Args:
        fd: the socket; orders come from it, and what happens to them is told to it.
    """
    # The watcher alone decides when to stop.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    secrecy.guard()
    conn = Connection(fd)
    inside = _Inside(conn)
    inside.tell(Alive())
    with WarmWorkers() as warm:
        idle = 0.0
        while True:
            try:
                order = inside.orders.get(timeout=IDLE)
            except queue.Empty:
                warm.drop_idle(idle)
                continue
            if order is None:
                break
            idle = order.idle
            inside.tell(_driven(order, warm, inside))
    conn.close()


class _Inside:
    """The driver process's side of the socket.

    Attributes:
        orders: what to drive; None asks for the end.
        stop: set when the running order shall stop.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._sending = threading.Lock()
        self._alive = 0.0
        self.orders: queue.Queue[Order | None] = queue.Queue()
        self.stop = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, message: object) -> None:
        """Send a message to the watcher; signs of life are few."""
        if isinstance(message, Alive):
            if time.monotonic() - self._alive < OFTEN:
                return
            self._alive = time.monotonic()
        with self._sending, suppress(OSError):
            self._conn.send(message)

    def _listen(self) -> None:
        try:
            while True:
                match self._conn.recv():
                    case Order() as order:
                        self.orders.put(order)
                    case None:
                        self.orders.put(None)
                    case _:
                        self.stop.set()
        except (EOFError, OSError):
            # The watcher is gone; whoever takes over must not find this process at work.
            os._exit(1)


def _driven(order: Order, warm: WarmWorkers, inside: _Inside) -> Outcome:
    try:
        settings = parse(Settings, order.settings).signed(Signatures(order.queries))
        means = Means(settings, warm, inside.stop, inside.tell)
        if order.rule is None:
            return drive_job(order.name, means)
        return drive_ticket(order.rule, order.name, means)
    except Exception as error:  # noqa: BLE001 (the next order may do better)
        return Outcome("waits", error=words(error))
