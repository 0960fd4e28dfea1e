"""Translation of the store client's errors into Impasto's: one line of thing, fact and remedy."""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from impasto.errors import BadInput, Changed, Denied, Exists, Missing, Unavailable
from impasto.storage.local import mapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.storage.credentials import Credential

_CODE = re.compile(r"<Code>(\w+)</Code>")
_NO_CONTAINER = {"ContainerNotFound", "NoSuchBucket"}
_UNKNOWN = {
    "AuthenticationFailed",
    "AuthorizationFailure",
    "InvalidAccessKeyId",
    "InvalidAuthenticationInfo",
    "SignatureDoesNotMatch",
}
_LACKING = {"AccessDenied", "AuthorizationPermissionMismatch"}
_UNTRUSTED = "InvalidCertificate"
_WRONG_KEY = "InvalidAuthenticationInfo"
_HOST = re.compile(r"Error performing \w+ (https?://[^/?\s]+)")
_STATUS = re.compile(r"status code: (\d+[A-Za-z ]*)")
_WHY = re.compile(r'message: "([^"]+)"|"(dns error)"|(InvalidCertificate)|kind: (Timeout)')
_ERRNO = re.compile(r"\(os error (\d+)\)")
_REFUSED = re.compile(r"\bcode: (401|403)\b")


@contextmanager
def client_errors(where: str, signed: Credential | None) -> Iterator[None]:
    """Turn the client's errors into Impasto's.

    Args:
        where: the thing's name, for people.
        signed: how requests to a service are signed; None for a local folder.

    Raises:
        Missing, Exists, Changed: as their names say.
        Denied: a service refuses access.
        BadInput: a folder refuses access, or the name cannot be used.
        Unavailable: anything else.
    """
    try:
        with _folder(where) if signed is None else _remote(where, signed):
            yield
    except AlreadyExistsError:
        raise Exists(f"{where}: already exists", "choose another path") from None
    except PreconditionError:
        raise Changed(f"{where}: has changed in the meantime", "run it again") from None
    except (InvalidPathError, ValueError) as error:
        fact = str(error).splitlines()[0]
        raise BadInput(f"{where}: {fact}", "rename or remove that object") from None
    except PermissionDeniedError:
        raise BadInput(f"{where}: access is refused", "check the permissions") from None
    except BaseError as error:
        fact = _fact(error)
        remedy = "check the store and try again"
        if _UNTRUSTED in fact:
            remedy = "name its authority with ca in impasto.toml, if you trust it"
        raise Unavailable(f"{where}: {fact}", remedy) from None


@contextmanager
def _remote(where: str, signed: Credential) -> Iterator[None]:
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        found = _CODE.search(str(error))
        code = found[1] if found else ""
        if code in _NO_CONTAINER:
            raise BadInput(f"{where}: no such container", "create it, or check its name") from None
        if isinstance(error, FileNotFoundError | NotFoundError):
            raise Missing(f"{where}: no such object", "check the URL") from None
        refused = isinstance(error, PermissionDeniedError | UnauthenticatedError)
        if refused or code == _WRONG_KEY or _REFUSED.search(str(error)):
            told = f" ({code})" if code else ""
            raise Denied(
                f"{where}: access is refused{told} to {signed.asker}", _remedy(code, signed.until)
            ) from None
        raise
    except OSError as error:
        raise Unavailable(f"{where}: {error}", "check the network and try again") from None


@contextmanager
def _folder(where: str) -> Iterator[None]:
    """Turn file-system errors, which the client passes on as its own, into Python's."""
    with mapped(where):
        try:
            yield
        except BaseError as error:
            number = _ERRNO.search(str(error))
            if number is None:
                raise
            if int(number[1]) == errno.ENOTDIR:
                raise Missing(f"{where}: part of the path is a file", "choose another") from None
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from None


def _remedy(code: str, until: datetime | None) -> str:
    if until and until < datetime.now(UTC):
        return "it has expired: get a new one, such as `impasto sas` makes"
    if code in _UNKNOWN:
        return "it is wrong, or belongs to another account or container"
    if code in _LACKING:
        return "it lacks a right that this needs"
    return "check what it may do with `impasto doctor`"


def _fact(error: BaseException) -> str:
    """Return what a client's error says, without its debug output."""
    text = str(error).strip() or type(error).__name__
    first = text.splitlines()[0]
    host, status, code = _HOST.search(first), _STATUS.search(first), _CODE.search(first)
    server = host[1] if host else "the server"
    if status:
        return f"{server} answers {status[1].strip()}{f' ({code[1]})' if code else ''}"
    if "HTTP error:" in first:
        why = next((found for group in _WHY.findall(text) for found in group if found), "")
        return f"{server} does not answer{f' ({why})' if why else ''}"
    return first
