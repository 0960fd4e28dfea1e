"""The inside of a local worker process: takes shards from a socket until it closes."""

from __future__ import annotations

import gc
import os
import queue
import threading
from multiprocessing.connection import Connection
from typing import Literal

from impasto import secrecy
from impasto.errors import BadInput, ImpastoError, Unavailable
from impasto.files import Changed, Denied
from impasto.spec import Failed, Frozen, Shard


class Broken(Frozen):
    """A worker could not load its scorer.

    Attributes:
        error: one line.
        bad_input: whether the user must act.
        traceback: the worker's own.
    """

    error: str
    bad_input: bool
    traceback: str


class _Inbox:
    """The worker's side of the socket: what the driver says, and the end when it says no more."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.threads = 1
        self.shards: queue.Queue[Shard] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while True:
                match self.conn.recv():
                    case (Shard() as shard, int() as count):
                        self.threads = count
                        self.shards.put(shard)
                    case int() as count:
                        self.threads = count
        except (EOFError, OSError):
            os._exit(0)


def serve(fd: int) -> None:
    """Be a worker process: take shards from a socket until it closes."""
    # Imports make a million objects that live for ever; looking through them for garbage again
    # and again would take a fifth of the time.
    gc.disable()
    import torch

    from impasto.worker import Worker

    gc.freeze()
    gc.enable()
    conn = Connection(fd)
    secrecy.guard()
    try:
        task, device, signatures = conn.recv()
    except EOFError:
        return
    secrecy.accept(signatures)
    inbox = _Inbox(conn)
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        worker = Worker(task, device)
    except Exception as error:  # noqa: BLE001 (the driver raises it)
        bad = isinstance(error, BadInput)
        conn.send(Broken(error=_line(error), bad_input=bad, traceback=secrecy.explain(error)))
        return
    while True:
        shard = inbox.shards.get()
        try:
            for step in worker.run(shard, lambda: inbox.threads):
                conn.send(step)
        except Exception as error:  # noqa: BLE001 (a shard's error is an outcome)
            conn.send(
                Failed(
                    shard=shard.index,
                    error=_line(error),
                    kind=kind_of(error),
                    traceback=secrecy.explain(error),
                    worker=worker.name,
                )
            )


def kind_of(error: Exception) -> Literal["bad_input", "unavailable", "error", "denied", "changed"]:
    """Tell who must act on the error of a shard."""
    match error:
        case Denied():
            return "denied"
        case Changed():
            return "changed"
        case BadInput():
            return "bad_input"
        case Unavailable():
            return "unavailable"
    return "error"


def _line(error: Exception) -> str:
    text = secrecy.redact(" ".join(str(error).split()))
    return text if isinstance(error, ImpastoError) else f"{type(error).__name__}: {text}"
