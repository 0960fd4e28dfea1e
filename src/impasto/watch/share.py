"""A job's share of the machine, where a watcher runs several at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from impasto.machine import uses_cuda
from impasto.schema.base import change

if TYPE_CHECKING:
    from impasto.settings import Settings
    from impasto.watch.rule import Rule, WatchSettings


def jobs_at_once(settings: Settings, watch: WatchSettings) -> int:
    """Return how many jobs run at once: one per core, or one that has all CUDA devices."""
    default = 1 if uses_cuda(settings.device) else len(os.sched_getaffinity(0))
    return watch.jobs or default


def job_settings(settings: Settings, watch: WatchSettings, rule: Rule | None) -> Settings:
    """Return the settings that a watcher drives a job with.

    Args:
        settings: as the watcher has them.
        watch: how the watcher runs.
        rule: the job's rule; None if it has none.
    """
    own = dict(rule.settings) if rule else {}
    made = change(settings, own, "correct the rule")
    if made.workers.most is None and made.engine == "local" and not uses_cuda(made.device):
        each = max(1, len(os.sched_getaffinity(0)) // jobs_at_once(settings, watch))
        made = change(made, {"workers": each}, "correct the rule")
    return made
