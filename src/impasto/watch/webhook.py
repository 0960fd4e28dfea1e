"""One webhook: what it says, its signature, and one try to deliver it.

Signatures follow the Standard Webhooks specification (standardwebhooks.com), so that receivers can
use its libraries. A webhook keeps its id in every try.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from impasto.errors import BadInput
from impasto.schema.url import is_loopback, parse
from impasto.secrecy import redact, remember, remember_query, start_of

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from impasto.schema.watch import Ended
    from impasto.watch.rule import Rule

PATIENCE = 10.0
"""Seconds that one try may take."""
LONGEST_WAIT = 3600.0
"""Maximum of the seconds that a receiver may ask to wait."""
LONGEST_ERROR = 500
"""Characters of a job's error that a webhook tells."""
SHORTEST_KEY = 24
"""Bytes of a key that signs, at least, as the specification says."""

_ODD = re.compile(r"[^!-~]")
_GONE = 410
_BUSY = {429, 503}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try.

    Attributes:
        delivered: whether the receiver has taken it.
        fact: what it said otherwise, for people.
        final: whether to try again is of no use.
        wait: seconds that the receiver asks to wait, or 0.
    """

    delivered: bool
    fact: str = ""
    final: bool = False
    wait: float = 0.0


def check_receiver(url: str) -> str:
    """Return the URL of a receiver; what is secret in it is hidden from all text from then on.

    Raises:
        BadInput: it is not an https: URL, nor an http: URL of this machine.
    """
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and not _ODD.search(url)
    except ValueError:
        parts, usable = urlsplit(""), False
    if not usable or parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        raise BadInput(
            f"{_ODD.sub('?', url)}: is not the URL of a webhook", "give https://HOST/..."
        )
    if parts.scheme == "http" and not is_loopback(parts.netloc):
        raise BadInput(f"http://{parts.netloc}: is not encrypted", "use https://")
    remember_query(parts.query)
    return url


def message(
    rule: Rule,
    ended: Ended,
    at: float,
    *,
    source: str = "",
    items: int | None = None,
    seconds: float | None = None,
) -> bytes:
    """Say in JSON how a ticket ended, without secrets and in ASCII.

    Args:
        rule: the ticket's rule.
        ended: how it ended.
        at: when, seconds since 1970.
        source: what the job read, if that is not the object itself.
        items: how many items were scored.
        seconds: how long that took.
    """
    state = "done" if ended.state == "done" else "failed"
    known = {
        "rule": rule.name,
        "object": ended.key,
        "source": source or str(parse(rule.inbox).child(ended.key)),
        "output": ended.output,
        "job": ended.job,
        "state": ended.state,
        "error": start_of(ended.error, LONGEST_ERROR),
        "items": items,
        "seconds": seconds,
    }
    data = {name: value for name, value in known.items() if value not in ("", None)}
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    said = {"type": f"impasto.job.{state}", "timestamp": stamp.replace("+00:00", "Z"), "data": data}
    return redact(json.dumps(said)).encode()


def message_id(ticket: str, body: bytes) -> str:
    """Return an id that is the same whenever the same is said of a ticket."""
    said = json.loads(body)
    facts = json.dumps([ticket, said["type"], said["data"]], sort_keys=True)
    return f"msg_{hashlib.sha256(facts.encode()).hexdigest()[:32]}"


def signing_key(secret: str) -> bytes:
    """Return the key in a secret, which is hidden from all text from then on.

    Args:
        secret: ``whsec_`` and a key in base64, or any text of 24 bytes or more.

    Raises:
        BadInput: the secret is too short, or is not what it claims to be.
    """
    remember(secret)
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise BadInput("hook_secret: is not base64 after whsec_", "copy it again") from None
    if len(key) < SHORTEST_KEY:
        raise BadInput(
            f"hook_secret: has {len(key)} bytes, fewer than {SHORTEST_KEY}", "choose a longer one"
        )
    return key


def _signature(secret: str, name: str, stamp: int, body: bytes) -> str:
    """Return the header that proves where a webhook comes from; raises as `signing_key` does."""
    digest = hmac.digest(signing_key(secret), f"{name}.{stamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def send(url: str, secret: str, name: str, body: bytes) -> Answer:
    """Try once to deliver a webhook; follows no redirect and reads no more than the headers.

    Args:
        url: the receiver, checked by `check_receiver`.
        secret: signs it; "" sends it without a signature.
        name: its id.
        body: what it says.

    Raises:
        BadInput: the secret cannot sign.
    """
    stamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "impasto",
        "webhook-id": name,
        "webhook-timestamp": str(stamp),
    }
    if secret:
        headers["webhook-signature"] = _signature(secret, name, stamp, body)
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    with closing(_connection(url)) as connection:
        over = threading.Event()
        late = threading.Timer(PATIENCE, _cut, (connection, over))
        late.start()
        try:
            connection.request("POST", target, body, headers)
            answer = _answer(connection.getresponse())
            # What was cut short may look like a whole answer.
            return Answer(delivered=False, fact="answers too slowly") if over.is_set() else answer
        except ssl.SSLCertVerificationError as error:
            return Answer(
                delivered=False, fact=f"its certificate is refused: {error.verify_message}"
            )
        except (OSError, HTTPException, ValueError) as error:
            return Answer(delivered=False, fact=f"does not answer ({type(error).__name__})")
        finally:
            late.cancel()


def _connection(url: str) -> HTTPConnection:
    """Return a connection to a receiver, by the proxy that the environment names for it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port, timeout=PATIENCE)
    context = ssl.create_default_context()
    proxy = "" if is_loopback(parts.netloc) or proxy_bypass(host) else getproxies().get("https", "")
    if not proxy:
        return HTTPSConnection(host, parts.port, timeout=PATIENCE, context=context)
    by = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    headers = {}
    if by.username:
        who = f"{unquote(by.username)}:{unquote(by.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(who.encode()).decode()}"
    through = HTTPSConnection(by.hostname or "", by.port, timeout=PATIENCE, context=context)
    through.set_tunnel(host, parts.port or 443, headers)
    return through


def _cut(connection: HTTPConnection, over: threading.Event) -> None:
    """End a try that takes too long, though something arrives now and then."""
    over.set()
    with suppress(OSError, ValueError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _answer(response: HTTPResponse) -> Answer:
    status = response.status
    if 200 <= status < 300:
        return Answer(delivered=True)
    fact = f"answers {status}"
    if 300 <= status < 400:
        fact += ", and redirects are not followed"
    wait = _asked(response.headers.get("Retry-After", "")) if status in _BUSY else 0.0
    return Answer(delivered=False, fact=fact, final=status == _GONE, wait=wait)


def _asked(text: str) -> float:
    """Return the seconds that a receiver asks to wait; 0 if it does not say, or nonsense."""
    seconds = 0.0
    if re.fullmatch(r"\d{1,9}", text):
        seconds = float(text)
    else:
        with suppress(ValueError, TypeError, OverflowError):
            when = parsedate_to_datetime(text)
            seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(0.0, seconds), LONGEST_WAIT)
