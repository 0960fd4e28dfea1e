"""What a watcher keeps in the control store; all else about it is derived from these records.

watch/<rule>/seen/<ticket>.json       a ticket; put-if-absent, so that it exists exactly once
watch/<rule>/open/<ticket>.json       the same, while it has not ended
watch/<rule>/tries/<ticket>-<n>.json  a try that failed
watch/<rule>/done/<ticket>.json       how it ended: its output was made
watch/<rule>/failed/<ticket>.json     how it ended: it failed too often
watch/<rule>/superseded/<ticket>.json how it ended: another version came before its job
watch/<rule>/poison/<name>.json       how it ended: it can never become a job
watch/<rule>/forgotten/<ticket>.json  tells watchers that a ticket is to count as new
watch/<rule>/outputs/<digest>.json    which object an output is made of
watch/<rule>/hooks/<ticket>.json      a webhook that is not delivered yet
watch/_claims/<rule>/<ticket>-<n>.json  who drives a ticket; the highest n counts
watch/_claims/_jobs/<job>-<n>.json    who drives a job without a ticket
watch/_watchers/<id>.json             a watcher, kept fresh while it lives

No rule's name begins with an underscore. A poison record is named after its ticket, after the
object that never got one, or after the content of a message.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from impasto.schema.base import Frozen
from impasto.schema.bounds import Count, JobId, Name, PathText, Seconds, Told, Word
from impasto.schema.job import JobSpec

RuleName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
TicketName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}-[0-9a-f]{16}$")]
"""A digest of the rule, its recipe and the object's key, and one of the object's version."""
WatcherId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
End = Literal["done", "failed", "poison", "superseded"]


def ticket_name(rule: str, recipe: str, key: str, version: str) -> str:
    """Return the name of the ticket of one version of an object, under one recipe of a rule."""
    return f"{_digest(rule, recipe, key)}-{_digest(version)}"


def _digest(*parts: str) -> str:
    facts = json.dumps(parts).encode(errors="surrogateescape")
    return hashlib.sha256(facts).hexdigest()[:16]


class Ticket(Frozen):
    """The order for one job: one version of an object in an inbox, and what a rule makes of it.

    Attributes:
        rule: the rule's name.
        recipe: digest of all in the rule that determines the output.
        key: the object, below the rule's inbox.
        version: changes whenever the object does.
        size: of the object, in bytes.
        modified: last change of the object by the store's clock, seconds since 1970.
        sender: the first folder of the key, or "" for an object directly in the inbox.
        spec: what to do.
    """

    rule: RuleName
    recipe: Word
    key: Name
    version: Word
    size: Count
    modified: Seconds
    sender: PathText = ""
    spec: JobSpec

    @property
    def name(self) -> str:
        """The ticket's name in its folders."""
        return ticket_name(self.rule, self.recipe, self.key, self.version)


class Try(Frozen):
    """A try of a ticket that failed.

    Attributes:
        error: why.
        job: the job's id, if it came to that.
        poison: whether to try again is of no use.
    """

    error: Told
    job: JobId | Literal[""] = ""
    poison: bool = False


class Ended(Frozen):
    """How a ticket ended, or why an object or a message never became one.

    Attributes:
        state: in one word; ``superseded`` if another version of the object came before the job.
        key: the object, below the rule's inbox; "" for a message.
        ticket: the ticket's name; "" if there was none.
        job: the job's id, if it came to that.
        output: URL of the output, if there is one.
        error: why there is no output.
        size: of the object or the message, in bytes.
        sender: as in `Ticket`.
        excerpt: how a message begins, as text.
    """

    state: End
    key: PathText = ""
    ticket: TicketName | Literal[""] = ""
    job: JobId | Literal[""] = ""
    output: PathText = ""
    error: Told = ""
    size: Count = 0
    sender: PathText = ""
    excerpt: Told = ""


class Hook(Frozen):
    """A webhook that is not delivered yet; what it says is in the record of how the ticket ended.

    Attributes:
        kind: which of the rule's URLs it goes to.
        ticket: the ticket's name.
        tries: how often it was sent in vain.
        since: when it was due first, seconds since 1970.
    """

    kind: Literal["done", "failed"]
    ticket: TicketName
    tries: Count = 0
    since: Seconds = 0.0


class OutputOwner(Frozen):
    """Which object an output is made of, so that no other object's job replaces it.

    Attributes:
        key: the object, below the rule's inbox.
        made: whether it was made once, and may be replaced by that of a later version.
    """

    key: Name
    made: bool = False


class Claim(Frozen):
    """Which watcher drives something.

    Attributes:
        watcher: its id.
    """

    watcher: WatcherId


class RuleNews(Frozen):
    """What a watcher last saw of a rule.

    Attributes:
        objects: how many objects are in the inbox.
        settling: how many of them are still being written, as far as one can tell.
        held: how many wait because of a limit, without a ticket yet.
        unannounced: how many came without a message in the rule's queue, since it began.
        dropped: messages that it could not read and only counted, since it began.
        limited: which limit keeps tickets waiting, or "".
        error: why the inbox could not be listed; "" if it could.
    """

    objects: Count = 0
    settling: Count = 0
    held: Count = 0
    unannounced: Count = 0
    dropped: Count = 0
    limited: Told = ""
    error: Told = ""


class Watcher(Frozen):
    """A watcher, as it makes itself known.

    Attributes:
        host: its machine.
        pid: its process id there.
        space: where that id is valid: the machine's start and the namespace of processes.
        began: when it began, seconds since 1970.
        beat: counts its signs of life, so that each one changes the object.
        rules: what it last saw of its rules, by name.
    """

    host: Word
    pid: Annotated[int, Field(ge=1, le=1 << 30)]
    space: Word = ""
    began: Seconds = 0.0
    beat: Count = 0
    rules: dict[RuleName, RuleNews] = Field(default_factory=dict)
