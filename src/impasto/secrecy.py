"""Redaction of signatures and keys, which are kept in memory only, never written or printed.

All text that leaves the process passes through `redact`, which knows every secret seen so far and
what unknown ones look like. This module knows only the values to hide, not what they open: a URL's
signature stays with the URL (`impasto.schema.url.Url`), or with what names it
(`impasto.schema.signatures`).
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

HIDDEN = "REDACTED"
NOISY = ("urllib3", "azure", "botocore", "boto3", "google", "msal")
"""Libraries whose debug lines hold whole requests."""
SHORTEST = 8
"""Minimum length of a value to hide, in characters; a shorter one would blot out ordinary words."""
LONGEST = 8192
"""Characters of the longest secret that `end_of` recognises where its text was cut."""
_NAMED = ("key", "sig", "signature", "token", "password", "secret", "private_key")
"""How the names of fields end that hold a secret, in connection strings and keys in JSON."""

_PATTERNS = [
    (marks, re.compile(pattern, re.IGNORECASE))
    for marks, pattern in (
        (("sig=",), r"([?&;]sig=)[^&\s'\"<>]+"),
        (("sig=",), r"(\bsig=)[\w%+/=-]{16,}"),
        (
            ("x-amz-", "x-goog-"),
            r"(x-(?:amz|goog)-(?:signature|credential|security-token)=)[^&\s'\"<>]+",
        ),
        (("accountkey=",), r"(accountkey=)[^;\s'\"<>]+"),
        (("secret",), r"(secret_?access_?key['\"]?\s*[=:]\s*['\"]?)[\w+/]{16,}"),
        (
            ("-key",),
            r"(\b(?:api|functions|subscription)-key['\"]?\s*[=:]\s*['\"]?)[^\s'\",;]{8,}",
        ),
        (
            ("authorization",),
            r"(authorization['\"]?\s*[=:]\s*['\"]?(?:basic|digest|negotiate|token) )[^\s'\"]+",
        ),
        (("bearer ",), r"(bearer )[\w.~+/=-]{12,}"),
        (("imp_",), r"(\bimp_[0-9a-f]{12}_)[\w-]{43}"),
        (("sharedkey ",), r"(sharedkey \w+:)[\w+/=]+"),
        (("://",), r"(://)[^/\s:@]+:[^/\s@]+(?=@)"),
        # That two dots follow is seen first, so that a long word is not scanned again and again.
        (
            ("eyj",),
            r"(?<![\w-])(?=[\w-]+\.[\w-]{8,}\.[\w-])([\w-]*?\b)eyJ[\w-]{8,}\.[\w-]+\.[\w-]+",
        ),
        (("==",), r"()(?<![\w+/])[\w+/]{86}=="),
        (("private key-----",), r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]+"),
    )
]
"""What secrets look like, each after words of which the text must hold one in lower case: most text
holds none, and looking for them is quick.
"""
_known: set[str] = set()


def remember(secret: str) -> str:
    """Hide a value in all text from now on, and return it."""
    if len(secret) >= SHORTEST:
        _known.update({secret, quote(secret, safe=""), quote(secret), unquote(secret)})
    return secret


def remember_all(text: str) -> str:
    """Hide a secret and every secret within it from now on, and return it.

    Args:
        text: a key, a SAS, a connection string, or a service account's key in JSON.
    """
    _remember_lines(text)
    for part in re.split(r"[;&?]", text):
        _remember_field(*part.partition("=")[::2])
    try:
        fields = json.loads(text)
    except ValueError:
        return text
    for name, value in fields.items() if isinstance(fields, dict) else ():
        _remember_field(name, str(value))
    return text


def _remember_field(name: str, value: str) -> None:
    if name.lower().endswith(_NAMED):
        _remember_lines(value)


def _remember_lines(value: str) -> None:
    """Hide a value, also where its ends of lines are escaped, and the lines within a long one."""
    remember(value)
    remember(json.dumps(value)[1:-1])
    if value.startswith("-----BEGIN"):
        for line in value.splitlines()[1:-1]:
            remember(line.strip())


def remember_query(query: str) -> str:
    """Hide the secrets in a URL's query string from now on, and return the query string."""
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "sig" or name.lower().endswith(("signature", "token")):
            remember(value)
    return query


def redact(text: str) -> str:
    """Return a text without known secrets and without anything that looks like one."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    lower = text.lower()
    for marks, pattern in _PATTERNS:
        if any(mark in lower for mark in marks):
            text = pattern.sub(rf"\1{HIDDEN}", text)
    return text


def start_of(text: str, most: int) -> str:
    """Return the beginning of a text, without secrets or parts of them."""
    text = redact(text)
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def end_of(text: str, most: int, *, cut: bool = False) -> str:
    """Return the end of a text, without secrets or parts of them.

    Args:
        text: the text.
        most: characters to return.
        cut: whether the text is itself the end of a longer one; then its first `LONGEST`
            characters, where a part of a secret may be, are left out.
    """
    return redact(text)[LONGEST if cut else 0 :][-most:]


def redact_all(value: Any) -> Any:
    """Redact every string in a JSON value; field names stay."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: redact_all(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(part) for part in value]
    return value


class Redacting(logging.Formatter):
    """Formats log records, tracebacks included, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        return redact(super().format(record))


def guard() -> None:
    """Hide secrets in all that this process logs, and in its uncaught exceptions."""
    handler = logging.StreamHandler()
    handler.setFormatter(Redacting("%(name)s: %(message)s"))
    handler.setLevel(logging.WARNING)
    logging.getLogger().handlers = [handler]
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    sys.excepthook = _last_words
    sys.unraisablehook = _last_words_of_cleanup
    threading.excepthook = _last_words_of_thread
    warnings.showwarning = _warn


def explain(error: BaseException) -> str:
    """Return an exception's whole traceback, without secrets."""
    return redact("".join(traceback.format_exception(error)))


def _last_words(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    sys.stderr.write(explain(error))


def _last_words_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        sys.stderr.write(explain(ended.exc_value))


def _last_words_of_cleanup(ended: sys.UnraisableHookArgs) -> None:
    if ended.exc_value is not None:
        sys.stderr.write(explain(ended.exc_value))


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    said = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(redact(said))
