"""What `impasto watch` prints while it runs, and what it would do."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from typing import TYPE_CHECKING

from impasto.cli.render.text import clock, counted, nearby, say
from impasto.cli.render.wording import worded
from impasto.schema.url import is_local
from impasto.secrecy import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from impasto.watch.dry_run import Prospect
    from impasto.watch.news import News
    from impasto.watch.rule import Rule

_ONE_AT_A_TIME = threading.Lock()


def watching(rules: Sequence[Rule], *, as_json: bool) -> None:
    """Print what is watched."""
    if not as_json:
        for rule in rules:
            say(f"{_stamp(time.time())} {rule.name}: watching {_place(rule.inbox)}")


def news(told: News, *, as_json: bool) -> None:
    """Print something that happened, in one line; may be called by any thread."""
    now = time.time()
    if as_json:
        facts = {name: value for name, value in dataclasses.asdict(told).items() if value}
        line = json.dumps({"time": round(now, 3), **facts, "text": redact(told.text)})
        with _ONE_AT_A_TIME:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        return
    with _ONE_AT_A_TIME:
        say(f"{_stamp(now)} {redact(_line(told))}")


def _stamp(now: float) -> str:
    """Write the time: of the day on a terminal, where nobody scrolls back for days."""
    if sys.stdout.isatty():
        return time.strftime("%H:%M:%S", time.localtime(now))
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))


def _line(told: News) -> str:
    who = " ".join(filter(None, (told.rule, told.key)))
    match told.state:
        case "began":
            return f"{who}: job {told.job} began"
        case "done":
            items = f"{told.items:,} items, " if told.items else ""
            return f"{who} → {_place(told.output)} ({items}{clock(told.seconds)})"
        case "poison":
            return f"{who}: set aside: {worded(told.text)}"
        case "failed":
            return f"{who}: failed: {worded(told.text)}"
        case _:
            return f"{who}: {worded(told.text)}" if who else worded(told.text)


def _place(output: str) -> str:
    return nearby(output) if is_local(output) else output


def prospects(rule: Rule, found: Iterable[Prospect], *, as_json: bool) -> None:
    """Print what a rule would make of each object."""
    if not as_json:
        say(f"rule {rule.name}: {_place(rule.inbox)}")
    new = seen = passed = 0
    for each in found:
        if as_json:
            sys.stdout.write(json.dumps({"rule": rule.name, **dataclasses.asdict(each)}) + "\n")
        elif each.why:
            say(f"  {each.key}: {worded(each.why)}")
        for output in () if as_json else each.outputs:
            say(f"  {each.key} → {_place(output)}")
        new += len(each.outputs)
        seen += each.seen
        passed += bool(each.why) and not each.seen
    if not as_json:
        say(f"  {counted(new, 'jobs')} would begin; {seen:,} seen before, {passed:,} passed over")
