"""The state of a cluster, in words and as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from impasto.schema.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from impasto.driver.cluster_jobs import ClusterJob
    from impasto.engines.ray.status import Facts


def as_json(url: str, facts: Facts, jobs: Iterable[ClusterJob]) -> dict[str, Any]:
    """Return the state in JSON's types."""
    waiting = [
        {
            "workers": count,
            **asdict(size),
            "impossible": size in facts.impossible,
            "why": facts.why(size),
        }
        for size, count in facts.waiting.items()
    ]
    return {
        "cluster": url,
        "ray": facts.version,
        "head": facts.head is not None,
        "machines": [asdict(size) for size in facts.machines],
        "starting": facts.starting,
        "failures": list(facts.failures),
        "workers": {"running": facts.running, "waiting": waiting},
        "used": asdict(facts.used),
        "total": asdict(facts.total),
        "jobs": [
            {
                **asdict(job.submission),
                "submission": job.submission.id,
                "shards_done": job.shards_done,
                "shards": job.shards,
            }
            for job in jobs
        ],
    }


def lines(url: str, facts: Facts, jobs: Iterable[ClusterJob]) -> Iterator[str]:
    """Describe the state in words."""
    yield f"cluster    {url}, Ray {facts.version}"
    kinds = Counter(facts.machines)
    up = [f"{count} with {size}" for size, count in sorted(kinds.items())]
    if facts.starting:
        up.append(f"{facts.starting} starting")
    yield f"machines   {', '.join(['head' if facts.head else 'no head', *up])}"
    for failure in facts.failures:
        yield f"           did not start: {plain(failure)}"
    waiting = sum(facts.waiting.values())
    yield f"workers    {facts.running} running, {waiting} waiting for a machine"
    for line in facts.waits():
        yield f"           {line}"
    used, total = facts.used, facts.total
    yield f"in use     {used.cpus:g} of {total.cpus:g} cores, {used.gpus:g} of {total.gpus:g} GPUs"
    for job in jobs:
        yield f"job        {job.submission.job} {_state(job)}"


def _state(job: ClusterJob) -> str:
    """Say what a job's driver does, or how it ended."""
    submission = job.submission
    words: str = submission.state
    if submission.state == "cancelled":
        return f"{words}, as {submission.id}"
    if job.shards and job.shards_done is not None:
        left = job.shards - job.shards_done
        words += f", {job.shards_done} of {job.shards} shards done, {left} to do"
    if submission.message:
        words += f", as {submission.id}: {plain(submission.message)}"
    return words
