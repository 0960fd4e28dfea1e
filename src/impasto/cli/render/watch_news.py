"""What `impasto watch` prints while it runs, and what it would do."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from typing import TYPE_CHECKING

from impasto.cli.render.text import nearby, say
from impasto.cli.render.wording import worded
from impasto.schema.diagnostics import Grade, diagnostic
from impasto.schema.url import is_local
from impasto.schema.words import clock, counted
from impasto.secrecy import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from impasto.watch.dry_run import Prospect
    from impasto.watch.news import News
    from impasto.watch.rule import Rule

NAMED = 3
"""Objects that are named for each reason why they become no job."""
_ONE_AT_A_TIME = threading.Lock()


def watching(rules: Sequence[Rule], home: str, *, as_json: bool, process: str = "watch") -> None:
    """Print what is watched, and how to stop."""
    if as_json:
        for rule in rules:
            say(diagnostic(process, "info", f"watching {rule.inbox}/", rule=rule.name))
        return
    stamp = _stamp(time.time())
    for rule in rules:
        say(f"{stamp} {rule.name}: watching {_place(rule.inbox)}/")
    say(f"{stamp} jobs are kept in {_place(home)}; Ctrl-C stops once the shards in work are done")


def news(told: News, *, as_json: bool, process: str = "watch") -> None:
    """Print something that happened, in one line; may be called by any thread."""
    now = time.time()
    if as_json:
        failed = told.state in {"failed", "poison"}
        level: Grade = "error" if failed else "warning" if told.warning else "info"
        facts = dataclasses.asdict(told)
        text = facts.pop("text")
        if told.state == "began":
            text = f"job {told.job} {text}"
        line = diagnostic(process, level, text, **facts)
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
    style = f" ({told.style})" if told.style else ""
    who = " ".join(filter(None, (told.rule, f"{told.key}{style}" if told.key else "")))
    match told.state:
        case "began":
            return f"{who}: job {told.job} {told.text}"
        case "running":
            left = f", {clock(told.seconds)} left" if told.seconds else ""
            return f"{who}: {told.text}{left}"
        case "done" if not told.items:
            return f"{who} → {_place(told.output)} (as it was)"
        case "done":
            return f"{who} → {_place(told.output)} ({told.items:,} items, {clock(told.seconds)})"
        case "poison":
            return f"{who}: set aside: {_without_name(told)}"
        case "failed":
            return f"{who}: failed: {_without_name(told)}"
        case _:
            return f"{who}: {worded(told.text)}" if who else worded(told.text)


def _without_name(told: News) -> str:
    return without_name(worded(told.text), told.key)


def without_name(text: str, key: str) -> str:
    """Return what is wrong with an object without the name that is printed before it."""
    name = key.rpartition("/")[2]
    rest = text.removeprefix(name)
    return rest.lstrip(": ") if name and rest != text and rest[:1] in {" ", ":"} else text


def _place(output: str) -> str:
    return nearby(output) if is_local(output) else output


def prospects(rule: Rule, found: Iterable[Prospect], *, as_json: bool) -> None:
    """Print what a rule would make of each object, and why not of the others, by reasons."""
    if as_json:
        for each in found:
            sys.stdout.write(json.dumps({"rule": rule.name, **dataclasses.asdict(each)}) + "\n")
        return
    say(f"rule {rule.name}: {_place(rule.inbox)}/")
    new = 0
    others: dict[str, tuple[list[str], int]] = {}
    for each in found:
        for output in each.outputs:
            say(f"  {each.key} → {_place(output)}")
        new += len(each.outputs)
        if each.why:
            named, count = others.get(each.why, ([], 0))
            others[each.why] = (sorted([*named, each.key])[:NAMED], count + 1)
    for why, (named, count) in others.items():
        more = f" and {count - len(named):,} more" if count > len(named) else ""
        say(f"  {', '.join(named)}{more}: {worded(why)}")
    say(f"  {counted(new, 'jobs')} would begin")
