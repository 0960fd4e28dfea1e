"""The inside of a process that makes pictures: one after the other, until nobody asks for more.

Messages are bytes, never pickles, in both directions: a codec may have been taken over by what it
decodes.
"""

from __future__ import annotations

import json
import os
import select
import signal
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from impasto import secrecy
from impasto.errors import ImpastoError
from impasto.schema.base import parse
from impasto.schema.signatures import Signatures
from impasto.server.child import DONE, WRONG
from impasto.settings import Settings

if TYPE_CHECKING:
    from impasto.server.work.pictures import Pictures

IDLE = 60.0
"""Seconds without a request after which the process ends."""


def serve(number: int) -> None:
    """Answer requests that come over a socket; the first message is the settings."""
    secrecy.guard()
    with Connection(number) as conn:
        given = json.loads(conn.recv_bytes())
        settings = parse(Settings, given["settings"]).signed(Signatures(given["queries"]))
        # Codecs take half a second to load.
        from impasto.server.work.pictures import Pictures

        pictures = Pictures(settings)
        threading.Thread(target=_end_with_service, args=(number,), daemon=True).start()
        while conn.poll(IDLE):
            try:
                request = conn.recv_bytes()
            except EOFError:
                break
            conn.send_bytes(_answer(pictures, request))
    # Threads of libraries may not end by themselves.
    os._exit(0)


def _answer(pictures: Pictures, request: bytes) -> bytes:
    try:
        return DONE + pictures.make(request)
    except ImpastoError as error:
        problem = {"kind": type(error).__name__, "fact": error.fact, "remedy": error.remedy}
        return WRONG + json.dumps(problem).encode()


def _end_with_service(number: int) -> None:
    """Wait until the service closes its end, as it does by its own end; end everything."""
    poll = select.poll()
    # The end of the other side is always told.
    poll.register(number, 0)
    poll.poll()
    os.killpg(0, signal.SIGKILL)
