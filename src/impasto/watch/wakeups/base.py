"""A wake-up: hints at where to look. It makes a watcher quick; only a listing makes it right."""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from impasto.errors import BadInput, ImpastoError
from impasto.secrecy import start_of
from impasto.watch.news import words

STOPPING = 2.0
"""Seconds that a wake-up has to end; its thread is then left to itself."""
SHORTEST, LONGEST = 1.0, 30.0
"""Seconds between two attempts while something does not work."""
LONGEST_FACT = 300
"""Characters told of an error that nobody foresaw."""


@dataclass(frozen=True, slots=True)
class Woken:
    """Where to look.

    Attributes:
        keys: of objects that may be new or have changed; None is everything.
    """

    keys: tuple[str, ...] | None = None


Ring: TypeAlias = Callable[[Woken], None]
Tell: TypeAlias = Callable[[str], None]
Reject: TypeAlias = Callable[[bytes, str], None]
"""Takes a message that means nothing, and why, before it is deleted."""


class Wakeup(ABC):
    """Listens in a thread of its own until it is stopped, whatever happens."""

    def __init__(self, name: str, ring: Ring, tell: Tell) -> None:
        """Prepare; nothing is opened yet.

        Args:
            name: what it listens to, for people.
            ring: called from the thread with each hint; returns soon.
            tell: called with what people should know: that it does not work, and works again.
        """
        self.name = name
        self._ring, self._tell = ring, tell
        self._stopping = threading.Event()
        self._failed = False
        self._wait = SHORTEST
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"wake-up {name}")

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end, and wait a little until it has."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOPPING)

    @abstractmethod
    def _listen(self) -> None:
        """Listen once more, until something fails or `_stopping` is set; calls `_works`."""

    def _works(self) -> None:
        """Note that it works."""
        self._wait = SHORTEST
        if self._failed:
            self._failed = False
            self._tell(f"{self.name}: works again")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except ImpastoError as error:
                self._fails(str(error))
            except Exception as error:  # noqa: BLE001 (nothing may end a wake-up)
                self._fails(start_of(f"{self.name}: {words(error)}", LONGEST_FACT))

    def _fails(self, line: str) -> None:
        """Tell once that it does not work, and wait before the next attempt."""
        if self._stopping.is_set():
            return
        if not self._failed:
            self._failed = True
            self._tell(line)
        self._stopping.wait(self._wait * random.uniform(0.8, 1.2))
        self._wait = min(self._wait * 2, LONGEST)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a queue hands it out.

    Attributes:
        body: its bytes, of which nothing is believed.
        name: its id in the queue.
        receipt: proves that it was handed to this watcher, and not yet to another again.
    """

    body: bytes
    name: str
    receipt: str


class Queue(Wakeup):
    """A wake-up by messages in a queue, each of which is deleted once it was passed on."""

    def __init__(
        self,
        name: str,
        ring: Ring,
        tell: Tell,
        reject: Reject,
        decode: Callable[[bytes], tuple[str, ...]],
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            name: as for every wake-up.
            ring: as for every wake-up.
            tell: as for every wake-up.
            reject: called with each message that means nothing; it stays if this raises.
            decode: returns the keys that a message names; raises BadInput.
        """
        super().__init__(name, ring, tell)
        self._reject, self._decode = reject, decode

    def _handle(self, messages: list[Message], delete: Callable[[list[Message]], None]) -> None:
        """Pass messages on, and delete those that were; the others come again."""
        if self._stopping.is_set():
            return  # Nobody may listen to hints any more.
        keys: dict[str, None] = {}
        handled: list[Message] = []
        problem: Exception | None = None
        for message in messages:
            try:
                keys.update(dict.fromkeys(self._decode(message.body)))
            except BadInput as error:
                try:
                    self._reject(message.body, error.fact)
                except Exception as failure:  # noqa: BLE001 (one message never stops the others)
                    problem = failure
                    continue
            handled.append(message)
        if keys:
            self._ring(Woken(tuple(keys)))
        delete(handled)
        if problem:
            raise problem
