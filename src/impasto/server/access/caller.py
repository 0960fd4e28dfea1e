"""A caller of the API: a role, and what it reaches."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.errors import BadInput
from impasto.schema.access import ROLES, Role
from impasto.schema.url import normal


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request.

    Attributes:
        id: tells callers apart: a token's id, or an issuer's subject.
        name: for people.
        role: what it may do.
        tenant: whose jobs it sees; "" sees all.
        read: URLs of folders and prefixes that it may read from.
        write: those that it may write to.
        rules: names of the rules that it may use and see; None is all.
        by_cookie: whether a browser sent the token by itself.
    """

    id: str
    name: str
    role: Role
    tenant: str = ""
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    rules: tuple[str, ...] | None = None
    by_cookie: bool = False

    @property
    def party(self) -> str:
        """With whom it shares its turns: all callers of its tenant, or nobody."""
        return f"tenant {self.tenant}" if self.tenant else self.id

    def may(self, role: Role) -> bool:
        """Return whether it may do what a role may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def sees(self, tenant: str) -> bool:
        """Return whether it sees what belongs to a tenant."""
        return self.tenant in ("", tenant)

    def sees_rule(self, rule: str) -> bool:
        """Return whether it sees and may use a rule."""
        return self.rules is None or rule in self.rules

    def check_read(self, url: str) -> None:
        """Raise BadInput unless it may read from a URL; what is there plays no part."""
        if not within(url, (*self.read, *self.write), whole=True):
            raise BadInput(f"{url}: you may not read from there", _list(self.read))

    def check_write(self, url: str) -> None:
        """Raise BadInput unless it may write to a URL; what is there plays no part."""
        if not within(url, self.write):
            raise BadInput(f"{url}: you may not write there", _list(self.write))


def within(url: str, prefixes: tuple[str, ...], *, whole: bool = False) -> bool:
    """Return whether a URL is below a prefix; a whole prefix counts too, if asked for."""
    # By the text alone: what names an account less exactly than the prefix does is elsewhere.
    place = normal(url)
    if ".." in place.split("/"):
        return False
    if whole:
        place = f"{place.rstrip('/')}/"
    return any(place.startswith(normal(prefix).rstrip("/") + "/") for prefix in prefixes)


def _list(prefixes: tuple[str, ...]) -> str:
    return f"use a place below {' or '.join(prefixes)}" if prefixes else "ask the administrator"
