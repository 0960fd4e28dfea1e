"""Submissions and plans, in a child process: sources and paintings are looked into here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from impasto.driver import preview
from impasto.driver.detaching import detach
from impasto.driver.open_job import open_draft
from impasto.driver.weight import check_weight
from impasto.errors import BadInput
from impasto.planning.template import below
from impasto.schema.base import parse
from impasto.schema.job import JobSpec
from impasto.schema.url import parse as parse_url
from impasto.server.models.submitting import Estimate, Submitted
from impasto.server.work.wanted import (
    Chosen,
    choose,
    contained,
    contained_source,
    rule_spec,
)
from impasto.storage.stores import Stores
from impasto.watch.inbox import Inbox
from impasto.watch.matching import Passed, decide
from impasto.watch.records import Records
from impasto.watch.rules import load_watch
from impasto.watch.share import job_settings

if TYPE_CHECKING:
    from impasto.settings import Settings


def submit(settings: Settings, spec: dict[str, Any], places: list[str]) -> bytes:
    """Submit a job for a watcher; returns `Submitted` as JSON.

    Args:
        settings: as the service has them.
        spec: fields of the spec.
        places: what the caller may read and write.
    """
    wanted = contained(parse(JobSpec, spec), Stores.of(settings), places)
    return _submitted(wanted, settings)


def submit_by_rule(
    settings: Settings,
    config: str | None,
    rule: str,
    style: str | None,
    source: str,
    places: list[str],
    own: dict[str, Any],
) -> bytes:
    """Submit what a rule makes of an object; returns `Submitted` as JSON.

    An object in the rule's inbox gets its ticket at once, as from the watcher, which then drives
    it. Any other one becomes a job with the rule's scorer, parameters and output.

    Args:
        settings: as the service has them.
        config: the config file that was named, or None.
        rule: the rule's name.
        style: name of one of its styles, or None.
        source: URL of the object.
        places: what the caller may read and write.
        own: fields of the spec that are the caller's.
    """
    stores = Stores.of(settings)
    chosen, source = choose(settings, config, rule, style), contained_source(source, stores, places)
    key = below(parse_url(chosen.rule.inbox), parse_url(source))
    if key:
        return _ticket(chosen, key, settings, stores)
    spec, limits = rule_spec(chosen, source, own), chosen.rule.limits
    check_weight(
        open_draft(spec, settings),
        max_objects=limits.max_objects,
        max_frames=limits.max_frames,
        max_pixels=limits.max_pixels,
    )
    return _submitted(spec, settings)


def plan(
    settings: Settings,
    config: str | None,
    spec: dict[str, Any],
    places: list[str],
    rule: dict[str, Any] | None = None,
) -> bytes:
    """Estimate a job without writing anything; returns `Estimate` as JSON.

    Args:
        settings: as the service has them.
        config: the config file that was named, or None.
        spec: fields of the spec.
        places: what the caller may read and write.
        rule: its ``name`` and ``style``, if a rule says all but the source.
    """
    return estimate(*resolved(settings, config, spec, places, rule)).model_dump_json().encode()


def resolved(
    settings: Settings,
    config: str | None,
    spec: dict[str, Any],
    places: list[str],
    rule: dict[str, Any] | None,
) -> tuple[JobSpec, Settings]:
    """Return the spec to look at, and the settings that a watcher would drive it with.

    Takes and raises what `plan` does.
    """
    stores = Stores.of(settings)
    watch = load_watch(config, settings, stores)
    if rule is None:
        wanted = contained(parse(JobSpec, spec), stores, places)
        return wanted, job_settings(settings, watch, None)
    chosen = choose(settings, config, **rule)
    source = contained_source(spec["source"], stores, places)
    return rule_spec(chosen, source, {}), job_settings(settings, watch, chosen.rule)


def estimate(spec: JobSpec, settings: Settings, seconds: float | None = None) -> Estimate:
    """Return how a job would be cut, and how long it would take.

    Args:
        spec: the job.
        settings: as whoever drives it has them.
        seconds: one worker's seconds for an item, which count if no earlier job tells.
    """
    draft = preview.draft(spec, settings)
    plan = draft.plan
    wall, workers = draft.wall, max(1, min(draft.workers, len(plan.shards)))
    if wall is None and seconds is not None:
        wall = plan.count * seconds / workers
    return Estimate(
        items=plan.count,
        noun=plan.noun,
        shards=len(plan.shards),
        workers=workers,
        seconds=wall,
        width=draft.target.width if draft.target else plan.width,
        height=draft.target.height if draft.target else plan.height,
        output_kind=plan.output,
        reasons=[*draft.reasons],
        warnings=[*plan.warnings],
    )


def _submitted(spec: JobSpec, settings: Settings) -> bytes:
    made = detach(spec, settings)
    answer = Submitted(job=made.job, state=made.state, output=made.output)
    return answer.model_dump_json().encode()


def _ticket(chosen: Chosen, key: str, settings: Settings, stores: Stores) -> bytes:
    """Give an object in a rule's inbox its ticket, unless it has it already."""
    rule, variant = chosen.rule, chosen.variant
    arrival = Inbox(rule.inbox, stores).look(key)
    if arrival is None:
        raise BadInput(f"{key}: is not in the inbox of rule {rule.name}", "check its name")
    decided = decide(rule, chosen.rules, arrival)
    if isinstance(decided, Passed):
        raise BadInput(
            f"{key}: rule {rule.name} does not take it: {decided.reason}", "see its patterns"
        )
    ticket = next(each for each in decided if each.recipe == variant.recipe)
    records = Records(stores.open_home(settings.home))
    admitted = records.admit(ticket)
    ended = None if admitted else records.ended(rule.name, ticket.name)
    state = ended.state if ended else "submitted" if admitted else "already submitted"
    answer = Submitted(
        job=ended.job if ended else "",
        ticket=ticket.name,
        state=state,
        output=(ended.output if ended else "") or ticket.spec.output,
    )
    return answer.model_dump_json().encode()
